"""The search as a tree: every prompt by round, where it came from and how far it climbed. Sees rows of tables only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import words
from qa_pipeline.optimisation.evaluations import RUNG_NAMES
from qa_pipeline.wording import plain

COLUMN, STEP, TOP = 290, 24, 40
"""Units of the drawing, which are about pixels: a round, a prompt, the place of the first."""
_LABEL = 26
"""Characters of a name in the drawing."""
BEST_PLACE = 3
"""Colour and shape of the best prompt; 0, 1 and 2 are the highest rungs of the others."""


@dataclass(frozen=True)
class TriedPrompt:
    """A prompt of the search, with what the rungs said.

    Attributes:
        row: of the table `prompts`.
        scores: rung -> row of the table `evaluations`.
        is_baseline, is_leader: the first prompt; the one with the highest score.
    """

    row: Mapping[str, Any]
    scores: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    is_baseline: bool = False
    is_leader: bool = False

    @property
    def hash(self) -> str:
        """Names it."""
        return str(self.row["hash"])

    @property
    def name(self) -> str:
        """For people, without control characters."""
        return plain(str(self.row["name"]))

    @property
    def round(self) -> int:
        """In which it came."""
        return int(self.row["round"] or 0)

    @property
    def rung(self) -> int:
        """The highest that it climbed; -1 where it was not evaluated."""
        return max(self.scores, default=-1)

    @property
    def place(self) -> int:
        """Its colour and shape."""
        return BEST_PLACE if self.is_leader else max(0, self.rung)

    @property
    def standing(self) -> tuple[int, float, str]:
        """Sorts the best first: those that climbed highest, by their score there."""
        return (-self.rung, -float(self.scores[self.rung]["score"]) if self.scores else 0.0, self.hash)


def tried_prompts(
    prompts: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]], baseline: str, leader: str
) -> list[TriedPrompt]:
    """The prompts that the search evaluated, in the order of the table.

    Args:
        prompts, evaluations: rows of these tables.
        baseline, leader: hashes of the first prompt and of that with the highest score.
    """
    scores: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in evaluations:
        scores.setdefault(row["prompt_hash"], {})[row["rung"]] = row
    found = {row["hash"]: row for row in reversed(prompts) if row["hash"] in scores}
    return [
        TriedPrompt(row, scores[name], name == baseline, name == leader) for name, row in reversed(list(found.items()))
    ]


def search_tree(tried: Sequence[TriedPrompt]) -> str:
    """Markup: the legend and the drawing, which scrolls by itself where it is too wide."""
    by_round: dict[int, list[TriedPrompt]] = {}
    for one in sorted(tried, key=lambda one: (not one.is_baseline, one.standing)):
        by_round.setdefault(one.round, []).append(one)
    places = {
        one.hash: (6.0 + COLUMN * column, TOP + STEP * row)
        for column, (_, group) in enumerate(sorted(by_round.items()))
        for row, one in enumerate(group)
    }
    led = _ancestors(tried)
    parts = []
    for one in sorted(tried, key=lambda one: one.hash in led):
        parent = one.row["parent"]
        if parent in places:
            parts.append(_descent(places[parent], places[one.hash], one.hash in led))
    for column, number in enumerate(sorted(by_round)):
        title = "first round" if number == 0 else f"round {number + 1}"
        parts.append(drawing.text(COLUMN * column, 14, f"{title}: {len(by_round[number])}", "round"))
    parts += [_entry(one, *places[one.hash]) for one in tried]
    width, height = COLUMN * len(by_round), TOP + STEP * max(map(len, by_round.values()), default=1)
    said = f"{len(tried)} prompts in {len(by_round)} rounds; the numbers below say the same"
    svg = (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{said}">'
        f"{''.join(parts)}</svg>"
    )
    return f'{_legend(tried)}<div class="scroll tree" tabindex="0">{svg}</div>'


def tree_table(tried: Sequence[TriedPrompt]) -> str:
    """All prompts with their scores, from best to worst."""
    names = {one.hash: one.name for one in tried}
    rungs = sorted({rung for one in tried for rung in one.scores})
    rows = []
    for one in sorted(tried, key=lambda one: one.standing):
        parent = one.row["parent"]
        origin = names.get(parent, str(parent)[:8]) if parent else ""
        rows.append(
            [
                drawing.cut(one.name, 60),
                one.hash[:8],
                str(one.round + 1),
                str(one.row["made_by"] or ""),
                drawing.cut(origin, 40),
                *(f"{one.scores[rung]['score']:.1f}" if rung in one.scores else "" for rung in rungs),
            ]
        )
    return page.table(["", "hash", "round", "made by", "from", *(RUNG_NAMES[rung] for rung in rungs)], rows)


def _ancestors(tried: Sequence[TriedPrompt]) -> set[str]:
    """The best prompt and all that it came from."""
    known = {one.hash: one for one in tried}
    found: set[str] = set()
    name = next((one.hash for one in tried if one.is_leader), None)
    while name in known and name not in found:
        found.add(name)
        name = known[name].row["parent"]
    return found


def _descent(begin: tuple[float, float], end: tuple[float, float], led: bool) -> str:
    """A line from a prompt's right to the left of one that was made of it."""
    x1, y1, x2, y2 = begin[0] + COLUMN - 56, begin[1], end[0] - 7, end[1]
    if x2 <= x1:  # of the same round
        x1 = x2
    bend = max(20.0, (x2 - x1) / 2)
    style = "descent led" if led else "descent"
    curve = f"C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path class="{style}" d="M{x1:.1f} {y1:.1f}{curve}"/>'


def _entry(one: TriedPrompt, x: float, y: float) -> str:
    """The mark, the name and the score of a prompt; all of it on a pointer."""
    climbed = "; ".join(f"{RUNG_NAMES[rung]} {row['score']:.1f}" for rung, row in sorted(one.scores.items()))
    made_by = f", by {one.row['made_by']}" if one.row["made_by"] else ""
    title = f"<title>{escape(f'{one.name} ({one.hash[:8]}{made_by}): {climbed}')}</title>"
    style = "first" if one.is_baseline or one.is_leader else "label"
    name = f"baseline: {one.name}" if one.is_baseline else one.name
    score = f"{one.scores[one.rung]['score']:.1f}" if one.scores else ""
    return (
        f"<g>{title}{drawing.marker(one.place, x, y)}"
        f"{drawing.text(x + 11, y + 4, drawing.cut(name, _LABEL), style)}"
        f"{drawing.text(x + COLUMN - 62, y + 4, score, 'score', 'end')}</g>"
    )


def _legend(tried: Sequence[TriedPrompt]) -> str:
    rungs = sorted({one.rung for one in tried if not one.is_leader and one.rung >= 0})
    items = [f"<li>{drawing.key(rung)}went as far as: {RUNG_NAMES[rung]}</li>" for rung in rungs]
    items += [f"<li>{drawing.key(BEST_PLACE)}highest score</li>" if any(one.is_leader for one in tried) else ""]
    return f'<ul class="legend" aria-label="Where a prompt stopped">{"".join(items)}</ul>'


def name_in_short(one: TriedPrompt) -> str:
    """A name for charts, escaped by them."""
    return f"baseline: {one.name}" if one.is_baseline else one.name


def named(one: TriedPrompt) -> str:
    """Markup: the name of a prompt in its colour, with its hash."""
    return f'<b class="name m{one.place}">{words(one.name)}</b> (<code>{words(one.hash[:8])}</code>)'
