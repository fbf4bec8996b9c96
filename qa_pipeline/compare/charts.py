"""Charts of scores as inline SVG, drawn from pure data. Sees no file, no question and no model.

Every model has its own colour and its own shape, so that no chart needs colour to be read; see `drawing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import drawing
from qa_pipeline.compare.drawing import COLOURS, WIDTH
from qa_pipeline.compare.results import Comparison, Difference, Score
from qa_pipeline.metrics.intervals import FEWEST_A_BIN

FEW = 30
"""Groups of fewer questions are drawn faint: their scores are mostly chance."""

FEWEST_A_POINT = FEWEST_A_BIN
"""A point of the calibration curve stands for as many answers at least; stored comparisons may have smaller bins."""


def scores_chart(labels: Sequence[str], scores: Sequence[Score], title: str) -> str:
    """One row for each model: its score with the 95% interval.

    Args:
        labels: of the models.
        scores: one for each.
        title: what the axis shows.
    """
    plot = drawing.IntervalRows(title, drawing.ticks(0.0, max(score.high for score in scores)), len(scores))
    for place, (label, score) in enumerate(zip(labels, scores, strict=True)):
        y = plot.label(place, label, f"{score.value:.1f}%")
        plot.interval(place, y, score.value, score.low, score.high)
    said = "; ".join(
        f"{label} {score.value:.1f} percent, interval {score.low:.1f} to {score.high:.1f}"
        for label, score in zip(labels, scores, strict=True)
    )
    return plot.svg(f"{title} of each model: {said}")


def differences_chart(
    labels: Sequence[str], places: Sequence[int], differences: Sequence[Difference], title: str
) -> str:
    """One row for each pair: the difference with its interval against the line of no difference.

    Args:
        labels: of the pairs.
        places: of the model in each pair whose colour and shape it has.
        differences: one for each.
        title: what the axis shows.
    """
    lows, highs = [d.low for d in differences], [d.high for d in differences]
    ticks = drawing.ticks(min(0.0, *lows), max(0.0, *highs), least=2.0)
    plot = drawing.IntervalRows(title, ticks, len(differences))
    plot.zero(len(differences))
    for row, (label, place, found) in enumerate(zip(labels, places, differences, strict=True)):
        y = plot.label(row, label, drawing.signed(found.difference))
        plot.interval(place, y, found.difference, found.low, found.high)
    said = "; ".join(
        f"{label}: {d.difference:+.1f} points, interval {d.low:+.1f} to {d.high:+.1f}"
        for label, d in zip(labels, differences, strict=True)
    )
    return plot.svg(f"{title}: {said}")


def outcomes_chart(comparison: Comparison) -> str:
    """One bar for each pair: questions won, tied and lost."""
    parts, y = [], 0
    for pair in comparison.pairs:
        new, old = comparison.models[pair.model].label, comparison.models[pair.against].label
        parts.append(drawing.text(0, y + 12, drawing.cut(f"{new} against {old}", 48), "label"))
        total, x = max(1, pair.wins + pair.ties + pair.losses), 0.0
        for count, style in (
            (pair.wins, f"m{pair.model % COLOURS}"),
            (pair.ties, "tie"),
            (pair.losses, f"m{pair.against % COLOURS}"),
        ):
            width = WIDTH * count / total
            if count:
                bar = max(width - 1.5, 1.0)
                parts.append(
                    f'<rect class="bar {style}" x="{x:.1f}" y="{y + 19}" width="{bar:.1f}" height="16" rx="2"/>'
                )
            x += width
        parts.append(drawing.text(0, y + 51, f"{pair.wins:,} won", f"value m{pair.model % COLOURS}"))
        parts.append(drawing.text(WIDTH / 2, y + 51, f"{pair.ties:,} tied", "axis", "middle"))
        parts.append(drawing.text(WIDTH, y + 51, f"{pair.losses:,} lost", f"value m{pair.against % COLOURS}", "end"))
        y += 68
    said = "; ".join(
        f"{comparison.models[p.model].label} against {comparison.models[p.against].label}: {p.wins} won, "
        f"{p.ties} tied, {p.losses} lost"
        for p in comparison.pairs
    )
    return drawing.svg(y - 8, parts, f"Questions by which model has the higher F1: {said}")


def breakdown_chart(labels: Sequence[str], title: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for each group: the F1 of the models with these labels, and at the right how many questions it has."""
    names = list(groups)
    left = min(152.0, 16 + 8.0 * max(len(name) for name in names))  # wide letters, half a shape and a gap
    right = 282.0
    ticks = drawing.ticks(0.0, max(max(group["f1"]) for group in groups.values()))
    scale = drawing.Scale(ticks, left, right)
    # Level models would cover each other on one line; each has its own.
    step, top, apart = 16 + 6 * len(labels), 24, 6
    lift = apart * (len(labels) - 1) / 2
    bottom = top + step * len(names) - 4
    parts = [drawing.text(left, 11, "F1, %", "axis"), drawing.text(WIDTH, 11, "questions", "axis", "end")]
    parts += [drawing.line(scale(t), top - 6, scale(t), bottom, "grid") for t in ticks]
    parts += [drawing.text(scale(t), bottom + 15, drawing.number(t), "axis", "middle") for t in ticks]
    for row, name in enumerate(names):
        values, y = groups[name]["f1"], top + step * (row + 0.5) - 4
        inner = [
            drawing.text(0, y + 4, drawing.cut(name, 17), "label"),
            drawing.text(WIDTH, y + 4, f"{groups[name]['total']:,}", "axis", "end"),
            drawing.line(scale(min(values)), y, scale(max(values)), y, "span"),
        ]
        inner += [drawing.marker(place, scale(value), y - lift + apart * place) for place, value in enumerate(values)]
        faint = ' class="few"' if groups[name]["total"] < FEW else ""
        parts.append(f"<g{faint}>{''.join(inner)}</g>")
    said = "; ".join(
        f"{name}: " + ", ".join(f"{label} {f1:.1f}" for label, f1 in zip(labels, group["f1"], strict=True))
        for name, group in groups.items()
    )
    return drawing.svg(bottom + 22, parts, f"F1 by {title}: {said}")


def reliability_chart(
    labels: Sequence[str], curves: Sequence[Sequence[Mapping[str, float]]], errors: Sequence[float]
) -> str:
    """How often answers are exactly right at each stated confidence; on the dashed line words and deeds agree.

    Neighbouring bins are drawn as one until they hold FEWEST_A_POINT answers; with fewer in all there is no point.

    Args:
        labels: of the models.
        curves: bins of each, as `metrics.calibration_error` gives them.
        errors: expected calibration error of each, 0 to 1.
    """
    plot = drawing.PercentAxes("confidence that the model states, %", "of these exactly right, %")
    plot.parts.append(drawing.line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "ideal"))
    plot.parts.append(drawing.text(plot.x(0.04), plot.y(0.93), "too cautious", "axis"))
    plot.parts.append(drawing.text(plot.x(0.97), plot.y(0.05), "too sure", "axis", "end"))
    points = [_calibration_points(bins) for bins in curves]
    for place, found in enumerate(points):
        plot.curve(place, found, markers=True)
    if not any(points):
        words = f"fewer than {FEWEST_A_POINT} answers: none drawn"
        plot.parts.append(drawing.text(plot.x(0.5), plot.y(0.5) - 8, words, "axis", "middle"))
    said = "; ".join(f"{label}: calibration error {error:.3f}" for label, error in zip(labels, errors, strict=True))
    return plot.svg(f"Share of exactly right answers by stated confidence. {said}")


def _calibration_points(bins: Sequence[Mapping[str, float]]) -> list[tuple[float, float]]:
    """(confidence, accuracy) of neighbouring bins together, each of FEWEST_A_POINT answers or more."""
    points: list[tuple[float, float]] = []
    left = sum(part["count"] for part in bins)
    count = confidence = accuracy = 0.0
    for part in bins:
        count += part["count"]
        confidence += part["count"] * part["confidence"]
        accuracy += part["count"] * part["accuracy"]
        left -= part["count"]
        # What is left in the end may be too few for a point of their own.
        if count >= FEWEST_A_POINT and (left == 0 or left >= FEWEST_A_POINT):
            points.append((confidence / count, accuracy / count))
            count = confidence = accuracy = 0.0
    return points


def risk_chart(comparison: Comparison) -> str:
    """The share of wrong answers when only the surest part of the questions is answered."""
    plot = drawing.PercentAxes("questions answered, surest first, %", "not exactly right, %")
    for place, model in enumerate(comparison.models):
        points = list(zip(model.coverage, model.risk, strict=True))
        plot.curve(place, points, markers=False)
        if points:
            plot.parts.append(drawing.marker(place, plot.x(points[-1][0]), plot.y(points[-1][1])))
    said = "; ".join(f"{model.label}: area under the curve {model.aurc:.3f}" for model in comparison.models)
    return plot.svg(f"Share of wrong answers by share of questions answered, surest first. {said}")
