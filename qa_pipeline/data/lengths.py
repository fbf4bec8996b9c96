"""Measures contexts, questions and answers in tokens, and suggests window sizes. Never changes an example.

Each distinct context is tokenised once, in batches bounded by characters, so memory does not grow with the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qa_pipeline.data.example import Example

_BATCH_CHARACTERS = 500_000
_PERCENTILES = (50, 90, 95, 99)
_LONGEST_SUGGESTED_WINDOW = 512  # beyond this, a second window costs less than attention over the longer one
_WORTHWHILE_CUT = 0.01

Lengths = dict[str, int]


@dataclass
class LengthReport:
    """Lengths in tokens, without special tokens, and what follows from them.

    Attributes:
        tokenizer: its name or folder.
        contexts_measured: distinct contexts; fewer than the data has where `max_contexts` cut them.
        contexts: p50, p90, p95, p99 and max over the distinct contexts.
        questions: the same over the distinct questions.
        answers: the same over the references in the measured contexts.
        max_answer_length: the cap in use.
        answers_cut: share of references longer than that cap, in [0, 1].
        max_seq_length: the window in use.
        contexts_cut: share of contexts that need more than one such window, in [0, 1].
        suggested_max_answer_length: cuts at most 1% of the references.
        suggested_max_seq_length: holds 95% of the contexts with their questions, within what the model takes.
        suggested_doc_stride: overlap in tokens that keeps answers of that length whole in some window.
    """

    tokenizer: str
    contexts_measured: int
    contexts: Lengths
    questions: Lengths
    answers: Lengths
    max_answer_length: int
    answers_cut: float
    max_seq_length: int
    contexts_cut: float
    suggested_max_answer_length: int
    suggested_max_seq_length: int
    suggested_doc_stride: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def warnings(self) -> list[str]:
        """What the settings in use would cost, one readable line each."""
        if self.answers_cut <= _WORTHWHILE_CUT:
            return []
        return [
            f"max_answer_length={self.max_answer_length} cuts {self.answers_cut:.1%} of the answers; "
            f"max_answer_length={self.suggested_max_answer_length} would cut at most 1%"
        ]

    def lines(self) -> list[str]:
        """Lines of the report's table."""
        names = [f"p{p}" for p in _PERCENTILES] + ["max"]
        name = self.tokenizer if len(self.tokenizer) <= 40 else "..." + self.tokenizer[-37:]
        lines = [f"  tokens ({name})" + "".join(f"{name:>8}" for name in names)]
        indent = len(lines[0]) - 8 * len(names)
        for label, lengths in (("contexts", self.contexts), ("questions", self.questions), ("answers", self.answers)):
            if lengths:
                lines.append(f"    {label:<{indent - 4}}" + "".join(f"{lengths[name]:>8,}" for name in names))
        lines.append(
            f"  {self.answers_cut:.1%} of the answers are longer than max_answer_length={self.max_answer_length}; "
            f"{self.contexts_cut:.1%} of the contexts need more than one window of max_seq_length={self.max_seq_length}"
        )
        lines.append(
            f"  suggested: max_answer_length={self.suggested_max_answer_length} "
            f"max_seq_length={self.suggested_max_seq_length} doc_stride={self.suggested_doc_stride}"
        )
        return lines + [f"  warning: {warning}" for warning in self.warnings()]


def measure_lengths(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    max_answer_length: int = 30,
    max_seq_length: int = 384,
    max_question_length: int = 64,
    max_contexts: int | None = 20_000,
) -> LengthReport:
    """Measures `examples` in the tokens of `tokenizer` (a fast transformers tokenizer).

    Args:
        examples: canonical examples.
        tokenizer: called with `add_special_tokens=False`; must know character positions (`is_fast`).
        max_answer_length: cap on answers in tokens, to say how many it cuts.
        max_seq_length: window in tokens, to say how many contexts it cuts.
        max_question_length: questions are counted up to this many tokens when windows are suggested.
        max_contexts: measure at most this many distinct contexts, and questions, evenly spread; None for all.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for example in examples:
        found = spans.setdefault(example["context"], [])
        answers = example["answers"]
        found += [(b, b + len(t)) for t, b in zip(answers["text"], answers["answer_start"], strict=True)]
    contexts = _spread(list(spans), max_contexts)

    context_lengths: list[int] = []
    answer_lengths: list[int] = []
    for batch in _batches(contexts):
        encoded = _encode(tokenizer, batch)
        for row, context in enumerate(batch):
            context_lengths.append(len(encoded["input_ids"][row]))
            answer_lengths += [_span_tokens(encoded, row, begin, end) for begin, end in spans[context]]
    questions = _spread(list(dict.fromkeys(example["question"] for example in examples)), max_contexts)
    question_lengths = [len(ids) for batch in _batches(questions) for ids in _encode(tokenizer, batch)["input_ids"]]

    context_lengths.sort()
    question_lengths.sort()
    answer_lengths.sort()
    special = tokenizer.num_special_tokens_to_add(pair=True)
    question_room = min(max_question_length, _percentile(question_lengths, 95)) + special
    answer_length = _round_up(_percentile(answer_lengths, 99), 5) if answer_lengths else max_answer_length
    most = min(_LONGEST_SUGGESTED_WINDOW, int(tokenizer.model_max_length))
    window = min(most, max(64, _round_up(_percentile(context_lengths, 95) + question_room, 64)))
    room = max(window - question_room, 2)
    return LengthReport(
        tokenizer=str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__),
        contexts_measured=len(contexts),
        contexts=_summary(context_lengths),
        questions=_summary(question_lengths),
        answers=_summary(answer_lengths),
        max_answer_length=max_answer_length,
        answers_cut=_share_over(answer_lengths, max_answer_length),
        max_seq_length=max_seq_length,
        contexts_cut=_share_over(context_lengths, max_seq_length - question_room),
        suggested_max_answer_length=answer_length,
        suggested_max_seq_length=window,
        suggested_doc_stride=min(max(32, _round_up(answer_length + 16, 16)), room // 2),
    )


def _spread(texts: list[str], most: int | None) -> list[str]:
    """At most `most` of the texts, evenly spread."""
    if most is None or len(texts) <= most:
        return texts
    return [texts[i * len(texts) // most] for i in range(most)]


def _encode(tokenizer: Any, texts: list[str]) -> Any:
    return tokenizer(
        texts, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
    )


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Consecutive texts with about `_BATCH_CHARACTERS` characters together; a longer text comes alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _span_tokens(encoded: Any, row: int, begin: int, end: int) -> int:
    """Tokens that characters `begin` to `end` touch; some characters, such as spaces, have none."""
    first = next((t for c in range(begin, end) if (t := encoded.char_to_token(row, c)) is not None), None)
    last = next((t for c in range(end - 1, begin - 1, -1) if (t := encoded.char_to_token(row, c)) is not None), None)
    return 1 if first is None or last is None else last - first + 1


def _percentile(ordered: list[int], percent: int) -> int:
    """Nearest rank; 0 for no values."""
    return ordered[max(math.ceil(percent / 100 * len(ordered)) - 1, 0)] if ordered else 0


def _summary(ordered: list[int]) -> Lengths:
    if not ordered:
        return {}
    return {f"p{p}": _percentile(ordered, p) for p in _PERCENTILES} | {"max": ordered[-1]}


def _share_over(ordered: list[int], limit: int) -> float:
    return round(sum(length > limit for length in ordered) / len(ordered), 6) if ordered else 0.0


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
