from __future__ import annotations

import pytest

from qa_pipeline import QAPredictor
from tests.tiny_models import save_tiny


@pytest.fixture(scope="session")
def tiny_predictor(tmp_path_factory):
    """Gives a predictor of a tiny random model of a family, in float32, loaded once for all tests."""
    made: dict[tuple, QAPredictor] = {}

    def predictor(family: str = "bert", **options) -> QAPredictor:
        key = (family, *sorted(options.items()))
        if key not in made:
            folder = save_tiny(family, tmp_path_factory.mktemp(family), seed=3)
            wanted = {"max_seq_length": 64, "doc_stride": 16, "max_question_length": 16, "dtype": "float32"} | options
            made[key] = QAPredictor.from_pretrained(folder, device="cpu", allow_new_head=True, **wanted)
        return made[key]

    return predictor
