"""Slow, plain re-statements of what the package computes fast. Tests and benchmarks compare against them.

Nothing here imports the package, so that a fault cannot be on both sides.
"""

from __future__ import annotations

import heapq
import math
import re
import string
from collections import Counter
from typing import Any


def best_spans(
    start_logits: list[float],
    end_logits: list[float],
    context_begin: int,
    context_end: int,
    n_best_size: int,
    max_answer_length: int,
) -> tuple[list[tuple[float, int, int]], float]:
    """Looks at every valid span of one window.

    Returns:
        The best (score, start, end), tokens counted from the context's first, by score, then start, then end; and the
        log of the sum of exp(score) over all valid spans.
    """
    spans = []
    for start in range(context_begin, context_end):
        start_logit = start_logits[start]
        for end in range(start, min(start + max_answer_length, context_end)):
            spans.append((start_logit + end_logits[end], context_begin - start, context_begin - end))
    if not spans:
        return [], -math.inf
    best = heapq.nlargest(n_best_size, spans)  # positions are negative here, so that the smaller one wins a tie
    highest, exp = best[0][0], math.exp
    total = sum([exp(score - highest) for score, _, _ in spans])
    return [(score, -start, -end) for score, start, end in best], highest + math.log(total)


def merge_windows(
    windows: list[tuple[list[tuple[float, int, int]], float, float, list[tuple[int, int]]]],
    n_best_size: int,
    null: bool,
) -> tuple[list[tuple[float, int, int, float]], float]:
    """Merges windows of one example.

    Args:
        windows: for each (all its spans as from `best_spans`, log partition, null score, context offsets).
        n_best_size: how many to keep.
        null: whether "no answer" takes part in the confidence.

    Returns:
        The best (gap, character start, character end, confidence), and the confidence of no answer.
    """
    best: dict[tuple[int, int], float] = {}
    parts = [0.0] if null else []
    for spans, log_partition, null_score, offsets in windows:
        parts.append(log_partition - null_score)
        for score, start, end in spans:
            place = (offsets[start][0], offsets[end][1])
            if place[0] < place[1]:
                best[place] = max(best.get(place, -math.inf), score - null_score)
    highest = max(parts, default=-math.inf)
    total = highest + math.log(sum(math.exp(part - highest) for part in parts)) if highest > -math.inf else -math.inf
    ranked = sorted((-gap, *place) for place, gap in best.items())[:n_best_size]
    return [(-gap, start, end, math.exp(-gap - total)) for gap, start, end in ranked], math.exp(-total) if null else 0.0


def official_scores(gold: list[str], prediction: str) -> tuple[float, float]:
    """Exact match and F1 of one question, written down from the rules of the SQuAD 2.0 evaluation script."""
    gold = [text for text in gold if _normalized(text)] or [""]
    return (
        float(max(_normalized(text) == _normalized(prediction) for text in gold)),
        max(_f1(_normalized(text).split(), _normalized(prediction).split()) for text in gold),
    )


def official_best_threshold(rows: list[dict[str, Any]], score: str) -> tuple[float, float]:
    """Best score in percent and its threshold, question by question, by the rules of the SQuAD 2.0 script.

    Args:
        rows: with gold, prediction, no_answer_probability and the score.
        score: key of the score.
    """
    current = best = sum(not row["gold"] for row in rows)
    threshold = 0.0
    for row in sorted(rows, key=lambda row: row["no_answer_probability"]):
        if row["gold"]:
            current += row[score]
        elif row["prediction"]:
            current -= 1
        if current > best:
            best, threshold = current, row["no_answer_probability"]
    return 100.0 * best / len(rows), threshold


def _normalized(text: str) -> str:
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(word for word in re.sub(r"\b(a|an|the)\b", " ", text).split())


def _f1(prediction: list[str], gold: list[str]) -> float:
    if not prediction or not gold:
        return float(prediction == gold)
    same = sum((Counter(prediction) & Counter(gold)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(prediction), same / len(gold)
    return 2 * precision * recall / (precision + recall)
