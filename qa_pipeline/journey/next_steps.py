"""Commands that a user may want when a journey has come so far. Runs none."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODEL = "model"


def next_steps(root: Path, facts: Mapping[str, Mapping[str, Any]], documents: Sequence[str] = ()) -> dict[str, str]:
    """What one may do, and the command for it.

    Args:
        root: the journey's folder.
        facts: of the stages that are done, by name.
        documents: that the questions were made of.

    >>> next_steps(Path("tides"), {"process": {}})
    {'read and edit the questions, then start the same command without --until': 'tides/process/review.csv'}
    """
    steps: dict[str, str] = {}
    if "process" in facts:
        again = "the same command" + ("" if "select" in facts else " without --until")
        steps[f"read and edit the questions, then start {again}"] = str(root / "process" / "review.csv")
    if "select" not in facts:
        return steps
    texts = " ".join(map(shlex.quote, documents)) or "YOUR_DOCUMENT"
    question = shlex.quote(facts.get("process", {}).get("held_out_question") or "YOUR QUESTION")
    model = shlex.quote(str(root / MODEL))
    page = f"qa-pipeline demo {shlex.quote(str(root))}" + (f" --documents {texts}" if documents else "")
    return {
        "ask the model": f"qa-pipeline ask --model {model} --question {question} --documents {texts}",
        "open a page to try it": page,
        **steps,
    }
