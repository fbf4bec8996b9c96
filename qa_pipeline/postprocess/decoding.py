"""Turns a batch of start and end logits into the best spans of every window. Never sees a model, a text or a file.

The search is exact: among all spans that start and end on context tokens, end no earlier than they start and are at
most `max_answer_length` tokens long, the `n_best_size` with the highest sum of logits are found, and `log_partition`
sums over all of them. Equal sums are ordered by the smaller start, then the smaller end, so that the order never
depends on the batch.

Method: the best end for every start is a sliding maximum, so each start's best span is known without scoring the
others. A span among the n best has one of the n best starts; only these starts' rows of the (start, length) band are
scored. That needs memory for seq_len + n_best_size * max_answer_length scores a window, not for the whole band.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline.errors import ModelError

if TYPE_CHECKING:
    import torch

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
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    context_begin: torch.Tensor,
    context_end: torch.Tensor,
    null_index: torch.Tensor,
    window_index: torch.Tensor,
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
    import torch

    device = start_logits.device
    begin, end, null = (torch.as_tensor(x).to(device, torch.int64) for x in (context_begin, context_end, null_index))
    start_logits, end_logits, index = start_logits.detach(), end_logits.detach(), torch.as_tensor(window_index).cpu()
    scores_of_window = max(start_logits.shape[1], n_best_size * max_answer_length)
    size = max(1, (_SCORES_AT_ONCE_CPU if device.type == "cpu" else _SCORES_AT_ONCE) // scores_of_window)
    parts = []
    for i in range(0, max(len(index), 1), size):
        rows = slice(i, i + size)
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


# Below torch's grain size (32768) an operation stays on the calling thread. Work this small gains next to nothing from
# a second one, and where the cores are shared it waits for it: 500 instead of 30,000 windows a second were measured.
_SCORES_AT_ONCE_CPU = 24576
_SCORES_AT_ONCE = 2**24


def _decode(
    start_logits: torch.Tensor,
    end_logits: torch.Tensor,
    context_begin: torch.Tensor,
    context_end: torch.Tensor,
    null_index: torch.Tensor,
    window_index: torch.Tensor,
    *,
    n_best_size: int,
    max_answer_length: int,
    temperature: float,
    temperatures: Sequence[float],
) -> Candidates:
    import torch

    lengths = context_end - context_begin
    width = max(int(lengths.max()), 1) if len(lengths) else 1  # the longest context of the batch
    positions = torch.arange(width, device=lengths.device)
    source = (context_begin[:, None] + positions).clamp(0, start_logits.shape[1] - 1)
    inside = positions < lengths[:, None]
    # Context tokens only, moved to the front: from here on there are no questions, special tokens and padding sides.
    starts, ends = (logits.gather(1, source).float() for logits in (start_logits, end_logits))
    null_starts, null_ends = (logits.gather(1, null_index[:, None]).float() for logits in (start_logits, end_logits))
    # A comparison with NaN is False, so this one finds every fault.
    fine = (((starts.abs() <= _MAX_LOGIT) & (ends.abs() <= _MAX_LOGIT)) | ~inside).all(1)
    fine &= ((null_starts.abs() <= _MAX_LOGIT) & (null_ends.abs() <= _MAX_LOGIT)).all(1)
    if not bool(fine.all()):
        raise NonFiniteLogitsError(window_index[~fine.cpu()].tolist())
    starts, ends = (logits.masked_fill(~inside, -torch.inf) for logits in (starts, ends))

    span_length = min(max_answer_length, width)
    best_of_start = starts + _sliding(torch.maximum, ends, span_length)
    log_partition = _log_partition(starts, ends, span_length, temperature)
    log_partitions = [_log_partition(starts, ends, span_length, value) for value in temperatures]

    # Sorted by position, so that among the rows of the band equal scores lie in the order that ties are to have.
    chosen = _top(best_of_start, min(n_best_size, width)).sort(dim=1).values
    reach = (chosen[:, :, None] + torch.arange(span_length, device=lengths.device)).flatten(1)
    reachable_ends = torch.nn.functional.pad(ends, (0, span_length - 1), value=-torch.inf).gather(1, reach)
    band = starts.gather(1, chosen).repeat_interleave(span_length, dim=1) + reachable_ends
    if band.shape[1] < n_best_size:
        band, reach = (torch.nn.functional.pad(x, (0, n_best_size - x.shape[1])) for x in (band, reach))
        band[:, span_length * chosen.shape[1] :] = -torch.inf
    cells = _top(band, n_best_size)
    score = band.gather(1, cells)
    missing = score == -torch.inf
    end = reach.gather(1, cells).masked_fill(missing, 0)
    start = (end - cells % span_length).masked_fill(missing, 0)
    return Candidates.from_arrays(
        {
            "window_index": window_index.numpy(),
            "start": start.cpu().numpy(),
            "end": end.cpu().numpy(),
            "score": score.cpu().numpy(),
            "null_score": (null_starts + null_ends).squeeze(1).cpu().numpy(),
            "log_partition": log_partition.cpu().numpy(),
            "temperature": np.full(len(missing), temperature),
            "log_partitions": np.stack([column.cpu().numpy() for column in log_partitions], axis=1)
            if log_partitions
            else np.zeros((len(missing), 0)),
        }
    )


def _log_partition(starts: torch.Tensor, ends: torch.Tensor, span_length: int, temperature: float) -> torch.Tensor:
    """(batch,) log of the sum of exp((start + end) / temperature) over all spans of at most `span_length` tokens.

    Args:
        starts, ends: (batch, width) logits of context tokens, -inf elsewhere.
    """
    import torch

    if temperature != 1:
        starts, ends = starts / temperature, ends / temperature
    return _log_sum(starts + _sliding(torch.logaddexp, ends, span_length))


def _sliding(
    combine: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], values: torch.Tensor, size: int
) -> torch.Tensor:
    """`out[:, i] = combine(values[:, i], ..., values[:, i + size - 1])`, what lies past the end left out.

    Doubles the width of the window at every step, so it costs 2 log2(size) operations a position whatever the size.
    """
    import torch

    def shifted(x: torch.Tensor, by: int) -> torch.Tensor:
        return torch.nn.functional.pad(x[:, by:], (0, min(by, x.shape[1])), value=-torch.inf)

    result, covered = values, 1  # `result` combines `covered` values
    power, reach = values, 1  # the same for powers of two
    while covered < size:
        if (size - 1) & reach:
            result, covered = combine(result, shifted(power, covered)), covered + reach
        if covered < size:
            power, reach = combine(power, shifted(power, reach)), 2 * reach
    return result


def _log_sum(values: torch.Tensor) -> torch.Tensor:
    """Row-wise log-sum-exp, by folding rows in half; torch.logsumexp would start threads, see above."""
    import torch

    while values.shape[1] > 1:
        half = (values.shape[1] + 1) // 2
        left, right = values[:, :half], values[:, half:]
        values = torch.logaddexp(left, torch.nn.functional.pad(right, (0, half - right.shape[1]), value=-torch.inf))
    return values[:, 0]


def _top(values: torch.Tensor, k: int) -> torch.Tensor:
    """Positions of the k largest values of each row, largest first; of equal ones the smaller position first.

    torch.topk leaves the order of ties open. Sorting integers that hold the value in the upper and the position in the
    lower half decides it.
    """
    import torch

    bits = (values + 0.0).view(torch.int32)  # + 0.0 makes -0.0 and 0.0 the same
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers that sort as the floats do
    last = values.shape[1] - 1
    key = (ordered.long() << 32) + torch.arange(last, -1, -1, device=values.device)
    return last - (key.topk(k, dim=1).values & 0xFFFFFFFF)
