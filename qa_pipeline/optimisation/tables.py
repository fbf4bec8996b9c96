"""The artifacts of the search as Parquet: explicit schemas with a version, and rows as dicts. Never decides anything.

Every table has the hash of the prompt that a row is about, and its lineage: the hash of the prompt that this one came
from, and what made it. The same rows give the same bytes. Readers refuse a file of another table, another version or
other columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import DataError
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation, Synthesis

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
"""Raised with every change of a column of any table."""
_NAME, _VERSION = b"qa_pipeline.table", b"qa_pipeline.table_version"
_KEY = "key"
"""A column of text that no row may lack. The other types below may be null."""
_LINEAGE = {"prompt_hash": _KEY, "parent": "text", "made_by": "text", "round": "count"}
_FACTORS = {
    **{name: "text" for name in ("order", "span_rule", "wh_quota", "evidence")},
    "few_shot": "count",
    "rephrase": "flag",
    "temperature": "number",
}
TABLES: dict[str, dict[str, Any]] = {
    "prompts": {
        **{"hash": _KEY, "parent": "text", "made_by": "text", "round": "count", "name": "text", "kind": "text"},
        **{"system": "text", "user": "text", "following_system": "text", "following_user": "text"},
        **{"rephrase": "flag", "few_shot": "count", "evidence": "text", "temperature": "number", "factors": _FACTORS},
    },
    "evaluations": {
        **_LINEAGE,
        **{"domain": "text", "rung": "count", "score": "number", "low": "number", "high": "number", "noise": "number"},
        **{"passages": "count", "rows": "count", "tokens": "count", "rejected": "counts", "parts": "numbers"},
        "values": "list of numbers",
    },
    "pairs": {
        **{"domain": "text", "rung": "count", "winner": _KEY, "loser": _KEY},
        **{"winner_parent": "text", "winner_made_by": "text", "loser_parent": "text", "loser_made_by": "text"},
        **{"difference": "number", "noise": "number", "weight": "number"},
    },
    "synthetic_data": {
        **{"id": _KEY, "title": "text", "context": _KEY, "question": _KEY},
        "answers": {"text": "list of texts", "answer_start": "list of counts"},
        **{"is_impossible": "flag", "metadata": "text", "domain": "text"},
        **_LINEAGE,
    },
    "comparison_results": {
        **{"name": _KEY, "prompt_hash": "text", "parent": "text", "made_by": "text", "round": "count"},
        **{"domain": "text", "split": "text", "questions": "count", "tokens": "count", "rows": "count"},
        **{"seed": "count", "f1": "number", "em": "number", "low": "number", "high": "number"},
        **{"difference": "number", "difference_low": "number", "difference_high": "number", "p_value": "number"},
    },
}
"""Table -> column -> type; a mapping is a struct.

comparison_results: one row a seed, and one with seed null for the mean over them, which alone has an interval and its
paired difference to the baseline; prompt_hash is null where no language model was asked.
"""


def table_schema(name: str) -> pa.Schema:
    """The schema of a table, with its name and VERSION in the metadata.

    Raises:
        KeyError: there is no such table.

    >>> table_schema("pairs").names[:4]
    ['domain', 'rung', 'winner', 'loser']
    """
    import pyarrow as pa

    fields = [pa.field(column, _arrow_type(kind), nullable=kind != _KEY) for column, kind in TABLES[name].items()]
    return pa.schema(fields, metadata={_NAME: name.encode(), _VERSION: str(VERSION).encode()})


def write_table(path: str | Path, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Writes a table atomically; the same rows give the same bytes.

    Args:
        path: its file.
        name: a key of TABLES.
        rows: by column; a column that may be null can be left out.

    Raises:
        ValueError: a row has a column that the table has not, or lacks one that may not be null.
        DataError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> pair = {"domain": "fees", "winner": "a1", "loser": "b2", "difference": 3.5, "noise": 1.0, "weight": 2.5}
        >>> path = write_table(f"{folder.name}/pairs.parquet", "pairs", [pair])
        >>> read_table(path, "pairs")[0]["weight"]
        2.5
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    schema, listed = table_schema(name), list(rows)
    _check_rows(name, listed)
    try:
        table = pa.Table.from_pylist([_writable(row, TABLES[name]) for row in listed], schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"table {name}: a row holds a value of another type ({error})") from error
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", write_page_checksum=True)
    with artifacts.writing(path, resumes=True):
        return artifacts.write_bytes(path, sink.getvalue().to_pybytes())


def read_table(path: str | Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table; maps are dicts, lists are lists.

    Args:
        path: its file, written by `write_table`.
        name: the table that it should be.

    Raises:
        DataError: the file is not there or damaged, or holds another table, version or columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); expected the table {name}, as optimize-prompt "
            "writes it into its output_dir"
        ) from error
    try:
        table = parquet.read_table(pa.BufferReader(content), page_checksum_verification=True)
        _check_schema(path, name, table.schema)
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: damaged, or no Parquet file ({' '.join(str(error).split())}); expected the table {name}. "
            "Remove it, and start the command that made it again: it goes on from what it has kept"
        ) from error
    return [_readable(row, TABLES[name]) for row in rows]


# Rows of the tables


def prompt_rows(candidates: Iterable[PromptCandidate]) -> list[dict[str, Any]]:
    """The rows of `prompts`, one a candidate."""
    rows = []
    for candidate in candidates:
        recipe = candidate.recipe
        columns = [name for name in TABLES["prompts"] if name not in ("hash", "round", "factors")]
        factors = None if candidate.factors is None else asdict(candidate.factors)
        rows.append(
            {"hash": candidate.hash, "round": candidate.round, "factors": factors}
            | {name: getattr(recipe, name) for name in columns}
        )
    return rows


def evaluation_rows(
    evaluations: Iterable[PromptEvaluation], candidates: Iterable[PromptCandidate]
) -> list[dict[str, Any]]:
    """The rows of `evaluations`, with the lineage of each from the candidate of its hash.

    Raises:
        KeyError: there is no such candidate.
    """
    known = {candidate.hash: candidate for candidate in candidates}
    return [one.to_json() | lineage_of(known[one.prompt_hash]) for one in evaluations]


def pair_rows(evaluations: Iterable[PromptEvaluation], candidates: Iterable[PromptCandidate]) -> list[dict[str, Any]]:
    """The rows of `pairs`: of every domain and rung each two prompts that scored differently there.

    `noise` is the standard error of the difference, the two taken as independent; `weight` is what of the difference is
    beyond it, 0 where nothing is: pairs that teach nothing are there, and say so.

    Raises:
        KeyError: a prompt was evaluated that is none of the candidates.
    """
    known = {candidate.hash: candidate for candidate in candidates}
    groups: dict[tuple[str, int], dict[str, PromptEvaluation]] = {}
    for one in evaluations:
        groups.setdefault((one.domain, one.rung), {})[one.prompt_hash] = one
    rows = []
    for (domain, rung), group in sorted(groups.items()):
        ordered = sorted(group.values(), key=lambda one: (-one.score, one.prompt_hash))
        for place, winner in enumerate(ordered):
            for loser in ordered[place + 1 :]:
                if winner.score > loser.score:
                    rows.append({"domain": domain, "rung": rung} | _pair(winner, loser, known))
    return rows


def data_rows(
    synthesis: Synthesis, candidate: PromptCandidate, domain: str, round: int | None = None
) -> list[dict[str, Any]]:
    """The rows of `synthetic_data`: canonical examples, with the prompt that made each.

    Args:
        synthesis: of the candidate.
        candidate: the prompt.
        domain: what the passages are about.
        round: in which they were asked for; None: the candidate's.
    """
    rows = []
    for row in synthesis.rows:
        example: dict[str, Any] = dict(row.to_example())
        example["metadata"] = json.dumps(example["metadata"], ensure_ascii=False, sort_keys=True)
        rows.append(example | {"domain": domain} | lineage_of(candidate))
        if round is not None:
            rows[-1]["round"] = round
    return rows


def lineage_of(candidate: PromptCandidate) -> dict[str, Any]:
    """prompt_hash, parent, made_by and round, as most tables have them."""
    recipe = candidate.recipe
    return {
        "prompt_hash": candidate.hash,
        "parent": recipe.parent,
        "made_by": recipe.made_by,
        "round": candidate.round,
    }


def _pair(winner: PromptEvaluation, loser: PromptEvaluation, known: Mapping[str, PromptCandidate]) -> dict[str, Any]:
    difference = winner.score - loser.score
    noise = float((winner.noise**2 + loser.noise**2) ** 0.5)
    row: dict[str, Any] = {"difference": difference, "noise": noise, "weight": max(0.0, difference - noise)}
    for side, one in (("winner", winner), ("loser", loser)):
        recipe = known[one.prompt_hash].recipe
        row |= {side: one.prompt_hash, f"{side}_parent": recipe.parent, f"{side}_made_by": recipe.made_by}
    return row


# Types


def _arrow_type(kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(kind, dict):
        return pa.struct([pa.field(name, _arrow_type(inner)) for name, inner in kind.items()])
    return {
        _KEY: pa.string(),
        "text": pa.string(),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
        "list of texts": pa.list_(pa.string()),
        "list of counts": pa.list_(pa.int64()),
        "list of numbers": pa.list_(pa.float64()),
        "counts": pa.map_(pa.string(), pa.int64()),
        "numbers": pa.map_(pa.string(), pa.float64()),
    }[kind]


def _check_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = TABLES[name]
    needed = [column for column, kind in columns.items() if kind == _KEY]
    for number, row in enumerate(rows):
        if unknown := sorted(set(row) - set(columns)):
            raise ValueError(f"table {name}, row {number}: it has no column {', '.join(unknown)}")
        if lacking := [column for column in needed if row.get(column) is None]:
            raise ValueError(f"table {name}, row {number}: {', '.join(lacking)} may not be null")


def _check_schema(path: str | Path, name: str, found: Any) -> None:
    """Raises DataError where a file holds something else."""
    metadata = found.metadata or {}
    there = metadata.get(_NAME, b"").decode("utf-8", "replace")
    if there != name:
        what = f"the table {there}" if there else "a Parquet file of another program"
        raise DataError(f"{path}: expected the table {name} of optimize-prompt, found {what}; give the other file")
    version = metadata.get(_VERSION, b"").decode("utf-8", "replace")
    if version != str(VERSION):
        raise DataError(
            f"{path}: expected version {VERSION} of the table {name}, found {version or 'none'}; make it again with "
            "this version of the package, or read it with the one that wrote it"
        )
    wanted = table_schema(name)
    wrong = [field.name for field in wanted if field.name not in found.names or found.field(field.name) != field]
    wrong += [column for column in found.names if column not in wanted.names]
    if wrong:
        raise DataError(
            f"{path}: the columns {', '.join(wrong)} are not as the table {name} has them; it was changed after it was "
            "written. Make it again"
        )


def _writable(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The row as pyarrow takes it: pairs for maps, in the order of their names."""
    return {
        column: sorted(value.items()) if columns[column] in ("counts", "numbers") and value is not None else value
        for column, value in row.items()
    }


def _readable(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column: dict(value) if columns[column] in ("counts", "numbers") and value is not None else value
        for column, value in row.items()
    }
