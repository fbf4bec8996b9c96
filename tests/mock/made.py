"""A domain as its author writes it: the one that docs/domains.md shows."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "domains.md"
_SHOWN = re.search(r"^```yaml\n(.+?)^```$", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
assert _SHOWN is not None
BAKERY = _SHOWN[1]


def bakery(place: str = "", value: Any = None) -> dict[str, Any]:
    """Its content, with another value at a place such as "topics.breads.pronouns"; None takes the key away."""
    content = copy.deepcopy(yaml.safe_load(BAKERY))
    if place:
        *path, last = place.split(".")
        section = content
        for key in path:
            section = section[key]
        if value is None:
            del section[last]
        else:
            section[last] = value
    return content
