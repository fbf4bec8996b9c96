"""Charts of a comparison as inline SVG, drawn from pure data. Sees no file, no question and no model.

Every chart is 340 units wide, which is about as many pixels on a phone and in a column of a wide window, so that its
text stays readable everywhere. Colours are classes (`m0`, `m1` ...), which the style sheet gives for light and dark;
every model also has its own shape, so that no chart needs colour to be read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from qa_pipeline.compare.results import Comparison, Difference, Score
from qa_pipeline.metrics.intervals import FEWEST_A_BIN

WIDTH = 340
COLOURS = 6
FEW = 30
"""Groups of fewer questions are drawn faint: their scores are mostly chance."""

FEWEST_A_POINT = FEWEST_A_BIN
"""A point of the calibration curve stands for as many answers at least; stored comparisons may have smaller bins."""

_SHAPES = (
    '<circle cx="0" cy="0" r="5"/>',
    '<rect x="-4.6" y="-4.6" width="9.2" height="9.2"/>',
    '<path d="M0-5.8 5.6 4.4H-5.6Z"/>',
    '<path d="M0-6.2 6.2 0 0 6.2-6.2 0Z"/>',
    '<path d="M0 5.8 5.6-4.4H-5.6Z"/>',
    '<path d="M-1.8-5.6h3.6v3.8h3.8v3.6h-3.8v3.8h-3.6v-3.8h-3.8v-3.6h3.8Z"/>',
)


def symbols() -> str:
    """The models' shapes, to be used by `key` and by the examples; once a page."""
    parts = "".join(
        f'<symbol id="shape{place}" viewBox="-7 -7 14 14">{shape}</symbol>' for place, shape in enumerate(_SHAPES)
    )
    return f'<svg width="0" height="0" class="symbols" aria-hidden="true">{parts}</svg>'


def key(place: int) -> str:
    """A model's shape in its colour, as big as a letter."""
    return f'<svg class="key m{place % COLOURS}" aria-hidden="true"><use href="#shape{place % COLOURS}"/></svg>'


def scores_chart(comparison: Comparison, measure: str, title: str) -> str:
    """One row for each model: its score with the 95% interval.

    Args:
        comparison: what to draw.
        measure: "exact_match" or "f1".
        title: what the axis shows.
    """
    found: list[Score] = [getattr(model, measure) for model in comparison.models]
    ticks = _ticks(0.0, max(score.high for score in found))
    plot = _Rows(title, ticks, len(found))
    for place, (model, score) in enumerate(zip(comparison.models, found, strict=True)):
        y = plot.label(place, model.label, f"{score.value:.1f}%")
        plot.interval(place, y, score.value, score.low, score.high)
    said = "; ".join(
        f"{model.label} {score.value:.1f} percent, interval {score.low:.1f} to {score.high:.1f}"
        for model, score in zip(comparison.models, found, strict=True)
    )
    return plot.svg(f"{title} of each model: {said}")


def differences_chart(comparison: Comparison, measure: str, title: str) -> str:
    """One row for each pair: the difference with its interval against the line of no difference."""
    pairs = comparison.pairs
    found: list[Difference] = [getattr(pair, measure) for pair in pairs]
    ticks = _ticks(min(0.0, *(d.low for d in found)), max(0.0, *(d.high for d in found)), least=2.0)
    plot = _Rows(title, ticks, len(pairs))
    plot.zero(len(pairs))
    labels = [f"{comparison.models[p.model].label} \N{MINUS SIGN} {comparison.models[p.against].label}" for p in pairs]
    for row, (pair, label, difference) in enumerate(zip(pairs, labels, found, strict=True)):
        y = plot.label(row, label, _signed(difference.difference))
        plot.interval(pair.model, y, difference.difference, difference.low, difference.high)
    said = "; ".join(
        f"{label}: {d.difference:+.1f} points, interval {d.low:+.1f} to {d.high:+.1f}"
        for label, d in zip(labels, found, strict=True)
    )
    return plot.svg(f"{title}: {said}")


def outcomes_chart(comparison: Comparison) -> str:
    """One bar for each pair: questions won, tied and lost."""
    parts, y = [], 0
    for pair in comparison.pairs:
        new, old = comparison.models[pair.model].label, comparison.models[pair.against].label
        parts.append(_text(0, y + 12, _cut(f"{new} against {old}", 48), "label"))
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
        parts.append(_text(0, y + 51, f"{pair.wins:,} won", f"value m{pair.model % COLOURS}"))
        parts.append(_text(WIDTH / 2, y + 51, f"{pair.ties:,} tied", "axis", "middle"))
        parts.append(_text(WIDTH, y + 51, f"{pair.losses:,} lost", f"value m{pair.against % COLOURS}", "end"))
        y += 68
    said = "; ".join(
        f"{comparison.models[p.model].label} against {comparison.models[p.against].label}: {p.wins} won, "
        f"{p.ties} tied, {p.losses} lost"
        for p in comparison.pairs
    )
    return _svg(y - 8, parts, f"Questions by which model has the higher F1: {said}")


def breakdown_chart(comparison: Comparison, title: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for each group: the models' F1, and at the right how many questions it has."""
    names = list(groups)
    left = min(152.0, 16 + 8.0 * max(len(name) for name in names))  # wide letters, half a shape and a gap
    right = 282.0
    ticks = _ticks(0.0, max(max(group["f1"]) for group in groups.values()))
    scale = _Scale(ticks, left, right)
    # Level models would cover each other on one line; each has its own.
    step, top, apart = 16 + 6 * len(comparison.models), 24, 6
    lift = apart * (len(comparison.models) - 1) / 2
    bottom = top + step * len(names) - 4
    parts = [_text(left, 11, "F1, %", "axis"), _text(WIDTH, 11, "questions", "axis", "end")]
    parts += [_line(scale(t), top - 6, scale(t), bottom, "grid") for t in ticks]
    parts += [_text(scale(t), bottom + 15, _number(t), "axis", "middle") for t in ticks]
    for row, name in enumerate(names):
        values, y = groups[name]["f1"], top + step * (row + 0.5) - 4
        inner = [
            _text(0, y + 4, _cut(name, 17), "label"),
            _text(WIDTH, y + 4, f"{groups[name]['total']:,}", "axis", "end"),
            _line(scale(min(values)), y, scale(max(values)), y, "span"),
        ]
        inner += [_marker(place, scale(value), y - lift + apart * place) for place, value in enumerate(values)]
        faint = ' class="few"' if groups[name]["total"] < FEW else ""
        parts.append(f"<g{faint}>{''.join(inner)}</g>")
    said = "; ".join(
        f"{name}: " + ", ".join(f"{m.label} {v:.1f}" for m, v in zip(comparison.models, group["f1"], strict=True))
        for name, group in groups.items()
    )
    return _svg(bottom + 22, parts, f"F1 by {title}: {said}")


def reliability_chart(comparison: Comparison) -> str:
    """How often answers are exactly right at each stated confidence; on the dashed line words and deeds agree.

    Neighbouring bins are drawn as one until they hold FEWEST_A_POINT answers; with fewer in all there is no point.
    """
    plot = _Square("confidence that the model states, %", "of these exactly right, %")
    plot.parts.append(_line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "ideal"))
    plot.parts.append(_text(plot.x(0.04), plot.y(0.93), "too cautious", "axis"))
    plot.parts.append(_text(plot.x(0.97), plot.y(0.05), "too sure", "axis", "end"))
    for place, model in enumerate(comparison.models):
        plot.curve(place, _calibration_points(model.reliability), markers=True)
    if comparison.num_questions < FEWEST_A_POINT:
        words = f"fewer than {FEWEST_A_POINT} answers: none drawn"
        plot.parts.append(_text(plot.x(0.5), plot.y(0.5) - 8, words, "axis", "middle"))
    said = "; ".join(f"{model.label}: calibration error {model.ece:.3f}" for model in comparison.models)
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
    plot = _Square("questions answered, surest first, %", "not exactly right, %")
    for place, model in enumerate(comparison.models):
        points = list(zip(model.coverage, model.risk, strict=True))
        plot.curve(place, points, markers=False)
        if points:
            plot.parts.append(_marker(place, plot.x(points[-1][0]), plot.y(points[-1][1])))
    said = "; ".join(f"{model.label}: area under the curve {model.aurc:.3f}" for model in comparison.models)
    return plot.svg(f"Share of wrong answers by share of questions answered, surest first. {said}")


class _Scale:
    """Values to places along an axis from the first tick to the last."""

    def __init__(self, ticks: Sequence[float], begin: float, end: float):
        self.low, self.factor, self.begin = ticks[0], (end - begin) / (ticks[-1] - ticks[0]), begin

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.low) * self.factor


class _Rows:
    """A chart of rows: above, a label and a figure; below, a value with its interval on a shared scale."""

    STEP = 46

    def __init__(self, title: str, ticks: Sequence[float], count: int):
        self.scale = _Scale(ticks, 8, WIDTH - 8)
        self.bottom = 6 + self.STEP * count
        self.parts = [self._upright(t, row, "grid") for row in range(count) for t in ticks]
        self.parts += [_text(self.scale(t), self.bottom + 15, _number(t), "axis", "middle") for t in ticks]
        self.parts.append(_text(WIDTH / 2, self.bottom + 33, title, "axis", "middle"))

    def zero(self, count: int) -> None:
        """Marks no difference in every row."""
        self.parts += [self._upright(0, row, "zero") for row in range(count)]

    def label(self, row: int, label: str, figure: str) -> float:
        """Writes a row's label and figure; gives the place for its value."""
        y = 6 + self.STEP * row
        self.parts.append(_text(0, y + 8, _cut(label, 40), "label"))
        self.parts.append(_text(WIDTH, y + 8, figure, "value", "end"))
        return y + 25

    def interval(self, place: int, y: float, value: float, low: float, high: float) -> None:
        """A whisker with the model's shape on it."""
        style = f"whisker m{place % COLOURS}"
        self.parts.append(_line(self.scale(low), y, self.scale(high), y, style))
        self.parts += [_line(self.scale(v), y - 4, self.scale(v), y + 4, style) for v in (low, high)]
        self.parts.append(_marker(place, self.scale(value), y))

    def _upright(self, value: float, row: int, style: str) -> str:
        """A line at a value, beside a row's interval and not through its label."""
        y = 6 + self.STEP * row
        return _line(self.scale(value), y + 16, self.scale(value), y + 34, style)

    def svg(self, description: str) -> str:
        """The chart."""
        return _svg(self.bottom + 38, self.parts, description)


class _Square:
    """Axes from 0 to 100% both ways, for curves."""

    LEFT, TOP, RIGHT, BOTTOM = 34.0, 26.0, 330.0, 276.0

    def __init__(self, across: str, up: str):
        self.parts = [_text(0, 12, up, "axis")]
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            self.parts.append(_line(self.x(tick), self.TOP, self.x(tick), self.BOTTOM, "grid"))
            self.parts.append(_line(self.LEFT, self.y(tick), self.RIGHT, self.y(tick), "grid"))
            self.parts.append(_text(self.x(tick), self.BOTTOM + 16, _number(100 * tick), "axis", "middle"))
            self.parts.append(_text(self.LEFT - 7, self.y(tick) + 4, _number(100 * tick), "axis", "end"))
        self.parts.append(_text((self.LEFT + self.RIGHT) / 2, self.BOTTOM + 35, across, "axis", "middle"))

    def x(self, share: float) -> float:
        """0 to 1 from left to right."""
        return self.LEFT + share * (self.RIGHT - self.LEFT)

    def y(self, share: float) -> float:
        """0 to 1 from below."""
        return self.BOTTOM - share * (self.BOTTOM - self.TOP)

    def curve(self, place: int, points: Sequence[tuple[float, float]], markers: bool) -> None:
        """A model's line through points of 0 to 1."""
        path = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in points)
        self.parts.append(f'<polyline class="curve m{place % COLOURS}" points="{path}"/>')
        if markers:
            self.parts += [_marker(place, self.x(a), self.y(b), 0.75) for a, b in points]

    def svg(self, description: str) -> str:
        """The chart."""
        return _svg(self.BOTTOM + 42, self.parts, description)


def _svg(height: float, parts: Sequence[str], description: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _marker(place: int, x: float, y: float, size: float = 1.0) -> str:
    scale = "" if size == 1 else f" scale({size})"
    shape = _SHAPES[place % COLOURS]
    return f'<g class="marker m{place % COLOURS}" transform="translate({x:.1f} {y:.1f}){scale}">{shape}</g>'


def _ticks(low: float, high: float, least: float = 10.0) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about five of them, at least `least` apart in all."""
    room = max(high - low, least)
    step = next(s * 10.0**e for e in range(-2, 4) for s in (1, 2, 2.5, 5) if room / (s * 10.0**e) <= 5)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(step * i, 6) for i in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
