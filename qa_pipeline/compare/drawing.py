"""What charts are drawn with: scales, axes, marks and shapes, as inline SVG. Sees numbers and labels only.

Every chart is 340 units wide, which is about as many pixels on a phone and in a column of a wide window, so that its
text stays readable everywhere. Colours are classes (`m0`, `m1` ...), which the style sheet gives for light and dark;
every colour also has its own shape, so that no chart needs colour to be read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 340
COLOURS = 6

SHAPES = (
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
        f'<symbol id="shape{place}" viewBox="-7 -7 14 14">{shape}</symbol>' for place, shape in enumerate(SHAPES)
    )
    return f'<svg width="0" height="0" class="symbols" aria-hidden="true">{parts}</svg>'


def key(place: int) -> str:
    """A model's shape in its colour, as big as a letter."""
    return f'<svg class="key m{place % COLOURS}" aria-hidden="true"><use href="#shape{place % COLOURS}"/></svg>'


class Scale:
    """Values to places along an axis from the first tick to the last."""

    def __init__(self, ticks: Sequence[float], begin: float, end: float):
        self.low, self.factor, self.begin = ticks[0], (end - begin) / (ticks[-1] - ticks[0]), begin

    def __call__(self, value: float) -> float:
        """The place of a value, in units of the chart."""
        return self.begin + (value - self.low) * self.factor


class IntervalRows:
    """A chart of rows: above, a label and a figure; below, a value with its interval on a shared scale."""

    STEP = 46

    def __init__(self, title: str, ticks: Sequence[float], count: int):
        self.scale = Scale(ticks, 8, WIDTH - 8)
        self.bottom = 6 + self.STEP * count
        self.parts = [self._upright(t, row, "grid") for row in range(count) for t in ticks]
        self.parts += [text(self.scale(t), self.bottom + 15, number(t), "axis", "middle") for t in ticks]
        self.parts.append(text(WIDTH / 2, self.bottom + 33, title, "axis", "middle"))

    def zero(self, count: int) -> None:
        """Marks no difference in every row."""
        self.parts += [self._upright(0, row, "zero") for row in range(count)]

    def label(self, row: int, label: str, figure: str) -> float:
        """Writes a row's label and figure; gives the place for its value."""
        y = 6 + self.STEP * row
        self.parts.append(text(0, y + 8, cut(label, 40), "label"))
        self.parts.append(text(WIDTH, y + 8, figure, "value", "end"))
        return y + 25

    def interval(self, place: int, y: float, value: float, low: float, high: float) -> None:
        """A whisker with the model's shape on it."""
        style = f"whisker m{place % COLOURS}"
        self.parts.append(line(self.scale(low), y, self.scale(high), y, style))
        self.parts += [line(self.scale(v), y - 4, self.scale(v), y + 4, style) for v in (low, high)]
        self.parts.append(marker(place, self.scale(value), y))

    def _upright(self, value: float, row: int, style: str) -> str:
        """A line at a value, beside a row's interval and not through its label."""
        y = 6 + self.STEP * row
        return line(self.scale(value), y + 16, self.scale(value), y + 34, style)

    def svg(self, description: str) -> str:
        """The chart."""
        return svg(self.bottom + 38, self.parts, description)


class PercentAxes:
    """Axes from 0 to 100% both ways, for curves."""

    LEFT, TOP, RIGHT, BOTTOM = 34.0, 26.0, 330.0, 276.0

    def __init__(self, across: str, up: str):
        self.parts = [text(0, 12, up, "axis")]
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            self.parts.append(line(self.x(tick), self.TOP, self.x(tick), self.BOTTOM, "grid"))
            self.parts.append(line(self.LEFT, self.y(tick), self.RIGHT, self.y(tick), "grid"))
            self.parts.append(text(self.x(tick), self.BOTTOM + 16, number(100 * tick), "axis", "middle"))
            self.parts.append(text(self.LEFT - 7, self.y(tick) + 4, number(100 * tick), "axis", "end"))
        self.parts.append(text((self.LEFT + self.RIGHT) / 2, self.BOTTOM + 35, across, "axis", "middle"))

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
            self.parts += [marker(place, self.x(a), self.y(b), 0.75) for a, b in points]

    def svg(self, description: str) -> str:
        """The chart."""
        return svg(self.BOTTOM + 42, self.parts, description)


def svg(height: float, parts: Sequence[str], description: str) -> str:
    """A whole chart; the description is what is said in its place."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )


def bars_chart(values: Mapping[str, float], figures: Mapping[str, str], said: str, place: int = 1) -> str:
    """One bar for each name, with its figure at the right.

    Args:
        values: lengths of the bars, at least 0.
        figures: what stands beside each.
        said: the chart in words.
        place: its colour.
    """
    longest = max(values.values()) or 1.0
    parts, y = [], 0.0
    for name, value in values.items():
        parts.append(text(0, y + 12, cut(name, 42), "label"))
        parts.append(text(WIDTH, y + 12, figures[name], "value", "end"))
        width = max(WIDTH * value / longest, 1.5 if value else 0.0)
        parts.append(f'<rect class="track" x="0" y="{y + 19:.1f}" width="{WIDTH}" height="7" rx="3.5"/>')
        parts.append(
            f'<rect class="bar m{place % COLOURS}" x="0" y="{y + 19:.1f}" width="{width:.1f}" height="7" rx="3.5"/>'
        )
        y += 40
    return svg(y - 10, parts, said)


def text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    """Words at a place; `style` is a class of the style sheet, such as "label", "axis" or "value m1"."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line; `style` as of `text`, such as "grid" or "whisker m1"."""
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def marker(place: int, x: float, y: float, size: float = 1.0) -> str:
    """The shape of a model, or whatever else has the colour of this place, in the chart."""
    scale = "" if size == 1 else f" scale({size})"
    shape = SHAPES[place % COLOURS]
    return f'<g class="marker m{place % COLOURS}" transform="translate({x:.1f} {y:.1f}){scale}">{shape}</g>'


def ticks(low: float, high: float, least: float = 10.0) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about five of them, at least `least` apart in all."""
    room = max(high - low, least)
    step = next(s * 10.0**e for e in range(-2, 4) for s in (1, 2, 2.5, 5) if room / (s * 10.0**e) <= 5)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(step * i, 6) for i in range(first, last + 1)]


def number(value: float) -> str:
    """A number as axes have it."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A difference with its sign and one decimal."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def cut(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
