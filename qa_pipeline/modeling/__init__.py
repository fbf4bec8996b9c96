"""Base model, quantisation, LoRA and question-answering head: load, attach, save, reload, merge.

Never sees an example or a window. The main path is `load_tokenizer` -> `load_model` -> (training) -> `save_model` ->
`check_reload`; `load_trained` gives a saved model back. In reading order: `paths` (a name to a folder), `settings`
(decoding settings beside the weights), `loading`, `head` (what is trained beside the adapters), `lora`, `checks`,
`saving`.

Each name is loaded when it is first used: a path or a setting can be read without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_pipeline.modeling.checks import check_fits, describe, logits_of, probe_inputs, weights_fingerprint
    from qa_pipeline.modeling.head import find_qa_head, freeze_unused, is_head_new, is_head_untrained
    from qa_pipeline.modeling.loading import load_model, load_tokenizer, load_trained
    from qa_pipeline.modeling.lora import attach_lora, lora_targets
    from qa_pipeline.modeling.paths import resolve_model_path
    from qa_pipeline.modeling.saving import check_reload, merge_adapter, save_model
    from qa_pipeline.modeling.settings import StoredSettings, read_settings, stored_settings, write_settings

_HOMES = {
    "StoredSettings": "settings",
    "attach_lora": "lora",
    "check_fits": "checks",
    "check_reload": "saving",
    "describe": "checks",
    "find_qa_head": "head",
    "freeze_unused": "head",
    "is_head_new": "head",
    "is_head_untrained": "head",
    "load_model": "loading",
    "load_tokenizer": "loading",
    "load_trained": "loading",
    "logits_of": "checks",
    "lora_targets": "lora",
    "merge_adapter": "saving",
    "probe_inputs": "checks",
    "read_settings": "settings",
    "resolve_model_path": "paths",
    "save_model": "saving",
    "stored_settings": "settings",
    "weights_fingerprint": "checks",
    "write_settings": "settings",
}

__all__ = [
    "StoredSettings",
    "attach_lora",
    "check_fits",
    "check_reload",
    "describe",
    "find_qa_head",
    "freeze_unused",
    "is_head_new",
    "is_head_untrained",
    "load_model",
    "load_tokenizer",
    "load_trained",
    "logits_of",
    "lora_targets",
    "merge_adapter",
    "probe_inputs",
    "read_settings",
    "resolve_model_path",
    "save_model",
    "stored_settings",
    "weights_fingerprint",
    "write_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
