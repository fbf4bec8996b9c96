"""Understands every way in which the question-answering pipeline of transformers could be called.

Sees the caller's arguments only. What comes out is rows for `QAPredictor.predict`, and the shape of the reply.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Literal

from qa_pipeline.predictor.limits import MOST_SPANS, as_python, is_whole
from qa_pipeline.predictor.questions import QuestionError
from qa_pipeline.wording import in_short

Shape = Literal["one", "list", "lazy"]

LIMITS = {
    "max_seq_len": "max_seq_length",
    "doc_stride": "doc_stride",
    "max_question_len": "max_question_length",
    "max_answer_len": "max_answer_length",
    "handle_impossible_answer": "version_2_with_negative",
    "null_score_diff_threshold": "null_score_diff_threshold",
    "temperature": "temperature",
    "n_best_size": "n_best_size",
}
"""Keyword of the pipeline -> setting of the predictor."""

WITHOUT_EFFECT = ("padding", "num_workers", "binary_output", "args_parser", "feature_extractor", "modelcard")
"""Taken and left: windows are padded to the longest of their batch, and no process is started to make them."""

INPUTS = ("question", "context", "X", "data")


class UnknownKeywordError(QuestionError, TypeError):
    """A keyword that the pipeline does not have; also a TypeError, as for any Python function."""


@dataclass(frozen=True)
class Options:
    """What a caller may say beside questions.

    Attributes:
        top_k: most answers of a question.
        align_to_words: widen answers to whole words.
        all_answers: give every distinct span of at least `min_confidence` that overlaps no better one.
        min_confidence: 0 to 1.
        batch_size: most windows in a batch; None: a token budget alone decides.
        batch_tokens: most padded tokens in a batch.
        progress: a bar, see `QAPredictor.predict`.
        limits: settings of the predictor that were given.
    """

    top_k: int = 1
    align_to_words: bool = True
    all_answers: bool = False
    min_confidence: float = 0.05
    batch_size: int | None = None
    batch_tokens: int | None = None
    progress: bool | None = None
    limits: dict[str, Any] = field(default_factory=dict)

    def updated(self, keywords: Mapping[str, Any]) -> Options:
        """The same with these keywords; None counts as not given.

        Raises:
            UnknownKeywordError: a keyword is unknown; the nearest is named.
            QuestionError: a value cannot be.
        """
        given = {name: as_python(value) for name, value in keywords.items() if value is not None}
        if "topk" in given:
            warnings.warn("topk is the old name of top_k", UserWarning, stacklevel=4)
            given.setdefault("top_k", given["topk"])
            del given["topk"]
        own = {f.name for f in fields(self)} - {"limits"}
        known = (*own, *LIMITS, *WITHOUT_EFFECT)
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, (*known, *INPUTS), n=1)
                hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted((*own, *LIMITS)))}"
                raise UnknownKeywordError(f"unknown keyword {name!r}; {hint}")
        for name in ("top_k", "batch_size", "batch_tokens", "max_answer_len"):
            if name in given and (not is_whole(given[name]) or given[name] < 1):
                raise QuestionError(f"{name} must be a whole number, 1 or more (got {in_short(given[name])})")
        if given.get("top_k", 1) > MOST_SPANS:
            raise QuestionError(f"top_k must be at most {MOST_SPANS:,} (got {in_short(given['top_k'])})")
        confidence = given.get("min_confidence", 0.0)
        if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            raise QuestionError(f"min_confidence must be between 0 and 1 (got {in_short(confidence)})")
        for name in ("align_to_words", "all_answers", "progress"):
            if name in given and not isinstance(given[name], bool):
                raise QuestionError(f"{name} must be True or False (got {in_short(given[name])})")
        limits = self.limits | {LIMITS[name]: value for name, value in given.items() if name in LIMITS}
        return replace(self, limits=limits, **{name: value for name, value in given.items() if name in own})


def read_call(args: Sequence[Any], inputs: Mapping[str, Any]) -> tuple[Iterable[Any], Shape]:
    """The rows of a call, and how the answers are to be given back.

    Args:
        args: positional arguments of the call.
        inputs: those of its keywords that are named in INPUTS.

    Returns:
        Rows, not checked yet, and "one" (a single question), "list", or "lazy" (an iterator or a torch dataset).

    Raises:
        QuestionError: there is nothing to ask, or numbers of questions and contexts differ.
    """
    for name in ("X", "data"):
        if name in inputs:
            warnings.warn(f"{name}= is the old way; give question= and context=, or rows", FutureWarning, stacklevel=3)
            return _read_rows(inputs[name])
    if len(args) == 2 and all(_is_text_or_texts(arg) for arg in args):
        return _read_pair(*args)
    if args:
        return _read_rows(args[0] if len(args) == 1 else list(args))
    if "question" in inputs and "context" in inputs:
        return _read_pair(inputs["question"], inputs["context"])
    raise QuestionError(
        f"nothing to ask: expected question=... and context=..., or rows of them, found {sorted(inputs) or 'nothing'}"
    )


def _read_pair(question: Any, context: Any) -> tuple[Iterable[Any], Shape]:
    """One of each, many of each, one question for many contexts, or many for one."""
    questions, contexts = _texts(question), _texts(context)
    if questions is None and contexts is None:
        return [{"question": question, "context": context}], "one"
    if questions is not None and contexts is not None and len(questions) != len(contexts):
        raise QuestionError(
            f"{len(questions)} questions and {len(contexts)} contexts: give as many of one as of the other"
        )
    count = len(contexts or ()) if questions is None else len(questions)
    questions = [question] * count if questions is None else questions
    contexts = [context] * count if contexts is None else contexts
    return [{"question": q, "context": c} for q, c in zip(questions, contexts, strict=True)], "list"


def _read_rows(rows: Any) -> tuple[Iterable[Any], Shape]:
    if isinstance(rows, Mapping) and "question" in rows and "context" in rows:
        if any(_texts(rows[name]) is not None for name in ("question", "context")):
            return _read_pair(rows["question"], rows["context"])
        return [rows], "one"
    if isinstance(rows, Mapping) or hasattr(rows, "question_text"):
        return [_row(rows)], "one"
    if isinstance(rows, str | bytes) or not (isinstance(rows, Iterable) or hasattr(rows, "__getitem__")):
        raise QuestionError(f"expected a question with a context, or rows of them, found {type(rows).__name__}")
    if hasattr(rows, "iterrows"):  # of pandas, which would give the names of its columns
        return rows.to_dict("records"), "list"
    if isinstance(rows, Iterator) or not hasattr(rows, "__len__") or _is_torch_dataset(rows):
        return chain.from_iterable(map(_written_out, rows if isinstance(rows, Iterable) else _by_index(rows))), "lazy"
    return list(chain.from_iterable(map(_written_out, rows))), "list"


def _written_out(row: Any) -> list[Any]:
    """A row that holds a list of questions or contexts as the rows that it stands for; any other as it is."""
    if isinstance(row, list) and row and all(isinstance(_row(one), Mapping) for one in row):  # of create_sample
        return [_row(one) for one in row]
    row = _row(row)
    if isinstance(row, Mapping) and any(_texts(row.get(name)) is not None for name in ("question", "context")):
        return list(_read_pair(row.get("question"), row.get("context"))[0])
    return [row]


def _texts(value: Any) -> list[Any] | None:
    """The texts of a list, tuple, numpy array, pandas Series, column of `datasets` or the like; None for one text."""
    if isinstance(value, str | bytes | Mapping) or getattr(value, "shape", None) == ():
        return None
    if not hasattr(value, "__len__") or not (hasattr(value, "__iter__") or hasattr(value, "__getitem__")):
        return None
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _row(row: Any) -> Any:
    """A SquadExample of transformers, or anything with its two attributes, as a mapping; others as they are."""
    if not isinstance(row, Mapping) and hasattr(row, "question_text") and hasattr(row, "context_text"):
        return {"question": row.question_text, "context": row.context_text}
    return row


def _by_index(rows: Any) -> Iterator[Any]:
    return (rows[i] for i in range(len(rows)))


def _is_text_or_texts(value: Any) -> bool:
    value = as_python(value)
    return isinstance(value, str) or all(isinstance(text, str) for text in _texts(value) or [None])


def _is_torch_dataset(rows: Any) -> bool:
    # Without torch loaded, nothing can be a dataset of it.
    data = getattr(sys.modules.get("torch"), "utils", None)
    return data is not None and isinstance(rows, data.data.Dataset)
