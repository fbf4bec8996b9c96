"""Whether a head was made anew, whatever brought its weights since."""

from __future__ import annotations

import pytest

from qa_pipeline.arguments import ModelArguments
from qa_pipeline.modeling import is_head_new, load_model
from tests.modeling.made import FULL, LORA, save, trained


@pytest.mark.parametrize("lora", [FULL, LORA], ids=["full", "lora"])
def test_a_head_is_new_until_something_trains_it(tiny, tmp_path, lora):
    assert is_head_new(load_model(tiny("bert"), lora))
    folder = save(trained(tiny("bert"), lora), tiny("bert"), tmp_path / "trained")
    for again in (FULL, LORA):  # an adapter is merged, or trains further
        assert not is_head_new(load_model(ModelArguments(model_name_or_path=str(folder)), again))
