"""What each kind of training data is worth: the same training on parts of the data, asked the same test questions.

A cell is a training: retrieved rows only, generated ones only, all together, generated ones that no filter looked at.
Each runs through `run_qa` into a folder of its own; a finished one is not trained again. Makes no data.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from qa_pipeline import artifacts
from qa_pipeline.arguments.config_files import SECRET_KEYS
from qa_pipeline.compare import Comparison, compare
from qa_pipeline.compare.results import Versus
from qa_pipeline.compare.verdict import p_words
from qa_pipeline.data import Example, write_squad
from qa_pipeline.errors import QAError
from qa_pipeline.journey.results.evaluation import intervals_of
from qa_pipeline.journey.results.execution import load
from qa_pipeline.predictor.files.question_lists import read_data
from qa_pipeline.run.splits import Contexts
from qa_pipeline.wording import counted, in_one_line

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

logger = logging.getLogger(__name__)

BASE = "base"
ALL = "all"
UNFILTERED = "generated_unfiltered"
TITLES = {
    BASE: "no training",
    "labelled": "people's labels only",
    "retrieved": "retrieved rows only",
    "generated": "generated rows only",
    UNFILTERED: "generated rows, no filters",
    ALL: "all together",
}
_NO_ROWS = {
    "labelled": "no labelled rows were given (examples)",
    "retrieved": "no retrieved rows are in the training data",
    "generated": "no generated rows are in the training data",
    UNFILTERED: "no rows were generated without filters",
}
_DATA = "data"
_NOT_OF_A_CELL = ("train_file", "test_file", "do_predict", "output_dir", "overwrite_output_dir")


@dataclass(frozen=True)
class AblationCell:
    """One training of an ablation.

    Attributes:
        name: of its folder and in the metrics.
        train_file: None where the cell cannot be made.
        why_not: the reason, for that.
    """

    name: str
    train_file: Path | None
    why_not: str | None = None

    @property
    def title(self) -> str:
        """What it is trained on, in words."""
        return TITLES.get(self.name, self.name)


def ablation_cells(
    train: Sequence[Example],
    folder: str | Path,
    *,
    unfiltered: Iterable[Example] = (),
    held_out: Iterable[Example] = (),
) -> list[AblationCell]:
    """Writes the training file of each cell and names those that cannot be made.

    Args:
        train: the training rows of the journey, with `metadata["kind"]`: "generated", "retrieved" or "labelled".
        folder: of the ablation.
        unfiltered: rows of a generation that left all filters out (`skip_filters`); of all its splits.
        held_out: validation and test rows: no unfiltered row may be about their texts or documents.
    """
    kinds = {name: [row for row in train if _kind(row) == name] for name in ("labelled", "retrieved", "generated")}
    kinds[UNFILTERED] = _apart_from(unfiltered, held_out) if kinds["generated"] else []
    cells = []
    for name, rows in kinds.items():
        if rows:
            cells.append(AblationCell(name, write_squad(Path(folder) / _DATA / f"{name}.json", rows)))
        elif name != "labelled":  # whoever gave no labels does not ask for them
            cells.append(AblationCell(name, None, _NO_ROWS[name]))
    present = [name for name, rows in kinds.items() if rows and name != UNFILTERED]
    if len(present) > 1:
        return [*cells, AblationCell(ALL, write_squad(Path(folder) / _DATA / f"{ALL}.json", train))]
    alone = TITLES[present[0]] if present else "nothing"
    return [*cells, AblationCell(ALL, None, f"there is only one kind of training data ({alone})")]


def _kind(row: Mapping[str, Any]) -> str | None:
    return (row.get("metadata") or {}).get("kind")


def _apart_from(rows: Iterable[Example], held_out: Iterable[Example]) -> list[Example]:
    """The rows that share neither a text nor a document with the held-out ones."""
    held = list(held_out)
    contexts, documents = Contexts(held), {_document(row) for row in held} - {None}
    return [row for row in rows if row["context"] not in contexts and _document(row) not in documents]


def _document(row: Mapping[str, Any]) -> Any:
    return (row.get("metadata") or {}).get("document") or row.get("title")


def ablate(
    cells: Sequence[AblationCell],
    values: Mapping[str, Any],
    test_file: str | Path,
    folder: str | Path,
    *,
    base: QAPredictor | str | Path | None = None,
    seed: int = 0,
    bootstrap_samples: int = 10_000,
) -> dict[str, Any]:
    """Trains every cell with the same settings and asks all of them the test questions.

    A cell whose training fails has the reason in its place and does not end the others.

    Args:
        cells: see `ablation_cells`.
        values: the settings of the training as its configuration file has them; data, folder and predictions of the
            test questions in them count for nothing here, those of the validation questions do.
        test_file: labelled questions.
        folder: for the run folders of the cells and their configurations.
        base: the model that training begins from, to stand beside the cells; None: model_name_or_path of the values.
        seed: of the resampling.
        bootstrap_samples: resamples of every interval.

    Returns:
        What metrics.json has as "ablation": cells with scores and intervals, paired differences, sentences.

    Raises:
        DataError: the test questions cannot be read.
        ModelError: the base cannot be loaded.
    """
    examples = read_data(str(test_file), require_answers=True).examples
    shared = {key: value for key, value in values.items() if key not in _NOT_OF_A_CELL}
    trained: list[tuple[AblationCell, dict[str, Any]]] = []
    found: list[dict[str, Any]] = [_row(BASE, TITLES[BASE])]
    for cell in cells:
        row, why_not = {}, cell.why_not
        if cell.train_file is not None:
            try:
                row = _trained(cell, shared, Path(folder))
                trained.append((cell, row))
            except QAError as error:
                why_not = in_one_line(error)
                logger.warning("ablation, %s: %s", cell.name, why_not)
        found.append(_row(cell.name, cell.title, why_not=why_not, **row))
    if not trained:
        reason = "no cell could be trained, so there is nothing to compare"
        found[0]["why_not"] = reason
        return {"cells": found, "pairs": [], "sentences": [reason], "settings": _shown(shared), "intervals": None}
    start = load(str(values["model_name_or_path"]) if base is None else base, allow_new_head=True)
    comparison = compare(
        [start, *(load(row["folder"]) for _, row in trained)],
        examples,
        labels=[BASE, *(cell.name for cell, _ in trained)],
        source=Path(test_file).name,
        seed=seed,
        bootstrap_samples=bootstrap_samples,
        latency_questions=0,
        progress=False,
    )
    scores = {model.label: model for model in comparison.models}
    for row in found:
        if row["name"] in scores:
            measured = scores[row["name"]]
            row |= {"exact_match": asdict(measured.exact_match), "f1": asdict(measured.f1)}
    return {
        "cells": found,
        "pairs": [_pair(comparison, pair) for pair in comparison.pairs],
        "sentences": sentences(comparison, found),
        "settings": _shown(shared),
        "intervals": intervals_of(comparison),
    }


def _row(name: str, title: str, **facts: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("rows", "exact_match", "f1", "seconds", "folder", "why_not"))
    return {"name": name, "title": title, **nothing, **facts}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has them, without secrets."""
    plain = {key: value for key, value in values.items() if key not in SECRET_KEYS}
    shown: dict[str, Any] = json.loads(json.dumps(plain, sort_keys=True, default=str))
    return shown


def _trained(cell: AblationCell, shared: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Trains a cell, unless the same training is finished in its folder; gives rows, seconds and folder.

    Raises:
        QAError: it cannot be trained.
    """
    from qa_pipeline.arguments.training import arguments_from
    from qa_pipeline.run.run import run_qa

    assert cell.train_file is not None
    out, config, record = (folder / f"{cell.name}{ending}" for ending in ("", ".yaml", ".json"))
    values = {**shared, "train_file": str(cell.train_file), "output_dir": str(out), "do_train": True}
    made_of, before = _made_of(_shown(values), cell.train_file), _read(record)
    is_same = before.get("made_of") == made_of
    if not (is_same and before.get("finished")):
        artifacts.write_text(config, yaml.safe_dump(_shown(values), sort_keys=True, allow_unicode=True))
        # Begun with the same settings and data, it goes on from its checkpoints; else it starts afresh.
        arguments = arguments_from(values | {"overwrite_output_dir": not is_same}, f"ablation, {cell.name}")
        artifacts.write_json(record, {"made_of": made_of, "finished": False})
        run_qa(arguments)
        artifacts.write_json(record, {"made_of": made_of, "finished": True})
    rows = len(read_data(str(cell.train_file)).examples)
    return {"rows": rows, "seconds": _seconds(out), "folder": str(out)}


def _made_of(values: Mapping[str, Any], train_file: Path) -> str:
    """What stands for the settings and the content of all data files."""
    digest = hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode())
    for path in filter(None, (train_file, values.get("validation_file"))):
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()


def _seconds(out: Path) -> float:
    """How long the training took, as its run folder has it."""
    stages = _read(out / artifacts.RUN).get("stages", {})
    return float(stages.get("train", {}).get("seconds", 0.0))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _pair(comparison: Comparison, pair: Versus) -> dict[str, Any]:
    labels = [model.label for model in comparison.models]
    return {
        "cell": labels[pair.model],
        "against": labels[pair.against],
        "exact_match": asdict(pair.exact_match),
        "f1": asdict(pair.f1),
    }


_QUESTIONS = (
    (ALL, "generated", "What the other rows add to the generated ones"),
    (ALL, "retrieved", "What the other rows add to the retrieved ones"),
    (ALL, "labelled", "What the other rows add to people's labels"),
    ("generated", "retrieved", "Generated against retrieved rows"),
    ("generated", UNFILTERED, "What the filters add"),
)


def sentences(comparison: Comparison, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What can be said of the parts, and what cannot be told from these questions."""
    places = {model.label: place for place, model in enumerate(comparison.models)}
    said = []
    for cell, against, title in _QUESTIONS:
        if cell not in places or against not in places:
            continue
        sign, one, other = 1, places[cell], places[against]
        if one < other:
            sign, one, other = -1, other, one
        f1 = comparison.versus(one, other).f1
        low, high = sorted((sign * f1.low + 0.0, sign * f1.high + 0.0))  # + 0.0: no zero has a minus
        told = "" if f1.direction else "; that is within chance"
        interval = f"({low:+.1f} to {high:+.1f}, {p_words(f1.p_value)})"
        said.append(f"{title}: {sign * f1.difference + 0.0:+.1f} points of F1 {interval}{told}.")
    sizes = {row["rows"] for row in found if row["rows"]}
    if len(sizes) > 1:
        said.append(
            "All have the same settings and the same number of passes, so that more rows are also more steps: the "
            f"cells have {counted(min(sizes), 'row')} to {counted(max(sizes), 'row')}."
        )
    return said
