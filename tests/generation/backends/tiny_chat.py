"""A tiny random chat model with a tokenizer and a chat template, saved as a user's folder is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def save_tiny_chat(folder: Path, template: str | None = TEMPLATE, longest: int = 512, reply: str | None = None) -> str:
    """Saves it; returns the folder's name.

    Args:
        folder: where to.
        template: of its chat.
        longest: tokens of prompt and completion.
        reply: what it writes to whatever it is asked, as one token of its own; None: random bytes.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(special + alphabet)}
    inner: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="<|end|>",
        additional_special_tokens=special[3:],
    )
    tokenizer.chat_template = template
    if reply is not None:
        tokenizer.add_tokens([AddedToken(reply, normalized=False)])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,  # the least that vLLM takes
        intermediate_size=48,
        max_position_embeddings=longest,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    if reply is not None:
        _always_say(model, tokenizer.convert_tokens_to_ids(["<|assistant|>", reply, "<|end|>"]))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def _always_say(model: Any, chain: list[int]) -> None:
    """Sets the weights so that each token of the chain follows the one before: nothing but the last token counts."""
    import torch

    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embeddings, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        embeddings[:, : len(chain)] = 0
        head[:, : len(chain)] = 0
        for place, (token, following) in enumerate(zip(chain, chain[1:], strict=False)):
            embeddings[token] = 0
            embeddings[token, place] = 1
            head[following, place] = 20
