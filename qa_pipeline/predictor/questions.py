"""Takes the caller's rows in, in every way in which the question-answering pipeline of transformers could be called.

Checks them, gathers them into chunks, cuts very long contexts into stretches. Sees texts and the caller's arguments
only, never a tokenizer or a model. What comes out is rows for `QAPredictor.predict`, and the shape of the reply.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Literal, NamedTuple

from qa_pipeline.arguments.limits import MOST_SPANS, as_python, is_whole
from qa_pipeline.errors import DataError
from qa_pipeline.wording import in_short

FIRST_QUESTIONS, FIRST_CHARACTERS = 16, 64_000
"""Size of the first chunk: small, so that somebody who waits sees answers. Each chunk after it is twice as large ..."""

MOST_QUESTIONS, MOST_CHARACTERS = 2048, 2_000_000
"""... up to this. Characters of contexts count for every question that is asked about them: so do their windows."""

STRETCH = 500_000
"""Longest part of a context, in characters, that is tokenised at once."""


class QuestionError(DataError, ValueError):
    """A row that cannot be asked; also a ValueError, which the pipeline of transformers raised."""


class Stretch(NamedTuple):
    """A part of a context: which row of the chunk it is of, where it begins (characters), and its text."""

    row: int
    begin: int
    text: str


def checked_row(row: Any, number: int) -> dict[str, str]:
    """A caller's row as {"id", "question", "context"}, or an error that names it.

    Args:
        row: a mapping; other keys are left alone. Without an "id", or with one that is None, it gets its number.
        number: counted from 0.

    Raises:
        QuestionError: it is no mapping, a text is missing, not a string, blank or not valid Unicode.
    """
    if not isinstance(row, Mapping):
        raise QuestionError(
            f'row {number}: expected a mapping with "question" and "context", found {type(row).__name__}'
        )
    given = as_python(row.get("id"))
    name = str(number) if given is None else str(given)
    where = f"row {number}" if given is None else f'row {number} (id "{name}")'
    for key in ("question", "context"):
        if key not in row:
            found = ", ".join(map(repr, list(row)[:6])) or "no keys"
            raise QuestionError(f'{where}: has no "{key}" (found {found}); give it, or map your field to that name')
        text = as_python(row[key])
        if not isinstance(text, str):
            hint = "; decode it first" if isinstance(text, bytes) else ""
            raise QuestionError(f"{where}: {key} must be a string, found {type(text).__name__}{hint}")
        if not text or text.isspace():
            raise QuestionError(f"{where}: {key} is {'blank' if text else 'empty'}; leave such rows out")
        if not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise QuestionError(
                    f"{where}: {key} is not valid Unicode (a lone surrogate at character {error.start}); read the file "
                    'as UTF-8, or mend the text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")'
                ) from error
    return {"id": name, "question": str(as_python(row["question"])), "context": str(as_python(row["context"]))}


def check_rows(rows: Iterable[Any]) -> None:
    """Makes sure that every row can be asked.

    Raises:
        QuestionError: some cannot; the first five are named.
    """
    problems = []
    for number, row in enumerate(rows):
        try:
            checked_row(row, number)
        except QuestionError as error:
            problems.append(str(error))
    if problems:
        more = f"; and {len(problems) - 5:,} more rows" if len(problems) > 5 else ""
        raise QuestionError("; ".join(problems[:5]) + more)


def chunks(rows: Iterable[Any]) -> Iterator[list[dict[str, str]]]:
    """Gathers rows into chunks that are answered together; takes no more from `rows` than the next chunk needs.

    Raises:
        QuestionError: as `checked_row`; the rows before the bad one were all handed out.
    """
    chunk: list[dict[str, str]] = []
    questions, characters = FIRST_QUESTIONS, FIRST_CHARACTERS
    size = 0
    number = 0
    source = iter(rows)
    while True:
        try:
            row = checked_row(next(source), number)
        except StopIteration:
            break
        except QuestionError:
            if chunk:
                yield chunk
            raise
        number += 1
        chunk.append(row)
        size += len(row["context"])
        if len(chunk) >= questions or size >= characters:
            yield chunk
            chunk, size = [], 0
            questions, characters = min(2 * questions, MOST_QUESTIONS), min(2 * characters, MOST_CHARACTERS)
    if chunk:
        yield chunk


def stretches(row: int, context: str, overlap: int, longest: int = STRETCH) -> Iterator[Stretch]:
    """The context, or stretches of a very long one.

    A stretch ends at white space where there is any in its last tenth, and begins at white space (which it includes, so
    that tokenizers that mark a space before a word see one). Neighbours share `overlap` characters or a little more,
    and none is blank.

    Args:
        row: handed through.
        context: not blank.
        overlap: characters, less than half of `longest`.
        longest: characters.
    """
    if len(context) <= longest:
        yield Stretch(row, 0, context)
        return
    begin = 0
    while True:
        end = begin + longest
        if end < len(context):
            end = _space_before(context, end, end - longest // 10)
        text = context[begin:end]
        if not text.isspace():
            yield Stretch(row, begin, text)
        if end >= len(context):
            return
        begin = _space_before(context, end - overlap, end - 2 * overlap)


def rounds(parts: Iterable[Stretch], characters: int = MOST_CHARACTERS) -> Iterator[list[Stretch]]:
    """Gathers stretches so that the windows of one round are held in memory together, and no others."""
    held: list[Stretch] = []
    size = 0
    for part in parts:
        if held and size + len(part.text) > characters:
            yield held
            held, size = [], 0
        held.append(part)
        size += len(part.text)
    if held:
        yield held


def _space_before(text: str, position: int, lowest: int) -> int:
    """The last white space at or before `position`, not below `lowest`; `position` where there is none."""
    for place in range(position, lowest, -1):
        if text[place].isspace():
            return place
    return position


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
