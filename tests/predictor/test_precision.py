from __future__ import annotations

import pytest
import torch

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import find_qa_head
from qa_pipeline.predictor.device import pick_device, pick_dtype, set_precision
from tests.predictor.made import answer_to
from tests.tiny_models import MODELS

CPU = torch.device("cpu")


@pytest.mark.parametrize("family", ["bert", "modernbert", "splinter", "xlnet", "gpt2"])
def test_the_head_computes_in_float32_whatever_the_encoder_does(family, tiny_predictor):
    predictor = tiny_predictor(family, dtype="bfloat16")
    model = predictor.model
    heads = find_qa_head(model)
    for name, parameter in model.named_parameters():
        assert parameter.dtype == (torch.float32 if name.split(".")[0] in heads else torch.bfloat16), name
    ids = torch.full((1, 12), 7)
    with torch.inference_mode():
        outputs = model(input_ids=ids, attention_mask=torch.ones_like(ids))
    assert outputs.start_logits.dtype == outputs.end_logits.dtype == torch.float32
    # In bfloat16 every logit would be one that survives the way there and back.
    assert not torch.equal(outputs.start_logits, outputs.start_logits.bfloat16().float())


@pytest.mark.parametrize("family", sorted(MODELS))
def test_every_family_answers_in_bfloat16(family, tiny_predictor):
    context = "The clinic opens at eight in the morning; please bring your card."
    assert answer_to(tiny_predictor(family, dtype="bfloat16"), "when?", context).text


def test_tables_that_are_no_weights_keep_their_type(tiny_predictor):
    model = tiny_predictor("modernbert", dtype="bfloat16").model
    floating = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    assert floating
    assert {buffer.dtype for buffer in floating} == {torch.float32}


def test_answers_in_bfloat16_are_nearly_as_sure_as_in_float32(tiny_predictor):
    context = "The clinic opens at eight in the morning; please bring your insurance card. " * 3
    full, half = (answer_to(tiny_predictor("bert", dtype=dtype), "when?", context) for dtype in ("float32", "bfloat16"))
    shared = {(s.start, s.end): s.confidence for s in full.nbest}
    both = [(shared[s.start, s.end], s.confidence) for s in half.nbest if (s.start, s.end) in shared]
    assert len(both) >= 10
    assert all(b == pytest.approx(a, rel=0.1) for a, b in both)


def test_auto_is_bfloat16_only_where_the_device_computes_it(monkeypatch):
    from qa_pipeline.arguments import precision

    monkeypatch.setattr(precision, "_cpu_support", lambda: (True, "yes"))
    assert pick_dtype("auto", CPU) == pick_dtype(None, CPU) == torch.bfloat16
    monkeypatch.setattr(precision, "_cpu_support", lambda: (False, "no"))
    assert pick_dtype("auto", CPU) == torch.float32


@pytest.mark.parametrize("wanted", ["float16", "torch.float16", torch.float16])
def test_a_type_is_taken_by_name_or_as_it_is(wanted):
    assert pick_dtype(wanted, CPU) == torch.float16


@pytest.mark.parametrize("wanted", ["int8", "half precision", 16, True, torch.int32])
def test_what_is_no_floating_type_is_refused(wanted):
    with pytest.raises(ModelError, match="expected.*float32"):
        pick_dtype(wanted, CPU)


def test_devices_are_taken_as_the_old_pipeline_took_them():
    assert pick_device(-1) == pick_device("cpu") == pick_device(CPU) == CPU
    for wanted in ("gpu", "cuda:99", 99, 1.5):
        with pytest.raises(ModelError, match="device"):
            pick_device(wanted)


def test_nothing_global_is_changed(tiny_predictor):
    before = (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), torch.random.get_rng_state())
    predictor = tiny_predictor("bert")
    answers = predictor.predict([{"question": "who?", "context": "the clinic"}] * 40)
    next(answers)
    # In the middle of a generator the caller's own work must not run in inference mode.
    assert not torch.is_inference_mode_enabled()
    list(answers)
    after = (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), torch.random.get_rng_state())
    assert before[:3] == after[:3]
    assert torch.equal(before[3], after[3])


def test_float32_leaves_a_model_without_hooks(tiny_predictor):
    model = tiny_predictor("bert").model
    set_precision(model, torch.float32)
    assert not model.qa_outputs._forward_pre_hooks
