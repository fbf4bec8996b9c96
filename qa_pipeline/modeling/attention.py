"""Attention where a model's own kernel is slow or cannot run: in training on a CPU in bfloat16, and in probes.

Models that train on a CPU in bfloat16 attend in float32, because its backward pass is faster there. Measured with torch
2.13 on two AVX512-BF16 cores, forward and backward of 16 windows of 12 heads of 32: in bfloat16 22 ms at 96 tokens and
38 ms at 160, in float32 5 and 12 ms. The forward pass alone is faster in bfloat16, and stays so without gradients.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from qa_pipeline.arguments.trainer_settings import needs_gpu
from qa_pipeline.modeling.head import unwrap

NAME = "sdpa_float32_gradients"


def use_float32_attention(model: torch.nn.Module) -> bool:
    """Lets a model whose attention is torch's scaled_dot_product_attention train with it in float32 under autocast.

    Returns:
        Whether anything changed; a model with another attention stays as it is.
    """
    plain: Any = unwrap(model)
    if getattr(plain.config, "_attn_implementation", None) != "sdpa" or not plain._can_set_attn_implementation():
        return False
    AttentionInterface.register(NAME, sdpa_in_float32)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    plain.set_attn_implementation(NAME)
    return True


def sdpa_in_float32(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The `sdpa` of transformers; in float32 where a gradient will be asked for.

    Args:
        query, key, value: (batch, heads, seq_len, head_dim).
        attention_mask: boolean or additive, broadcast to (batch, heads, seq_len, seq_len); None for none.
    """
    if not torch.is_grad_enabled() or query.dtype == torch.float32:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    if attention_mask is not None and attention_mask.is_floating_point():
        attention_mask = attention_mask.float()
    with torch.autocast(query.device.type, enabled=False):
        output, _ = sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask, **kwargs)
    return output.to(query.dtype), None


@contextlib.contextmanager
def attention_of_probes(model: torch.nn.Module) -> Iterator[None]:
    """Inside, a model whose attention kernel needs a GPU and half precision attends with plain torch.

    A probe asks what a model is and whether two models are the same; it runs in float32, and while loading on the CPU.
    """
    plain: Any = unwrap(model)
    kernel = getattr(getattr(plain, "config", None), "_attn_implementation", None)
    if not (isinstance(kernel, str) and needs_gpu(kernel)):
        yield
        return
    plain.set_attn_implementation("eager")
    try:
        yield
    finally:
        plain.set_attn_implementation(kernel)
