"""Turns a batch of start and end logits into the best spans of every window. Never sees a model, a text or a file.

The search is exact: among all spans that start and end on context tokens, end no earlier than they start and are at
most `max_answer_length` tokens long, the `n_best_size` with the highest sum of logits are found, and `log_partition`
sums over all of them. Equal sums are ordered by the smaller start, then the smaller end, so that the order never
depends on the batch.

Method: the best end for every start is a sliding maximum, so each start's best span is known without scoring the
others. A span among the n best has one of the n best starts; only these starts' rows of the (start, length) band are
scored. That needs memory for seq_len + n_best_size * max_answer_length scores a window, not for the whole band.

Written once over the Python array API (https://data-apis.org/array-api/), so that torch tensors are decoded where they
are, and NumPy arrays, which the runtimes of exported models give, without torch. Both find the same spans and scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array, size, to_device

from qa_pipeline.errors import ModelError

Array = Any
"""A torch tensor or a NumPy array."""

_MAX_LOGIT = 1e37  # the sum of two larger ones might not be a float32


class NonFiniteLogitsError(ModelError):
    """A model gave NaN, infinite or absurdly large logits.

    Args:
        window_indices: the windows concerned.
        example_ids: the questions they belong to, where known.
    """

    def __init__(self, window_indices: Sequence[int], example_ids: Sequence[str] = ()):
        self.window_indices = list(window_indices)
        self.example_ids = list(dict.fromkeys(example_ids))
        questions = f" of question {_few(self.example_ids)}" if self.example_ids else ""
        super().__init__(
            f"the model's logits are NaN, infinite or beyond {_MAX_LOGIT:g} in window {_few(self.window_indices)}"
            f"{questions}: expected finite numbers. Often the cause is fp16 on a model made for bf16 or fp32 (switch "
            "to one of these), or training that diverged (lower the learning rate)"
        )


def _few(names: Sequence[object], limit: int = 5) -> str:
    shown = ", ".join(f'"{name}"' if isinstance(name, str) else str(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


@dataclass
class Candidates:
    """The best spans of some windows, best first.

    Attributes:
        window_index: (num_windows,) int64, which window each row is about.
        start, end: (num_windows, n_best_size) int32, tokens counted from the window's first context token; the end is
            the span's last token (inclusive). 0 where there is no such span.
        score: (num_windows, n_best_size) float32, start logit plus end logit; -inf where there are fewer valid spans.
        null_score: (num_windows,) float32, start plus end logit of the null token.
        log_partition: (num_windows,) float64, log of the sum of exp(score / temperature) over all valid spans; -inf
            without any.
        temperature: (num_windows,) float64, that of `log_partition`.
        log_partitions: (num_windows, num_temperatures) float64, the same at each temperature of a grid; no columns
            where none was asked for.
    """

    window_index: np.ndarray
    start: np.ndarray
    end: np.ndarray
    score: np.ndarray
    null_score: np.ndarray
    log_partition: np.ndarray
    temperature: np.ndarray
    log_partitions: np.ndarray

    def __len__(self) -> int:
        return len(self.window_index)

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """One Candidates with the rows of all parts, which must have equally wide tables; of none, an empty one."""
        if not parts:
            return cls.from_arrays({name: np.zeros((0, _WIDTHS[name]) if name in _WIDTHS else 0) for name in _DTYPES})
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Field name -> array, to send to another process; see `from_arrays`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Candidates:
        """The inverse of `to_arrays`; restores the dtypes where transport has changed them."""
        return cls(**{name: np.asarray(arrays[name], dtype=dtype) for name, dtype in _DTYPES.items()})


_DTYPES = {
    "window_index": np.int64,
    "start": np.int32,
    "end": np.int32,
    "score": np.float32,
    "null_score": np.float32,
    "log_partition": np.float64,
    "temperature": np.float64,
    "log_partitions": np.float64,
}
_WIDTHS = {"start": 1, "end": 1, "score": 1, "log_partitions": 0}


def top_spans(
    start_logits: Array,
    end_logits: Array,
    context_begin: Array,
    context_end: Array,
    null_index: Array,
    window_index: Array,
    *,
    n_best_size: int,
    max_answer_length: int,
    temperature: float = 1.0,
    temperatures: Sequence[float] = (),
) -> Candidates:
    """Finds the n best spans of every window of a batch, exactly.

    Args:
        start_logits: (batch, seq_len), any float type, any device; scored in float32.
        end_logits: (batch, seq_len).
        context_begin: (batch,) position of the first context token. Padding may be on either side.
        context_end: (batch,) position after the last context token; equal to context_begin where there is none.
        null_index: (batch,) position of the token that stands for "no answer".
        window_index: (batch,) number of each window, handed through.
        n_best_size: how many spans to keep of each window.
        max_answer_length: longest span, in tokens.
        temperature: scores are divided by it in `log_partition`, and nowhere else; above 0.
        temperatures: those of `log_partitions`. Each costs a third of the whole search: for fitting one, not for use.

    Raises:
        NonFiniteLogitsError: a logit of a context token or of the null token is not finite. Others may be anything.
    """
    if is_torch_array(start_logits):
        start_logits, end_logits = start_logits.detach(), end_logits.detach()
    xp, place = array_namespace(start_logits), device(start_logits)
    begin, end, null = (
        xp.asarray(column, dtype=xp.int64, device=place) for column in (context_begin, context_end, null_index)
    )
    index = to_numpy(window_index)
    scores_of_window = max(start_logits.shape[1], n_best_size * max_answer_length)
    at_once = max(1, (_SCORES_AT_ONCE_CPU if str(place) == "cpu" else _SCORES_AT_ONCE) // scores_of_window)
    parts = []
    for i in range(0, max(len(index), 1), at_once):
        rows = slice(i, i + at_once)
        parts.append(
            _decode(
                start_logits[rows],
                end_logits[rows],
                begin[rows],
                end[rows],
                null[rows],
                index[rows],
                n_best_size=n_best_size,
                max_answer_length=max_answer_length,
                temperature=temperature,
                temperatures=temperatures,
            )
        )
    return Candidates.concatenate(parts)


def to_numpy(array: Array) -> np.ndarray:
    """A torch tensor on any device, or anything that NumPy takes, as a NumPy array."""
    return np.asarray(to_device(array.detach(), "cpu") if is_torch_array(array) else array)


# Below torch's grain size (32768) an operation stays on the calling thread. Work this small gains next to nothing from
# a second one, and where the cores are shared it waits for it: 500 instead of 30,000 windows a second were measured.
_SCORES_AT_ONCE_CPU = 24576
_SCORES_AT_ONCE = 2**24


def _decode(
    start_logits: Array,
    end_logits: Array,
    context_begin: Array,
    context_end: Array,
    null_index: Array,
    window_index: np.ndarray,
    *,
    n_best_size: int,
    max_answer_length: int,
    temperature: float,
    temperatures: Sequence[float],
) -> Candidates:
    xp, place = array_namespace(start_logits), device(start_logits)

    def gather(values: Array, places: Array) -> Array:
        return xp.take_along_axis(values, places, axis=1)

    lengths = context_end - context_begin
    width = max(int(xp.max(lengths)), 1) if size(lengths) else 1  # the longest context of the batch
    positions = xp.arange(width, device=place)
    source = xp.clip(context_begin[:, None] + positions, 0, start_logits.shape[1] - 1)
    inside = positions < lengths[:, None]
    # Context tokens only, moved to the front: from here on there are no questions, special tokens and padding sides.
    starts, ends = (xp.astype(gather(logits, source), xp.float32) for logits in (start_logits, end_logits))
    null_starts, null_ends = (
        xp.astype(gather(logits, null_index[:, None]), xp.float32) for logits in (start_logits, end_logits)
    )
    # A comparison with NaN is False, so this one finds every fault.
    fine = xp.all(((xp.abs(starts) <= _MAX_LOGIT) & (xp.abs(ends) <= _MAX_LOGIT)) | ~inside, axis=1)
    fine &= xp.all((xp.abs(null_starts) <= _MAX_LOGIT) & (xp.abs(null_ends) <= _MAX_LOGIT), axis=1)
    if not bool(xp.all(fine)):
        raise NonFiniteLogitsError(window_index[~to_numpy(fine)].tolist())
    starts, ends = (xp.where(inside, logits, -xp.inf) for logits in (starts, ends))

    span_length = min(max_answer_length, width)
    best_of_start = starts + _sliding(xp.maximum, ends, span_length)
    log_partition = _log_partition(starts, ends, span_length, temperature)
    log_partitions = [_log_partition(starts, ends, span_length, value) for value in temperatures]

    # Sorted by position, so that among the rows of the band equal scores lie in the order that ties are to have.
    chosen = xp.sort(_top(best_of_start, min(n_best_size, width)), axis=1)
    shape = (len(window_index), chosen.shape[1] * span_length)
    reach = xp.reshape(chosen[:, :, None] + xp.arange(span_length, device=place), shape)
    reachable_ends = gather(_filled_up(ends, width + span_length - 1, -xp.inf), reach)
    band = xp.repeat(gather(starts, chosen), span_length, axis=1) + reachable_ends
    if band.shape[1] < n_best_size:
        band, reach = _filled_up(band, n_best_size, -xp.inf), _filled_up(reach, n_best_size, 0)
    cells = _top(band, n_best_size)
    score = gather(band, cells)
    missing = score == -xp.inf
    end = xp.where(missing, 0, gather(reach, cells))
    start = xp.where(missing, 0, end - cells % span_length)
    return Candidates.from_arrays(
        {
            "window_index": window_index,
            "start": to_numpy(start),
            "end": to_numpy(end),
            "score": to_numpy(score),
            "null_score": to_numpy((null_starts + null_ends)[:, 0]),
            "log_partition": to_numpy(log_partition),
            "temperature": np.full(len(window_index), temperature),
            "log_partitions": np.stack([to_numpy(column) for column in log_partitions], axis=1)
            if log_partitions
            else np.zeros((len(window_index), 0)),
        }
    )


def _log_partition(starts: Array, ends: Array, span_length: int, temperature: float) -> Array:
    """(batch,) log of the sum of exp((start + end) / temperature) over all spans of at most `span_length` tokens.

    Args:
        starts, ends: (batch, width) logits of context tokens, -inf elsewhere.
    """
    if temperature != 1:
        starts, ends = starts / temperature, ends / temperature
    return _log_sum(starts + _sliding(array_namespace(ends).logaddexp, ends, span_length))


def _sliding(combine: Callable[[Array, Array], Array], values: Array, span_length: int) -> Array:
    """`out[:, i] = combine(values[:, i], ..., values[:, i + span_length - 1])`, what lies past the end left out.

    Doubles the width of the window at every step, so it costs 2 log2(span_length) operations a position.
    """

    def shifted(x: Array, by: int) -> Array:
        return _filled_up(x[:, by:], x.shape[1], -np.inf)

    result, covered = values, 1  # `result` combines `covered` values
    power, reach = values, 1  # the same for powers of two
    while covered < span_length:
        if (span_length - 1) & reach:
            result, covered = combine(result, shifted(power, covered)), covered + reach
        if covered < span_length:
            power, reach = combine(power, shifted(power, reach)), 2 * reach
    return result


def _filled_up(values: Array, width: int, fill: float) -> Array:
    """(batch, n) to (batch, width), with `fill` behind."""
    xp = array_namespace(values)
    more = xp.full((values.shape[0], width - values.shape[1]), fill, dtype=values.dtype, device=device(values))
    return xp.concat([values, more], axis=1)


def _log_sum(values: Array) -> Array:
    """Row-wise log-sum-exp, by folding rows in half; torch.logsumexp would start threads, see above."""
    xp = array_namespace(values)
    while values.shape[1] > 1:
        half = (values.shape[1] + 1) // 2
        values = xp.logaddexp(values[:, :half], _filled_up(values[:, half:], half, -xp.inf))
    return values[:, 0]


def _top(values: Array, k: int) -> Array:
    """Positions of the k largest values of each row, largest first; of equal ones the smaller position first.

    Finding the largest leaves the order of ties open. Sorting integers that hold the value in the upper and the
    position in the lower half decides it.
    """
    xp = array_namespace(values)
    bits = (values + 0.0).view(xp.int32)  # + 0.0 makes -0.0 and 0.0 the same
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers that sort as the floats do
    last = values.shape[1] - 1
    key = (xp.astype(ordered, xp.int64) << 32) + xp.arange(last, -1, -1, device=device(values))
    largest: Array
    if is_torch_array(key):
        largest = key.topk(k, dim=1).values
    else:
        largest = -np.sort(-np.partition(key, last + 1 - k, axis=1)[:, last + 1 - k :], axis=1)
    return last - (largest & 0xFFFFFFFF)
