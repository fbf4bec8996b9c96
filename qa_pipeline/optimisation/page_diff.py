"""Two prompts side by side, with what differs marked: lines against lines, and words within lines. Sees texts only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from qa_pipeline.compare.page_parts import facts_list, words
from qa_pipeline.generation.questions.llm.recipes import Recipe

_TEXTS = {
    "system": "System turn",
    "user": "Request",
    "following_system": "System turn of the second request",
    "following_user": "Second request, which asks for questions to the answers",
}
_SETTINGS = {
    "kind": "asks for",
    "few_shot": "examples shown",
    "rephrase": "asks for other words afterwards",
    "evidence": "evidence",
    "temperature": "temperature",
}
_ALIKE = 0.4
"""Lines that have less than this in common stand below each other and are not compared word by word."""
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


def prompts_diff(old: Recipe, new: Recipe, names: tuple[str, str]) -> str:
    """Markup: the settings that differ, then each text of the two prompts.

    Args:
        old, new: the prompts.
        names: what they are called above their columns.
    """
    parts = [settings_diff(old, new)]
    one, other = texts_of(old), texts_of(new)
    for name, title in _TEXTS.items():
        if one[name] or other[name]:
            same = " (the same)" if one[name] == other[name] else ""
            parts.append(f'<h3 class="sub">{title}{same}</h3>{text_diff(one[name], other[name], names)}')
    return "".join(parts)


def texts_of(recipe: Recipe) -> dict[str, str]:
    """The texts that are asked with, those of the second request as they come to be."""
    following = recipe.following
    return {
        "system": recipe.system.strip(),
        "user": recipe.user.strip(),
        "following_system": following.system.strip() if following else "",
        "following_user": following.user.strip() if following else "",
    }


def settings_diff(old: Recipe, new: Recipe) -> str:
    """The settings beside the texts: those that differ as they were and are, the others in a sentence."""
    shown = {
        title: (_shown(name, getattr(old, name)), _shown(name, getattr(new, name))) for name, title in _SETTINGS.items()
    }
    changed = {
        title: f"{before} \N{RIGHTWARDS ARROW} {after}" for title, (before, after) in shown.items() if before != after
    }
    same = "; ".join(f"{title}: {before}" for title, (before, after) in shown.items() if before == after)
    return facts_list(changed) + (f'<p class="lead">The same in both: {words(same)}.</p>' if same else "")


def text_diff(old: str, new: str, names: tuple[str, str]) -> str:
    """Two texts in two columns, line beside line; on a narrow page below each other, equal lines once.

    >>> markup = text_diff("Ask two questions.", "Ask hard questions.", ("before", "after"))
    >>> "<del>two</del>" in markup, "<ins>hard</ins>" in markup
    (True, True)
    """
    cells = [
        f'<div class="head">{words(names[0])}</div><div class="head">{words(names[1])}</div>'
        f'<div class="head narrow"><del>{words(names[0])}</del>, <ins>{words(names[1])}</ins></div>'
    ]
    if not old and not new:
        return ""
    cells += [
        f'<div class="{left_style}">{left}</div><div class="{right_style} right">{right}</div>'
        for left_style, left, right_style, right in _lines(old.splitlines(), new.splitlines())
    ]
    return f'<div class="diff">{"".join(cells)}</div>'


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Style and markup of the two cells of each row."""
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            for line in old[i:j]:
                yield "same", words(line), "same", words(line)
            continue
        yield from _changed(old[i:j], new[k:m])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Lines that were replaced, removed or added: those that are alike beside each other."""
    waiting = list(new)
    for line in old:
        place = next((i for i, other in enumerate(waiting) if _likeness(line, other) >= _ALIKE), None)
        if place is None:
            yield "old", f"<del>{words(line)}</del>", "none", ""
            continue
        for other in waiting[:place]:
            yield "none", "", "new", f"<ins>{words(other)}</ins>"
        yield ("old", *_within(line, waiting[place]))
        del waiting[: place + 1]
    for other in waiting:
        yield "none", "", "new", f"<ins>{words(other)}</ins>"


def _within(old: str, new: str) -> tuple[str, str, str]:
    """Markup of the old line, style of the new one, and its markup, with the words that differ marked."""
    before, after = _PIECES.findall(old), _PIECES.findall(new)
    left, right = [], []
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = words("".join(before[i:j])), words("".join(after[k:m]))
        if kind == "equal":
            left.append(gone)
            right.append(come)
        else:
            left.append(f"<del>{gone}</del>" if gone else "")
            right.append(f"<ins>{come}</ins>" if come else "")
    return "".join(left), "new", "".join(right)


def _likeness(old: str, new: str) -> float:
    """Share of pieces that two lines have in common, 0 to 1."""
    return SequenceMatcher(None, _PIECES.findall(old), _PIECES.findall(new), autojunk=False).ratio()


def _shown(name: str, value: Any) -> str:
    meanings: Mapping[Any, str] = {
        ("kind", "questions"): "questions with their answers at once",
        ("kind", "answers"): "answers first, then questions",
        ("evidence", "free"): "as the model quotes it",
        ("evidence", "sentence"): "one of the passage's sentences",
        ("rephrase", True): "yes",
        ("rephrase", False): "no",
    }
    return meanings.get((name, value), f"{value:g}" if isinstance(value, float) else str(value))
