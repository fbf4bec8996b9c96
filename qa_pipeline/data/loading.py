"""The main path of data: read, map, weigh, verify, repair, report. Past this point nobody checks a row again.

`load_examples` gives canonical examples that keep the invariant of `example.py`, and a report of everything that was
not as it should be. The conventions of a source are found out from all its rows before the first is verified. Identical
contexts become one string, so memory holds little more than the examples.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from qa_pipeline.artifacts import write_bytes
from qa_pipeline.data.conventions import Merge, find_conventions, with_conventions
from qa_pipeline.data.example import BadRow, Example, LooseExample, RawRow
from qa_pipeline.data.mapping import apply, other_columns
from qa_pipeline.data.mapping.field_mapping import FieldMapping
from qa_pipeline.data.mapping.fields import how_to_map_answers
from qa_pipeline.data.mapping.inference import resolve_mapping
from qa_pipeline.data.readers import read_rows
from qa_pipeline.data.report import DataReport
from qa_pipeline.data.verification import POLICIES, Verifier
from qa_pipeline.errors import ConfigError, DataError

_LEAST_EVIDENCE = 2000
"""Rows that are looked at before the first is verified, where `max_samples` asks for fewer."""


def load_examples(
    source: str | Path,
    *,
    field_mapping: str | Path | dict[str, Any] | None = None,
    split: str | None = None,
    on_bad_data: str = "repair",
    max_bad_fraction: float = 0.2,
    require_answers: bool = True,
    max_samples: int | None = None,
    keep_columns: bool = False,
    merge_references: bool = True,
    dataset_config_name: str | None = None,
    cache_dir: str | None = None,
    token: str | None = None,
    revision: str | None = None,
) -> tuple[list[Example], DataReport]:
    """Reads labelled (or, for prediction, unlabelled) questions from nearly any source.

    Args:
        source: a file, a folder saved by `datasets`, or the name of a Hub dataset.
        field_mapping: preset name, mapping file or inline mapping; None infers the roles.
        split: split of a folder or Hub dataset.
        on_bad_data: "repair" mends what can be mended and drops the rest; "drop" mends nothing; "error" stops at the
            first bad row.
        max_bad_fraction: more dropped rows than this share of those read is an error, in [0, 1].
        require_answers: False keeps rows that have no usable answer, for prediction.
        max_samples: stop after this many examples.
        keep_columns: True keeps what a row has beside its question, text and answers in its `metadata`, as far as it is
            one value of at most 200 characters.
        merge_references: False keeps rows that ask the same question of the same context apart, as a benchmark that
            counts them by id does.
        dataset_config_name: configuration of a Hub dataset.
        cache_dir: where Hub data is cached.
        token: Hub token; never logged.
        revision: branch, tag or commit of a Hub dataset.

    Returns:
        The examples, in the order of the source, and the report on them.

    Raises:
        ConfigError: an argument is out of range or the mapping is wrong.
        DataError: the source cannot be read, has no usable row, has too many bad ones, has spans that cut words however
            they are counted, or (on_bad_data="error") has any bad row.

    Example:
        >>> examples, report = load_examples("docs/examples/labels.csv")
        >>> len(examples), examples[0]["answers"]
        (8, {'text': ['25 euros'], 'answer_start': [86]})
    """
    _check_arguments(on_bad_data, max_bad_fraction, max_samples)
    hub = {"dataset_config_name": dataset_config_name, "cache_dir": cache_dir, "token": token, "revision": revision}
    stream = read_rows(source, split=split, **hub)
    mapping = resolve_mapping(field_mapping, stream, source)
    first = [row for row in stream.head() if isinstance(row, RawRow)]
    rows = _mapped(stream.rows, mapping, keep_columns)
    seen = deque(islice(rows, None if max_samples is None else max(_LEAST_EVIDENCE, 2 * max_samples)))
    good = [row for row in seen if isinstance(row, LooseExample)]
    conventions = find_conventions(good, mapping, stream.format, str(source), require_answers)
    del good
    if not merge_references:
        conventions = replace(conventions, merge=Merge.NEVER)
    mapping, evidence = with_conventions(mapping, conventions), conventions.evidence
    report = DataReport(str(source), stream.format, on_bad_data, field_mapping=mapping.to_dict())
    report.offsets = evidence.describe() if evidence.answers else None
    report.encoding = stream.encoding
    verifier = Verifier(report, on_bad_data, require_answers, conventions)
    examples: list[Example] = []
    for row in chain(_taken(seen), rows):
        if len(examples) == max_samples and not verifier.surely_merges(row):
            break
        if (example := verifier.verify(row)) is not None:
            examples.append(example)
    if not require_answers and not verifier.marks_impossible:
        _unlabel_empty(examples, report)
    report.contexts = len({example["context"] for example in examples})
    report.titles = len({example["title"] for example in examples if "title" in example})
    _check_enough(report, max_bad_fraction, mapping, first)
    return examples, report


def to_squad(examples: Iterable[Example]) -> dict[str, Any]:
    """SQuAD 2.0 nested JSON: articles by title, paragraphs by context, in the order of first appearance."""
    articles: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for example in examples:
        paragraphs = articles.setdefault(example.get("title", ""), {})
        answers = example["answers"]
        question: dict[str, Any] = {
            "id": example["id"],
            "question": example["question"],
            "answers": [
                {"text": text, "answer_start": start}
                for text, start in zip(answers["text"], answers["answer_start"], strict=True)
            ],
            "is_impossible": example["is_impossible"],
        }
        if "metadata" in example:
            question["metadata"] = example["metadata"]
        paragraphs.setdefault(example["context"], []).append(question)
    data = [
        {"title": title, "paragraphs": [{"context": context, "qas": qas} for context, qas in paragraphs.items()]}
        for title, paragraphs in articles.items()
    ]
    return {"version": "v2.0", "data": data}


def write_squad(path: str | Path, examples: Iterable[Example]) -> Path:
    """Writes `examples` as SQuAD 2.0 JSON on one line, atomically."""
    return write_bytes(path, _squad_pieces(examples))


def squad_bytes(examples: Iterable[Example]) -> bytes:
    """What `write_squad` writes."""
    return b"".join(_squad_pieces(examples))


def _squad_pieces(examples: Iterable[Example]) -> Iterator[bytes]:
    """The file a paragraph at a time: as one text, a single emoji would make all of it four bytes a character."""
    squad = to_squad(examples)
    yield f'{{"version": {json.dumps(squad["version"])}, "data": ['.encode()
    for number, article in enumerate(squad["data"]):
        title = json.dumps(article["title"], ensure_ascii=False)
        yield f'{", " if number else ""}{{"title": {title}, "paragraphs": ['.encode()
        for index, paragraph in enumerate(article["paragraphs"]):
            yield ((", " if index else "") + json.dumps(paragraph, ensure_ascii=False)).encode()
        yield b"]}"
    yield b"]}\n"


def _check_arguments(on_bad_data: str, max_bad_fraction: float, max_samples: int | None) -> None:
    problems = []
    if on_bad_data not in POLICIES:
        problems.append(f"on_bad_data must be one of {', '.join(POLICIES)}; found {on_bad_data!r}")
    if not 0 <= max_bad_fraction <= 1:
        problems.append(f"max_bad_fraction must be between 0 and 1; found {max_bad_fraction!r}")
    if max_samples is not None and max_samples < 1:
        problems.append(f"max_samples must be at least 1; found {max_samples!r}")
    if problems:
        raise ConfigError("load_examples", problems)


def _mapped(
    rows: Iterable[RawRow | BadRow], mapping: FieldMapping, keep_columns: bool
) -> Iterator[LooseExample | BadRow]:
    """The rows as the mapping reads them, with one string object for each context."""
    contexts: dict[str, str] = {}
    for raw in rows:
        row = apply(mapping, raw)
        if isinstance(row, LooseExample):
            row.context = contexts.setdefault(row.context, row.context)
            if keep_columns and isinstance(raw, RawRow):
                row.metadata = {**other_columns(raw.value, mapping), **(row.metadata or {})} or None
        yield row


def _taken(rows: deque[LooseExample | BadRow]) -> Iterator[LooseExample | BadRow]:
    """The rows one by one, each let go of as it is taken, so that it is not held beside its example."""
    while rows:
        yield rows.popleft()


def _unlabel_empty(examples: list[Example], report: DataReport) -> None:
    """Where no row has an answer and none is marked impossible, empty answers mean a file for prediction."""
    if report.answerable:
        return
    for example in examples:
        example["is_impossible"] = False
    report.unanswerable, report.unlabelled = 0, report.rows_kept


def _check_enough(report: DataReport, max_bad_fraction: float, mapping: FieldMapping, first: list[RawRow]) -> None:
    """Raises DataError where nothing, or too little, is left."""
    if report.rows_kept and report.bad_fraction <= max_bad_fraction:
        return
    reasons = "\n".join(report.reason_lines(report.dropped))
    hint = "check the field mapping and the answer offsets"
    if report.dropped.get("answers_missing", 0) == report.rows_dropped:
        unmapped = "" if mapping.has_answers else how_to_map_answers(mapping, first)
        hint = (
            f"{unmapped}data without answers can be predicted on, not trained or scored on: test_file of run_qa.py, "
            "--data of qa_predict.py, check and convert with --without_answers"
        )
    if not report.rows_kept:
        raise DataError(f"{report.source}: none of {report.rows_read:,} rows can be used; {hint}:\n{reasons}")
    raise DataError(
        f"{report.source}: {report.rows_dropped:,} of {report.rows_read:,} rows ({report.bad_fraction:.1%}) cannot be "
        f"used, more than max_bad_fraction={max_bad_fraction}; {hint}, or raise max_bad_fraction:\n{reasons}"
    )
