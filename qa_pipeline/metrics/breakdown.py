"""Splits scores into groups that say where a model is weak. Pure functions of scores and rows; no torch, no files.

Groups: with and without answer (HasAns, NoAns), length of the reference answer in words, question word, and number of
windows that the context was cut into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from qa_pipeline.errors import DataError
from qa_pipeline.metrics.normalization import base_language, normalize_answer, row_language
from qa_pipeline.metrics.scores import Scores

Group = dict[str, float]
"""exact_match and f1 in percent, and total."""

# Upper bounds, inclusive.
_LENGTHS = (1, 3, 6, 10, 20)
_WINDOWS = (1, 2, 4, 8)


def breakdowns(
    scores: Scores,
    examples: Sequence[Mapping[str, Any]],
    *,
    num_windows: Mapping[str, int] | None = None,
    normalization: str = "squad",
    language: str | None = None,
) -> dict[str, dict[str, Group]]:
    """Scores by group; groups without a question are left out.

    Args:
        scores: from `score_rows` on the same examples.
        examples: canonical rows, in the order of the scores.
        num_windows: question id -> number of windows; "num_windows" is left out without it.
        normalization: how reference answers are cut into words, see `normalize_answer`.
        language: default language of the rows, for question words and for "multilingual".

    Returns:
        Breakdown name ("answerable", "answer_length", "question_word", "num_windows") -> group name -> its scores.

    Raises:
        DataError: scores and examples are not of the same questions.
    """
    if scores.ids != [example["id"] for example in examples]:
        raise DataError(f"scores of {len(scores)} questions and {len(examples)} examples are not of the same questions")
    languages = [row_language(example, language) for example in examples]
    result = {
        "answerable": grouped(scores, np.where(scores.has_answer, "HasAns", "NoAns").tolist(), ("HasAns", "NoAns")),
        "answer_length": grouped(
            scores,
            [
                _bin(_answer_length(example, normalization, row_lang), _LENGTHS)
                for example, row_lang in zip(examples, languages, strict=True)
            ],
            _bin_names(_LENGTHS),
        ),
        "question_word": grouped(
            scores,
            [
                question_word(example["question"], row_lang)
                for example, row_lang in zip(examples, languages, strict=True)
            ],
        ),
    }
    if num_windows is not None:
        bins = [_bin(num_windows.get(question_id, 0), _WINDOWS) for question_id in scores.ids]
        result["num_windows"] = grouped(scores, bins, _bin_names(_WINDOWS))
    return result


def question_word(question: str, language: str | None = None) -> str:
    """The English name of the first question word in the question; "other" when none is known.

    English, German, French, Spanish and Chinese are known; a question that starts with an auxiliary verb is "yes/no".
    """
    patterns = _QUESTION_WORDS.get(base_language(language), {})
    # The earliest in the question; at one place the first in the table, which lists the longer ones first.
    places = [
        (match.start(), order, name)
        for order, (name, pattern) in enumerate(patterns.items())
        if (match := pattern.search(question))
    ]
    return min(places)[2] if places else "other"


def grouped(scores: Scores, names: Sequence[str | None], order: Iterable[str] | None = None) -> dict[str, Group]:
    """One group for each name, in the given order or by falling size; None is in no group.

    Args:
        scores: of some questions.
        names: (num_questions,) the group of each.
        order: of the groups; those without a question are left out.
    """
    rows: dict[str, list[int]] = {name: [] for name in order or ()}
    for row, name in enumerate(names):
        if name is not None:
            rows.setdefault(name, []).append(row)
    if order is None:
        rows = dict(sorted(rows.items(), key=lambda item: (-len(item[1]), item[0])))
    return {
        name: {
            "exact_match": 100.0 * float(scores.exact[members].mean()),
            "f1": 100.0 * float(scores.f1[members].mean()),
            "total": len(members),
        }
        for name, members in rows.items()
        if members
    }


def _answer_length(example: Mapping[str, Any], normalization: str, language: str | None) -> int:
    """Words of the first reference answer that has any; 0 without."""
    for text in example["answers"]["text"]:
        words = normalize_answer(text, normalization, language).split()
        if words:
            return len(words)
    return 0


def _bin(value: int, bounds: tuple[int, ...]) -> str | None:
    if value < 1:
        return None
    return _bin_names(bounds)[sum(value > bound for bound in bounds)]


def _bin_names(bounds: tuple[int, ...]) -> list[str]:
    lows = [1, *(bound + 1 for bound in bounds)]
    return [str(a) if a == b else f"{a}-{b}" for a, b in zip(lows, bounds, strict=False)] + [f"{lows[-1]}+"]


def _words(**patterns: str) -> dict[str, re.Pattern[str]]:
    names = {"yes_no": "yes/no", "how_many": "how many"}
    return {names.get(name, name): re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}


_QUESTION_WORDS = {
    "en": _words(
        yes_no=r"^\W*(?:is|are|was|were|do|does|did|can|could|will|would|shall|should|may|must|has|have|had|am)\b",
        how_many=r"\bhow (?:many|much)\b",
        how=r"\bhow\b",
        what=r"\bwhat\b",
        which=r"\bwhich\b",
        who=r"\bwho(?:m|se)?\b",
        when=r"\bwhen\b",
        where=r"\bwhere\b",
        why=r"\bwhy\b",
    ),
    "de": _words(
        how_many=r"\bwie ?viele?r?\b",
        how=r"\bwie\b",
        what=r"\bwas\b",
        which=r"\bwelche[rsnm]?\b",
        who=r"\bwe(?:r|n|m|ssen)\b",
        when=r"\bwann\b",
        where=r"\bwo(?:her|hin)?\b",
        why=r"\b(?:warum|wieso|weshalb)\b",
    ),
    "fr": _words(
        how_many=r"\bcombien\b",
        how=r"\bcomment\b",
        which=r"\b(?:le|la|les)?quel(?:le)?s?\b",
        who=r"\bqui\b",
        when=r"\bquand\b",
        where=r"\boù\b",
        why=r"\bpourquoi\b",
        what=r"\b(?:que|quoi)\b|\bqu['’]",
    ),
    "es": _words(
        how_many=r"\bcuánt[oa]s?\b",
        how=r"\bcómo\b",
        why=r"\bpor qué\b",
        what=r"\bqué\b",
        which=r"\bcuál(?:es)?\b",
        who=r"\bquién(?:es)?\b",
        when=r"\bcuándo\b",
        where=r"\b(?:a|de)?dónde\b",
    ),
    "zh": _words(
        how_many="多少|几",
        why="为什么|為什麼|为何|為何",
        when="什么时候|什麼時候|何时|何時|哪年|哪一年",
        where="哪里|哪裡|哪儿|何处|何處|什么地方|什麼地方",
        who="谁|誰",
        which="哪",
        how="怎么|怎麼|怎样|怎樣|如何",
        what="什么|什麼|何",
    ),
}
