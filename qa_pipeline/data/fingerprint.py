"""Says whether two sets of examples are the same, by a short digest that fits into a settings file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from qa_pipeline.data.example import Example


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 (first 16 hex digits) of ids, contexts, questions and answers, in order."""
    digest = hashlib.sha256()
    contexts: dict[str, bytes] = {}
    for example in examples:
        context = example["context"]
        if context not in contexts:
            contexts[context] = hashlib.sha256(context.encode("utf-8", "surrogatepass")).digest()
        answers = example["answers"]
        row = json.dumps([example["id"], example["question"], answers["text"], answers["answer_start"]])
        digest.update(contexts[context])
        digest.update(row.encode("ascii"))
    return digest.hexdigest()[:16]
