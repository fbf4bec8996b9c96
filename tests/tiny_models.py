"""Tiny random models of many families with matching tokenizers, saved as a user's folder is. Nothing is downloaded.

The folders hold encoders without a question-answering head, as pre-trained models do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import tokenizers

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
LONGEST = 160


def _bert_like(kind: str, **fixed: Any) -> Callable[..., Any]:
    def config(tokenizer: Any, **options: Any) -> Any:
        from transformers import AutoConfig

        values = {
            **SHAPE,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": LONGEST,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.cls_token_id,
            "eos_token_id": tokenizer.sep_token_id,
        }
        return AutoConfig.for_model(kind, **{**values, **fixed, **options})

    return config


def _roberta_like(kind: str, **fixed: Any) -> Callable[..., Any]:
    return _bert_like(kind, type_vocab_size=1, max_position_embeddings=LONGEST + 2, **fixed)


def _gpt2(tokenizer: Any, **options: Any) -> Any:
    from transformers import GPT2Config

    values = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": LONGEST, "vocab_size": len(tokenizer)}
    return GPT2Config(**{**values, "bos_token_id": 0, "eos_token_id": 0, **options})


def _xlnet(tokenizer: Any, **options: Any) -> Any:
    from transformers import XLNetConfig

    values = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "vocab_size": len(tokenizer)}
    return XLNetConfig(**{**values, **options})


def _t5(tokenizer: Any, **options: Any) -> Any:
    from transformers import T5Config

    values = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "vocab_size": len(tokenizer)}
    return T5Config(**{**values, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1, **options})


_MODERNBERT = {"cls_token_id": 2, "sep_token_id": 3, "local_attention": 16, "global_attn_every_n_layers": 2}
_DEBERTA = {
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_buckets": 16,
    "max_relative_positions": -1,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
}
_MOBILEBERT = {"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}

MODELS: dict[str, tuple[str, Callable[..., Any]]] = {
    "bert": ("bert", _bert_like("bert")),
    "roberta": ("roberta", _roberta_like("roberta")),
    "distilbert": ("bert", _bert_like("distilbert", dim=32, n_layers=2, n_heads=4, hidden_dim=48)),
    "deberta_v2": ("deberta_v2", _bert_like("deberta-v2", **_DEBERTA)),
    "electra": ("bert", _bert_like("electra", embedding_size=16)),
    "xlm_roberta": ("xlm_roberta", _roberta_like("xlm-roberta")),
    "modernbert": ("bert", _bert_like("modernbert", **_MODERNBERT)),
    "albert": ("bert", _bert_like("albert", embedding_size=16)),
    "mobilebert": ("bert", _bert_like("mobilebert", **_MOBILEBERT)),
    "splinter": ("bert", _bert_like("splinter", question_token_id=4)),
    "squeezebert": ("bert", _bert_like("squeezebert", embedding_size=32)),
    "longformer": ("roberta", _roberta_like("longformer", attention_window=16, sep_token_id=2)),
    "xlnet": ("xlnet", _xlnet),
    "gpt2": ("gpt2", _gpt2),
    "llama": ("llama", _bert_like("llama", num_key_value_heads=2)),
    "t5": ("xlm_roberta", _t5),
}
"""Model family -> tokenizer family of tests/tokenizers.py and a maker of its configuration."""


def save_tiny(family: str, folder: Path, *, seed: int = 0, dtype: Any = None, **options: Any) -> str:
    """Saves a tiny encoder and its tokenizer.

    Args:
        family: a key of MODELS.
        folder: where to.
        seed: seeds the weights, without touching the global random state.
        dtype: torch type of the weights in the file.
        options: changes to the configuration.

    Returns:
        The folder's name.
    """
    import torch
    from transformers import AutoModel

    tokenizer_family, make_config = MODELS[family]
    tokenizer = tokenizers.FAMILIES[tokenizer_family]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(make_config(tokenizer, **options))
    # The library starts weights at 0.02: too small for logits that show a difference.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    (model if dtype is None else model.to(dtype)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
