"""The data of a domain and a seed stays the same, byte for byte: models and figures of earlier days depend on it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from qa_pipeline.mock import DOMAINS, make_dataset

HASHES = json.loads((Path(__file__).parent / "golden_hashes.json").read_text(encoding="utf-8"))["sha256"]


@pytest.mark.parametrize("made", HASHES)
def test_the_same_seed_gives_the_bytes_of_earlier_versions(made):
    name, _, seed = made.partition(", seed ")
    value = make_dataset(None if name == "all" else name, 120, 0.3, int(seed))
    text = json.dumps(value, ensure_ascii=False, indent=1)
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == HASHES[made]


def test_every_built_in_domain_has_its_hashes():
    assert {made.partition(",")[0] for made in HASHES} == {"all", *DOMAINS}
