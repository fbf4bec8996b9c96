"""Models that look trained, and a few training steps, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import torch

from qa_pipeline.arguments import LoRAArguments, ModelArguments
from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer, probe_inputs, save_model
from tests.tiny_models import MODELS

WITH_LINEAR = [family for family in MODELS if family != "squeezebert"]  # all its layers are convolutions
FULL, LORA = LoRAArguments(), LoRAArguments(use_lora=True)


def trained(arguments: ModelArguments, lora: LoRAArguments, **options):
    """A model whose trainable weights differ from what any fresh load would give."""
    model = load_model(arguments, lora, device="cpu", **options)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def save(model, arguments: ModelArguments, folder: Path) -> Path:
    return save_model(model, load_tokenizer(arguments), StoredSettings(), folder, arguments.model_name_or_path)


def loss_of(model) -> torch.Tensor:
    """Of one made-up window."""
    outputs = model(**probe_inputs(model))
    return -outputs.start_logits.log_softmax(-1)[0, 3] - outputs.end_logits.log_softmax(-1)[0, 5]


def take_steps(model, count: int = 3, learning_rate: float = 1e-2, bf16: bool = False) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], learning_rate)
    model.train()
    for _ in range(count):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = loss_of(model)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
