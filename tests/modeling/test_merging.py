"""Plain LoRA adapters are merged without PEFT, to the same weights; all others are left to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from qa_pipeline.arguments import LoRAArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import load_trained
from qa_pipeline.modeling.lora import plain_lora
from tests.modeling.made import save, trained

ROOT = Path(__file__).resolve().parents[2]


def adapter(tiny, folder, family="bert", **options):
    save(trained(tiny(family), LoRAArguments(use_lora=True, **options)), tiny(family), folder)
    return str(folder)


def change_config(folder, **values):
    file = Path(folder) / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize(
    ("family", "options"),
    [("bert", {}), ("bert", {"use_rslora": True, "lora_r": 4}), ("modernbert", {"lora_alpha": 7}), ("distilbert", {})],
)
def test_a_plain_adapter_gives_the_weights_that_peft_merges(tiny, tmp_path, family, options):
    folder = adapter(tiny, tmp_path, family, **options)
    base = load_trained(tiny(family).model_name_or_path, allow_new_head=True)
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    assert plain_lora(folder).merge_into(base)
    theirs = load_trained(folder).merge_and_unload().state_dict()
    ours = base.state_dict()
    assert ours.keys() == theirs.keys()
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=0, atol=1e-6)
    assert sum(not torch.equal(ours[name], before[name]) for name in before) > 4


@pytest.mark.parametrize(
    ("family", "options"),
    [("bert", {"use_dora": True}), ("gpt2", {}), ("bert", {"lora_target_modules": ["word_embeddings"]})],
)
def test_what_is_more_than_plain_is_merged_by_peft(tiny, tmp_path, family, options):
    folder = adapter(tiny, tmp_path, family, **options)
    found = plain_lora(folder)
    base = load_trained(tiny(family).model_name_or_path, allow_new_head=True)
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    assert found is None or not found.merge_into(base)
    assert all(torch.equal(weight, before[name]) for name, weight in base.state_dict().items())
    merged, theirs = load_trained(folder, merge=True).state_dict(), load_trained(folder).merge_and_unload().state_dict()
    for name, weight in theirs.items():
        torch.testing.assert_close(merged[name], weight)


@pytest.mark.parametrize(
    "values",
    [{"bias": "all"}, {"init_lora_weights": "pissa"}, {"rank_pattern": {"query": 4}}, {"a_setting_of_tomorrow": 1}]
    + [{"peft_type": "IA3"}, {"use_dora": True}, {"r": None}],
    ids=lambda values: next(iter(values)),
)
def test_a_setting_that_is_not_known_is_left_to_peft(tiny, tmp_path, values):
    folder = adapter(tiny, tmp_path)
    assert plain_lora(folder) is not None
    change_config(folder, **values)
    assert plain_lora(folder) is None


def test_an_adapter_that_lacks_a_half_or_its_head_changes_nothing(tiny, tmp_path):
    folder = adapter(tiny, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    whole = load_file(file)
    for part in ("qa_outputs.bias", next(name for name in whole if ".lora_B" in name)):
        save_file({name: weight for name, weight in whole.items() if not name.endswith(part)}, file)
        base = load_trained(tiny("bert").model_name_or_path, allow_new_head=True)
        before = {name: weight.clone() for name, weight in base.state_dict().items()}
        assert not plain_lora(folder).merge_into(base)
        assert all(torch.equal(weight, before[name]) for name, weight in base.state_dict().items())


def test_a_damaged_adapter_is_named(tiny, tmp_path):
    folder = adapter(tiny, tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"12345678")
    with pytest.raises(ModelError, match="adapter .*the weights are damaged"):
        load_trained(folder, merge=True)


def test_asking_an_adapter_imports_neither_peft_nor_bitsandbytes(tiny, tmp_path):
    folder = adapter(tiny, tmp_path)
    code = (
        "import sys; from qa_pipeline import QAPredictor; "
        f"QAPredictor.from_pretrained({folder!r}, device='cpu', max_seq_length=64).ask('who?', 'Ada did.'); "
        "print(sorted({'peft', 'bitsandbytes', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
