from __future__ import annotations

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.models import MODELS, messages_for, models_table, plain_prompt, resolve_model
from qa_pipeline.generation.backends.protocol import Message

TURNS = [Message("system", "Be brief."), Message("user", "Hello")]


def test_short_names_stand_for_hub_ids_plain_and_quantised(tmp_path):
    for short in ("beluga7b", "beluga70b", "llama2-chat-7b", "llama2-chat-13b", "llama2-chat-70b", "mistral7b"):
        plain, quantised = resolve_model(short), resolve_model(short + "-4bit")
        assert plain.hub_id == quantised.hub_id and "/" in plain.hub_id
        assert (plain.load_in_4bit, quantised.load_in_4bit) == (False, True)
        assert short in models_table()
    assert resolve_model("some/Beluga-thing").family == "beluga"
    assert resolve_model(str(tmp_path)).hub_id == str(tmp_path)
    assert resolve_model("anything", on_a_server=True).hub_id == "anything"


def test_an_unknown_name_says_which_is_near():
    with pytest.raises(BackendError, match="did you mean beluga7b"):
        resolve_model("belluga7b")


@pytest.mark.parametrize("family", sorted({model.family for model in MODELS.values()}))
def test_the_system_prompt_goes_where_the_class_expects_it(family):
    turns = messages_for(family, TURNS)
    prompt = plain_prompt(family, turns)
    assert "Be brief." in prompt and "Hello" in prompt
    assert (turns[0]["role"] == "system") == (family not in ("mistral", "gemma"))
    if family == "beluga":
        assert turns[0]["content"].startswith("You are Stable Beluga") and prompt.endswith("### Assistant:\n")
    assert [turn["role"] for turn in messages_for(family, TURNS, system_role=False)] == ["user"]
