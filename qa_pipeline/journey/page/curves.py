"""Charts of a journey as inline SVG: learning curves, trials, shares and times. Drawn from numbers alone.

Colours, shapes and sizes are those of `compare.drawing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qa_pipeline.compare import drawing
from qa_pipeline.compare.drawing import COLOURS, WIDTH

_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 330.0, 26.0, 196.0
_MOST_EPOCHS = 6
"""Ticks of an axis of epochs or trials."""


@dataclass(frozen=True)
class CurvePoint:
    """A point of a curve: across, up, and whether a marker stands on it."""

    x: float
    y: float
    is_marked: bool = False


def learning_curve(
    points: Sequence[CurvePoint], up: str, across: str, place: int, said: str, *, is_percent: bool = False
) -> str:
    """One curve, such as loss or validation F1 by epoch.

    Args:
        points: in order.
        up, across: what the axes show.
        place: its colour and shape.
        said: the chart in words, for those who do not see it.
        is_percent: the axis begins at 0.
    """
    values = [point.y for point in points]
    ticks = drawing.ticks(0.0 if is_percent else min(0.0, *values), max(values), least=10.0 if is_percent else 0.1)
    last = max(point.x for point in points)
    scale_x = drawing.Scale([0.0, last or 1.0], _LEFT, _RIGHT)
    parts, scale_y = _axes(ticks, up, across)
    parts += _whole_numbers(scale_x, last)
    path = " ".join(f"{scale_x(point.x):.1f},{scale_y(point.y):.1f}" for point in points)
    parts.append(f'<polyline class="curve m{place % COLOURS}" points="{path}"/>')
    for point in points:
        if point.is_marked or len(points) <= 2:
            parts.append(drawing.marker(place, scale_x(point.x), scale_y(point.y)))
    return drawing.svg(_BOTTOM + 42, parts, said)


@dataclass(frozen=True)
class TrialPoint:
    """A trial in its chart.

    Attributes:
        number: of the trial.
        value: validation F1, percent.
        role: "default", "chosen", "other" or "pruned".
    """

    number: int
    value: float
    role: str


_ROLES = {"other": 0, "chosen": 1, "default": 2, "pruned": 0}


def trials_chart(trials: Sequence[TrialPoint], said: str) -> str:
    """The validation F1 of every trial; the default settings and the chosen ones have shapes of their own."""
    values = [trial.value for trial in trials]
    ticks = drawing.ticks(min(values), max(values), least=5.0)
    last = max(1, *(trial.number for trial in trials))
    scale_x = drawing.Scale([0.0, float(last)], _LEFT + 12, _RIGHT - 12)
    parts, scale_y = _axes(ticks, "validation F1, %", "trial")
    parts += _whole_numbers(scale_x, float(last))
    default = next((trial for trial in trials if trial.role == "default" or trial.number == 0), None)
    if default is not None:
        y = scale_y(default.value)
        parts.append(drawing.line(_LEFT, y, _RIGHT, y, "zero"))
    for trial in sorted(trials, key=lambda one: one.role == "chosen"):  # drawn last, so that nothing covers it
        faint = ' class="few"' if trial.role == "pruned" else ""
        marker = drawing.marker(_ROLES[trial.role], scale_x(trial.number), scale_y(trial.value), 1.2)
        parts.append(f"<g{faint}>{marker}</g>")
    return drawing.svg(_BOTTOM + 42, parts, said)


def _axes(ticks: Sequence[float], up: str, across: str) -> tuple[list[str], drawing.Scale]:
    """What is drawn below a curve, and the scale of the values from below."""
    scale = drawing.Scale(ticks, _BOTTOM, _TOP)
    parts = [drawing.text(0, 12, up, "axis")]
    for tick in ticks:
        parts.append(drawing.line(_LEFT, scale(tick), _RIGHT, scale(tick), "grid"))
        parts.append(drawing.text(_LEFT - 7, scale(tick) + 4, drawing.number(tick), "axis", "end"))
    parts.append(drawing.text((_LEFT + _RIGHT) / 2, _BOTTOM + 35, across, "axis", "middle"))
    return parts, scale


def _whole_numbers(scale: drawing.Scale, last: float) -> list[str]:
    step = max(1, -(-int(last) // _MOST_EPOCHS))
    return [
        drawing.text(scale(float(value)), _BOTTOM + 16, str(value), "axis", "middle")
        for value in range(0, int(last) + 1, step)
    ]


def shares_chart(rows: Mapping[str, Mapping[str, int]], places: Mapping[str, int], said: str) -> str:
    """One bar for each row, as long as the row is large, in parts: splits by the kind of their questions.

    Args:
        rows: name -> part -> count.
        places: part -> its colour.
        said: the chart in words.
    """
    longest = max((sum(parts.values()) for parts in rows.values()), default=0) or 1
    drawn, y = [], 0.0
    for name, counts in rows.items():
        total, x = sum(counts.values()), 0.0
        drawn.append(drawing.text(0, y + 12, name, "label"))
        drawn.append(drawing.text(WIDTH, y + 12, f"{total:,}", "value", "end"))
        for part, count in counts.items():
            width = WIDTH * count / longest
            if count:
                style, bar = f"bar m{places[part] % COLOURS}", max(width - 1.5, 1.0)
                drawn.append(
                    f'<rect class="{style}" x="{x:.1f}" y="{y + 19:.1f}" width="{bar:.1f}" height="14" rx="2"/>'
                )
            x += width
        y += 50
    return drawing.svg(y - 12, drawn, said)
