from __future__ import annotations

from pathlib import Path

import pytest

from qa_pipeline.arguments import ModelArguments
from tests.tiny_models import save_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Gives ModelArguments of a tiny model of a family, saved once for all tests. Do not change the folder."""
    made: dict[str, str] = {}

    def arguments(family: str, **options) -> ModelArguments:
        if family not in made:
            made[family] = save_tiny(family, tmp_path_factory.mktemp(family))
        return ModelArguments(model_name_or_path=made[family], **options)

    return arguments


@pytest.fixture
def bert(tmp_path) -> Path:
    """A tiny BERT in a folder that a test may damage."""
    return Path(save_tiny("bert", tmp_path / "bert"))
