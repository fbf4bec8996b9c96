"""Says whether a document speaks of what a service does with people's data, so that its frames can be asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa_pipeline.generation.questions.cloze.frames import BY_US, CUES, Framed

GENERAL_FRAMES = frozenset(("instruction", "consequence"))
"""What any text that speaks to its reader may state; the other frames are for what a service does."""
_DATA_FRAMES = frozenset((*BY_US, "edit", "choose", "child", "cookie")) | {name for name, _ in CUES}
_HANDLING = frozenset(("share", "collect", "use", "keep", "cookie"))
_OF_DATA = re.compile(
    r"\b(?:information|data|privacy|cookies?|personal\w*|e-?mail address(?:es)?|accounts?|passwords?|consent|policy|"
    r"third part(?:y|ies)|newsletters?|(?:un)?subscri\w+|opt(?:ing)?[- ](?:out|in)|encrypt\w*|ip address(?:es)?|"
    r"(?:web)?sites?)\b",
    re.I,
)
LEAST_FRAMES, SHORT_TEXT = 2, 5
"""Frames that speak of data in a text about a service; one is enough in a text of SHORT_TEXT sentences or fewer."""


def is_about_data(found: Sequence[tuple[str, Framed]], sentences: int) -> bool:
    """Whether a document speaks of what a service does with people's data, accounts and messages.

    Args:
        found: its framed answers, each with the text of its sentence.
        sentences: of the document that can be asked about.
    """
    speaking = {(text, one.frame) for text, one in found if one.frame in _DATA_FRAMES and _OF_DATA.search(text)}
    stating = len({text for text, _ in speaking})
    if not {frame for _, frame in speaking} & _HANDLING:
        return False  # a help page that speaks of passwords and messages
    several = len({frame for _, frame in speaking}) >= LEAST_FRAMES
    return several or (0 < sentences <= SHORT_TEXT and 2 * stating >= sentences)
