"""Runs models over the same labelled questions and measures how they differ. Writes nothing, prints nothing.

Honesty first: a model whose temperature and no-answer threshold were fitted on these very questions is decoded without
them (temperature 1, threshold 0), and the comparison says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations, pairwise
from pathlib import PurePath
from typing import Any

import numpy as np

from qa_pipeline.compare.measuring import UNTUNED, Asked, ModelUnderTest, latencies, measure, versus
from qa_pipeline.compare.results import COLUMN, Comparison, Given, Question
from qa_pipeline.data.example import Example, fingerprint, ids_of
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.metrics import Scores, resampling_of, score_rows
from qa_pipeline.metrics.breakdown import breakdowns, grouped

_BLOCK = 500  # questions; batches of fewer would not show how fast a model is
_MOST_TURNS = 8
_CONTEXT_CHARACTERS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)  # upper bounds, inclusive
_MOST_VALUES = 20
"""Groups of a column that are shown."""
NO_VALUE = "(none)"
_COMMON_FOLDERS = frozenset({"merged", "model", "best", "adapter", "final", "output", "out"})


def compare(
    models: Sequence[ModelUnderTest],
    examples: Sequence[Example],
    *,
    labels: Sequence[str] | None = None,
    source: str = "",
    drawn_from: Sequence[Example] | None = None,
    by: Sequence[str] = (),
    normalization: str | None = None,
    language: str | None = None,
    seed: int = 0,
    bootstrap_samples: int = 10_000,
    resample: str = "auto",
    latency_questions: int = 50,
    progress: bool | None = None,
) -> Comparison:
    """Asks every model every question and measures all that a comparison says.

    Args:
        models: two or more; the first is the one that the others are held against.
        examples: canonical rows with reference answers.
        labels: what to call the models; made from their names when absent.
        source: what to call the data.
        drawn_from: all rows of the data that the examples are a part of. A model that was fitted on the whole was
            fitted on its parts too, and only the whole has the fingerprint that the model remembers.
        by: columns of the data, kept in the examples' `metadata`, by which scores are broken down as well.
        normalization: how answers are compared; the one that the models agree on, else "squad".
        language: default language of the rows, for question words and for "multilingual"; else as `normalization`.
        seed: of the resampling.
        bootstrap_samples: resamples of every interval.
        resample: what a resample draws: "document", "context", "question" or "auto", see `metrics.intervals`.
        latency_questions: how many questions to ask one by one; 0 leaves latency out.
        progress: passed on to `predict`.

    Raises:
        ConfigError: fewer than two models, labels that are not one for each and distinct, an unknown `resample`, or a
            column that no question has.
        DataError: there are no questions, or none has a reference answer.
        ModelError: a model did not answer every question once.
    """
    models, examples = list(models), list(examples)
    check_models(models)
    _check(examples)
    columns = [_columns(example) for example in examples]
    check_columns(by, columns)
    names = labels_of(models, labels)
    normalization = normalization or agreed(models, "answer_normalization", "squad")
    language = language or agreed(models, "answer_language", None)
    data = fingerprint(examples)
    fitted_on = {data} | ({fingerprint(drawn_from)} if drawn_from is not None else set())
    rng = np.random.default_rng(seed)
    resampling = resampling_of(examples, resample)
    drawing = (rng, bootstrap_samples, resampling.clusters)

    def ask_one(place: int, row: int) -> Any:
        return models[place].ask(examples[row]["question"], examples[row]["context"])

    milliseconds = latencies(ask_one, len(models), len(examples), latency_questions)
    fitted_here = [getattr(model.settings, "tuned_on", None) in fitted_on for model in models]

    def ask(place: int, begin: int, end: int) -> list[Any]:
        decoding = UNTUNED if fitted_here[place] else {}
        return list(models[place].predict(examples[begin:end], progress=progress, **decoding))

    answers, seconds = ask_in_turns(names, [example["id"] for example in examples], ask)
    asked = [
        Asked(
            model,
            names[place],
            answers[place],
            score_rows(
                {answer.id: answer.text for answer in answers[place]}, examples, normalization, language=language
            ),
            seconds[place],
            milliseconds[place],
            fitted_here[place],
        )
        for place, model in enumerate(models)
    ]

    places: dict[str, int] = {}
    for example in examples:
        places.setdefault(example["context"], len(places))
    return Comparison(
        source=source,
        fingerprint=data,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        bootstrap_samples=bootstrap_samples,
        normalization=normalization,
        latency_questions=len(milliseconds[0]),
        models=[measure(one, *drawing) for one in asked],
        pairs=[versus(asked, later, earlier, *drawing) for earlier, later in combinations(range(len(models)), 2)],
        breakdowns=breakdowns_of([one.scores for one in asked], examples, normalization, language, columns, by),
        questions=_questions(examples, asked, places, columns),
        contexts=list(places),
        resampled=resampling.unit,
        num_documents=resampling.num_documents,
    )


def check_models(models: Sequence[ModelUnderTest]) -> None:
    """Raises ConfigError where there are fewer than two."""
    if len(models) < 2:
        raise ConfigError("compare", f"expected two or more models, found {len(models)}; give a base and a tuned one")


def _check(examples: Sequence[Example]) -> None:
    if not examples:
        raise DataError("there are no questions to compare models on")
    if not any(example["answers"]["text"] for example in examples):
        raise DataError(
            f"none of the {len(examples)} questions has a reference answer, so no model can be scored; give labelled "
            "data, or check the field mapping"
        )


def labels_of(models: Sequence[ModelUnderTest], labels: Sequence[str] | None) -> list[str]:
    """What the models are called: as given, else by the end of their names that tells them apart.

    Raises:
        ConfigError: labels that are not one for each and distinct.
    """
    if labels is not None:
        if len(labels) != len(models) or len(set(labels)) != len(labels) or not all(labels):
            raise ConfigError("compare", f"expected {len(models)} different labels, found {list(labels)}")
        return list(labels)
    parts = [
        [p for p in PurePath(str(model.name).replace(":", "/")).parts if p not in ("/", ".", "..")] for model in models
    ]
    short = [_last(path, 1) or "model" for path in parts]
    depth = 2
    while len(set(short)) < len(short) and depth <= max(map(len, parts)):
        short = [_last(path, depth) or "model" for path in parts]
        depth += 1
    return [f"{label} ({place + 1})" if short.count(label) > 1 else label for place, label in enumerate(short)]


def _last(path: Sequence[str], depth: int) -> str:
    """The last parts of a path, and one more where the last alone says nothing ("merged", "checkpoint-200")."""
    if path and (path[-1].lower() in _COMMON_FOLDERS or path[-1].startswith("checkpoint-")):
        depth += 1
    return "/".join(path[-depth:])


def agreed(models: Sequence[ModelUnderTest], setting: str, default: Any) -> Any:
    """A setting that the models agree on, else its default."""
    found = {getattr(model.settings, setting, default) for model in models}
    return found.pop() if len(found) == 1 else default


def ask_in_turns(
    labels: Sequence[str], ids: Sequence[str], ask: Callable[[int, int, int], list[Any]]
) -> tuple[list[list[Any]], list[float]]:
    """Every model's answers, and the seconds that it took for them.

    The models take turns on large blocks of the questions, so that whatever else the machine does falls on all of them.

    Args:
        labels: of the models.
        ids: of the questions.
        ask: gives the answers of a model, by its place, to the questions from one place to another, exclusive.

    Raises:
        ModelError: a model did not answer every question once.
    """
    answers: list[list[Any]] = [[] for _ in labels]
    seconds = [0.0] * len(labels)
    blocks = min(_MOST_TURNS, max(1, len(ids) // _BLOCK))
    edges = [len(ids) * i // blocks for i in range(blocks + 1)]
    for begin, end in pairwise(edges):
        for place, label in enumerate(labels):
            start = time.perf_counter()
            found = ask(place, begin, end)
            seconds[place] += time.perf_counter() - start
            if [answer.id for answer in found] != [*ids[begin:end]]:
                raise ModelError(
                    f"{label}: expected one answer to each of {end - begin} questions in their order, found "
                    f"{len(found)} answers or other ids"
                )
            answers[place] += found
    return answers, seconds


def _columns(example: Example) -> dict[str, Any]:
    """What else the data says of a question, as far as it is one value: text, a number, true or false, or nothing."""
    kept = example.get("metadata") or {}
    return {name: value for name, value in kept.items() if value is None or isinstance(value, str | int | float)}


def check_columns(by: Sequence[str], columns: Sequence[Mapping[str, Any]]) -> None:
    """Raises ConfigError where no question has a column by which scores are to be broken down."""
    known = list(dict.fromkeys(name for row in columns for name in row))
    if missing := [name for name in by if name not in known]:
        has = f"it has {', '.join(map(repr, known))}" if known else "it has none beside those that make the questions"
        raise ConfigError("compare", [f"by: the data has no column {name!r}; {has}" for name in missing])


def breakdowns_of(
    scores: Sequence[Scores],
    examples: Sequence[Example],
    normalization: str,
    language: str | None,
    columns: Sequence[Mapping[str, Any]],
    by: Sequence[str],
    by_context: bool = True,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Breakdown -> group -> total and the models' scores; columns and context length are added to the metrics' own.

    Args:
        scores: of each model.
        examples: what they are of.
        normalization, language: as of the scores.
        columns: of the data, for each question.
        by: those by which scores are broken down.
        by_context: False where questions have no context of their own.
    """
    own = {f"{COLUMN}{name}": _values([row.get(name) for row in columns]) for name in by}
    each = []
    for scored in scores:
        found = breakdowns(scored, examples, normalization=normalization, language=language)
        if by_context:
            found["context_length"] = _context_groups(scored, examples)
        each.append({**found, **{name: grouped(scored, values) for name, values in own.items()}})
    return {
        name: {
            group: {
                "total": int(first["total"]),
                "exact_match": [found[name][group]["exact_match"] for found in each],
                "f1": [found[name][group]["f1"] for found in each],
            }
            for group, first in groups.items()
        }
        for name, groups in each[0].items()
    }


def _context_groups(scores: Scores, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Scores by number of characters of the context, shortest first."""
    lengths = np.array([len(example["context"]) for example in examples])
    bounds = np.searchsorted(_CONTEXT_CHARACTERS, lengths)  # a length on a bound belongs below it
    lows = [1, *(bound + 1 for bound in _CONTEXT_CHARACTERS)]
    names = [f"{low:,}-{high:,}" for low, high in zip(lows, _CONTEXT_CHARACTERS, strict=False)] + [f"{lows[-1]:,}+"]
    return grouped(scores, [names[place] for place in bounds], names)


def _values(column: Sequence[Any]) -> list[str]:
    """The values of a column as names of groups; the rare ones of very many are one group."""
    names = [NO_VALUE if value is None or value == "" else str(value) for value in column]
    common = [name for name, _ in Counter(names).most_common(_MOST_VALUES + 1)]
    if len(common) <= _MOST_VALUES:
        return names
    kept = set(common[: _MOST_VALUES - 1])
    others = f"({len(set(names) - kept):,} others)"
    return [name if name in kept else others for name in names]


def _questions(
    examples: Sequence[Example],
    asked: Sequence[Asked],
    places: Mapping[str, int],
    columns: Sequence[dict[str, Any]],
) -> list[Question]:
    return [
        Question(
            id=example["id"],
            question=example["question"],
            context=places[example["context"]],
            gold=list(dict.fromkeys(zip(example["answers"]["text"], example["answers"]["answer_start"], strict=True))),
            answers=[
                Given(
                    text=one.answers[row].text,
                    start=one.answers[row].start,
                    end=one.answers[row].end,
                    confidence=float(one.answers[row].confidence),
                    exact=float(one.scores.exact[row]),
                    f1=float(one.scores.f1[row]),
                )
                for one in asked
            ],
            merged_ids=ids_of(example)[1:],
            columns=columns[row],
        )
        for row, example in enumerate(examples)
    ]
