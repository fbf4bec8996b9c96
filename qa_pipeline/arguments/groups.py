"""The groups of settings that are this project's own. Values only; importing this needs no library.

`training.py` adds what transformers itself knows of training to the last group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.setting_types import split_names


@dataclass
class ModelArguments:
    """Which model is trained or evaluated."""

    _argument_group_name: ClassVar[str] = "model"

    model_name_or_path: str | None = field(
        default=None,
        metadata={"help": "Hub id, folder, or package:MODULE/FOLDER (a folder inside an installed package). Required."},
    )
    config_name: str | None = field(default=None, metadata={"help": "Model configuration, if not the model's own."})
    tokenizer_name: str | None = field(default=None, metadata={"help": "Tokenizer, if not the model's own."})
    cache_dir: str | None = field(default=None, metadata={"help": "Where downloads from the Hub are kept."})
    model_revision: str = field(default="main", metadata={"help": "Branch, tag or commit of the model on the Hub."})
    token: str | None = field(
        default=None,
        repr=False,
        metadata={"help": "Hub access token. Better left out: `hf auth login` or HF_TOKEN keep it out of files."},
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run model code that comes from the Hub. Only for repositories you trust."}
    )
    attn_implementation: str | None = field(
        default=None, metadata={"help": "Attention kernel (eager, sdpa, flash_attention_2 ...); None: the model's."}
    )
    attention_dropout: float | None = field(
        default=0.0,
        metadata={
            "help": "Dropout of attention weights in training; null: what the model's configuration says. More than 0 "
            "makes training on a CPU about twice as slow."
        },
    )
    hidden_dropout: float | None = field(
        default=0.0,
        metadata={"help": "Dropout of hidden states in training; null: what the model's configuration says."},
    )


@dataclass
class DataArguments:
    """Which data is read, how it is cut into windows, and how answers are decoded and scored."""

    _argument_group_name: ClassVar[str] = "data"

    dataset_name: str | None = field(default=None, metadata={"help": "Name of a dataset on the Hub."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of that dataset."})
    dataset_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of that dataset; None: its main branch."}
    )
    train_file: str | None = field(
        default=None,
        metadata={"help": "Training data: SQuAD, JSON, JSONL, MRQA, CSV, TSV, Parquet, Arrow, or a saved dataset."},
    )
    extra_train_files: list[str] | str | None = field(
        default=None,
        metadata={
            "help": "More training data, e.g. made by `generate`; each file has its own format, inferred. Rows about "
            "contexts of the validation or test data are left out."
        },
    )
    validation_file: str | None = field(default=None, metadata={"help": "Validation data, any of the same formats."})
    test_file: str | None = field(default=None, metadata={"help": "Data for do_predict; answers are not needed."})
    field_mapping: dict[str, Any] | str | None = field(
        default=None,
        metadata={"help": "Preset name, file, or inline JSON from our fields to the data's; None: inferred."},
    )
    on_bad_data: Literal["repair", "drop", "error"] = field(
        default="repair", metadata={"help": "What to do with answers that are not where the data says."}
    )
    max_bad_fraction: float = field(
        default=0.2, metadata={"help": "More than this fraction of rows dropped is an error."}
    )
    validation_split_fraction: float | None = field(
        default=None, metadata={"help": "Split off this fraction of the training data, by document, as validation."}
    )
    overwrite_cache: bool = field(
        default=False,
        metadata={"help": "Accepted for old configurations; no effect: windows are rebuilt in seconds, never cached."},
    )
    preprocessing_num_workers: int | None = field(
        default=None,
        metadata={"help": "Accepted for old configurations; no effect: the tokenizer uses all cores by itself."},
    )
    max_seq_length: int = field(default=384, metadata={"help": "Longest window in tokens, question included."})
    max_question_length: int = field(
        default=64, metadata={"help": "Questions are cut to this many tokens, so that the context has room."}
    )
    doc_stride: int = field(
        default=128, metadata={"help": "Overlap in tokens between neighbouring windows of one context."}
    )
    pad_to_max_length: bool = field(
        default=False,
        metadata={
            "help": "Pad every window to max_seq_length. Unlike in the transformers example the default is False: "
            "batches are padded to their longest window, which is many times faster and changes no result."
        },
    )
    max_train_samples: int | None = field(default=None, metadata={"help": "Use at most this many training questions."})
    max_eval_samples: int | None = field(default=None, metadata={"help": "Use at most this many validation questions."})
    max_predict_samples: int | None = field(default=None, metadata={"help": "Predict at most this many questions."})
    straddle: Literal["ignore", "null"] = field(
        default="ignore",
        metadata={"help": "A window that cuts the answer in two gives no loss (ignore) or means no answer (null)."},
    )
    answer_choice: Literal["first", "shortest", "most_frequent", "all"] = field(
        default="first", metadata={"help": "Which of several gold answers is trained on; all: one window for each."}
    )
    negative_window_ratio: float | None = field(
        default=None,
        metadata={"help": "Keep at most this many windows without the answer for each with one; None: keep all."},
    )
    version_2_with_negative: bool = field(default=False, metadata={"help": "Some questions have no answer."})
    null_score_diff_threshold: float | None = field(
        default=None,
        metadata={
            "help": "Answer nothing where the no-answer score beats the best span's by more than this (logits). "
            "None: tuned on the validation data and stored with the model. Only with version_2_with_negative."
        },
    )
    n_best_size: int = field(default=20, metadata={"help": "How many spans are kept for each question."})
    max_answer_length: int = field(default=30, metadata={"help": "Longest answer in tokens."})
    answer_normalization: Literal["squad", "multilingual"] = field(
        default="squad", metadata={"help": "How answers are normalised before scoring; squad is for English."}
    )
    answer_language: str | None = field(
        default=None, metadata={"help": "Language code of the answers (de, zh ...), for multilingual normalisation."}
    )


STORED_WITH_MODEL = (
    *("max_seq_length", "doc_stride", "max_question_length", "max_answer_length", "n_best_size"),
    *("version_2_with_negative", "answer_normalization", "answer_language"),
)
"""Data settings that training stores with the model: asking that model later goes by them, unless others are given."""


@dataclass
class LoRAArguments:
    """Low-rank adapters and quantisation."""

    _argument_group_name: ClassVar[str] = "LoRA and quantisation"

    use_lora: bool = field(default=False, metadata={"help": "Train low-rank adapters instead of all weights."})
    lora_r: int = field(default=16, metadata={"help": "Rank of the adapters."})
    lora_alpha: float = field(default=32, metadata={"help": "Scale of the adapters: alpha / r (rsLoRA: / sqrt r)."})
    lora_dropout: float = field(default=0.0, metadata={"help": "Dropout before the adapters."})
    lora_target_modules: list[str] | str = field(
        default="auto",
        metadata={"help": 'Layers that get adapters: "auto", "all-linear", or names (a list or comma separated).'},
    )
    use_rslora: bool = field(default=False, metadata={"help": "Rank-stabilised LoRA."})
    use_dora: bool = field(default=False, metadata={"help": "Weight-decomposed LoRA."})
    load_in_4bit: bool = field(default=False, metadata={"help": "Load the base model in 4 bits (QLoRA)."})
    load_in_8bit: bool = field(default=False, metadata={"help": "Load the base model in 8 bits."})
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = field(default="nf4", metadata={"help": "Kind of 4-bit numbers."})
    bnb_4bit_compute_dtype: Literal["bfloat16", "float16", "float32"] = field(
        default="bfloat16", metadata={"help": "Type in which 4-bit layers compute."}
    )
    bnb_4bit_use_double_quant: bool = field(default=True, metadata={"help": "Quantise the quantisation constants."})
    merge_adapter: bool = field(default=False, metadata={"help": "Also write a plain model with the adapter merged."})

    def __post_init__(self) -> None:
        names = split_names(self.lora_target_modules)
        only = names[0] if len(names) == 1 else None
        self.lora_target_modules = only if only in ("auto", "all-linear") else names


DEFAULT_LOGGING_STEPS = 50


# repr=False as in training.py: a generated one would print hub_token.
@dataclass(repr=False)
class TrainingSettings:
    """What `TrainingArguments` adds to the training arguments of transformers, or has another default for."""

    _argument_group_name: ClassVar[str] = "training"

    overwrite_output_dir: bool = field(
        default=False, metadata={"help": "Replace what output_dir holds instead of resuming from it or refusing."}
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations in a row without a better metric."}
    )
    early_stopping_threshold: float = field(
        default=0.0, metadata={"help": "How much better the metric must be to count as better."}
    )
    train_batch_tokens: int | None = field(
        default=None,
        metadata={"help": "Bounds a training batch by padded tokens instead of per_device_train_batch_size."},
    )
    extra_train_epochs: float | None = field(
        default=None,
        metadata={
            "help": "How often training passes over the rows of extra_train_files, spread evenly over all of it; "
            "num_train_epochs then counts passes over the others. None: as often as over those."
        },
    )
    eval_batch_tokens: int = field(
        default=16384,
        metadata={"help": "Bounds an evaluation batch by padded tokens."},
    )
    head_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the question-answering head; None: learning_rate."}
    )
    bf16: bool | None = field(
        default=None, metadata={"help": "Compute in bfloat16; None: where the device supports it natively."}
    )
    logging_steps: float = field(
        default=DEFAULT_LOGGING_STEPS,
        metadata={"help": "Log every so many steps; below 1: a fraction of all training steps."},
    )
    save_total_limit: int | None = field(default=2, metadata={"help": "How many checkpoints are kept."})
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={
            "help": "Order of the training windows: group_by_length puts like lengths in one batch.",
            "choices": ["random", "sequential", "group_by_length", "batch_rebalance"],
        },
    )
    report_to: None | str | list[str] = field(
        default="none", metadata={"help": "Trackers: tensorboard, trackio, wandb ..., all or none."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Early stopping goes on counting where the checkpoint left off."}
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Accepted for old configurations; always False: windows have no such columns."}
    )
