"""Base model, quantisation, LoRA and question-answering head: load, attach, save, reload, merge.

Never sees an example or a window. The main path is `load_tokenizer` -> `load_model` -> (training) -> `save_model` ->
`check_reload`; `load_trained` gives a saved model back. In reading order: `paths` (a name to a folder), `settings`
(decoding settings beside the weights), `loading`, `head` (what is trained beside the adapters), `lora`, `checks`,
`saving`.
"""

from qa_pipeline.modeling.checks import check_fits, describe, logits_of, probe_inputs, weights_fingerprint
from qa_pipeline.modeling.head import find_qa_head, freeze_unused, is_head_new, is_head_untrained
from qa_pipeline.modeling.loading import load_model, load_tokenizer, load_trained
from qa_pipeline.modeling.lora import attach_lora, lora_targets
from qa_pipeline.modeling.paths import resolve_model_path
from qa_pipeline.modeling.saving import check_reload, merge_adapter, save_model
from qa_pipeline.modeling.settings import StoredSettings, read_settings, stored_settings, write_settings

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
