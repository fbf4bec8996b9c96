"""The four groups of settings and how they are resolved from a file and a command line.

Later wins: defaults, configuration file, command line. Everything that is wrong is reported at once in one
`ConfigError`; what comes out has been checked and nobody checks it again. Never reads data, never loads a model.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

import transformers

from qa_pipeline.arguments.checks import check_values
from qa_pipeline.arguments.config_files import COMMAND_LINE, HIDDEN, SECRET_KEYS, Given, raise_problems
from qa_pipeline.arguments.precision import accelerator_available, resolve_bf16
from qa_pipeline.arguments.setting_types import settings_of, split_names
from qa_pipeline.arguments.sources import log_once, read_sources
from qa_pipeline.errors import ConfigError


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
        default=None,
        metadata={"help": "Dropout of attention weights in training; None: what the model's configuration says."},
    )
    hidden_dropout: float | None = field(
        default=None,
        metadata={"help": "Dropout of hidden states in training; None: what the model's configuration says."},
    )


@dataclass
class DataArguments:
    """Which data is read, how it is cut into windows, and how answers are decoded and scored."""

    _argument_group_name: ClassVar[str] = "data"

    dataset_name: str | None = field(default=None, metadata={"help": "Name of a dataset on the Hub."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of that dataset."})
    train_file: str | None = field(
        default=None,
        metadata={"help": "Training data: SQuAD, JSON, JSONL, MRQA, CSV, TSV, Parquet, Arrow, or a saved dataset."},
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


@dataclass
class LoRAArguments:
    """Low-rank adapters and quantisation."""

    _argument_group_name: ClassVar[str] = "LoRA and quantisation"

    use_lora: bool = field(default=False, metadata={"help": "Train low-rank adapters instead of all weights."})
    lora_r: int = field(default=16, metadata={"help": "Rank of the adapters."})
    lora_alpha: float = field(default=32, metadata={"help": "Scale of the adapters: alpha / r (rsLoRA: / sqrt r)."})
    lora_dropout: float = field(default=0.05, metadata={"help": "Dropout before the adapters."})
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


def default_eval_steps(logging_steps: float) -> float:
    """Steps between evaluations where none were given: logging_steps, as in transformers, but not its default here."""
    return 500 if logging_steps == DEFAULT_LOGGING_STEPS else logging_steps


# repr=False keeps the base class's repr, which hides tokens; a generated one would print hub_token.
@dataclass(repr=False)
class TrainingArguments(transformers.TrainingArguments):
    """The training arguments of transformers with this project's defaults and a few of its own.

    `bf16` may be None, "where the device has it"; after construction it is True or False and `bf16_reason` says why.
    """

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
    eval_batch_tokens: int = field(
        default=16384,
        metadata={"help": "Bounds an evaluation batch by padded tokens."},
    )
    head_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the question-answering head; None: learning_rate."}
    )
    bf16: bool | None = field(  # type: ignore[assignment]
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

    def __post_init__(self) -> None:
        if not self.use_cpu and not accelerator_available():
            self.use_cpu = True  # transformers refuses bf16 on a machine without a GPU unless this is said
        self.bf16, self.bf16_reason = resolve_bf16(self.bf16, fp16=self.fp16, use_cpu=self.use_cpu)
        if self.eval_steps is None and self.eval_strategy == "steps":
            self.eval_steps = default_eval_steps(self.logging_steps)
        self.remove_unused_columns = False
        self.report_to = "none" if self.report_to is None else self.report_to
        super().__post_init__()


GROUPS = (ModelArguments, DataArguments, LoRAArguments, TrainingArguments)


@dataclass
class Arguments:
    """Everything a run needs to know.

    Attributes:
        source: where the settings came from, for messages: "config.yaml", "command line", or both.
        explicit: the keys that the user gave, under today's names; all others have their defaults.
    """

    model: ModelArguments
    data: DataArguments
    lora: LoRAArguments
    training: TrainingArguments
    source: str
    explicit: set[str]


def parse_arguments(argv: list[str]) -> Arguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    Args:
        argv: the words after the script's name. With -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.
    """
    if any(word in ("-h", "--help") for word in argv):
        _parser().print_help()
        raise SystemExit(0)
    settings = settings_of(*GROUPS)
    sources = read_sources(argv, settings)
    given, problems = sources.given, sources.problems
    values = {name: setting.default for name, setting in settings.items()}
    values |= {name: one.value for name, one in given.items()}
    _fill_in(values, given)
    if sources.complete:
        # A setting that could not be read is at fault once; what it would contradict is not known.
        faults = check_values(values, given, sources.config_file or COMMAND_LINE)
        problems = problems + [fault for fault in faults if not sources.broken.intersection(fault.keys)]
    raise_problems(problems)
    return _build(values, given, sources.name)


def public_dict(*groups: Any) -> dict[str, Any]:
    """The resolved settings of the groups as one flat mapping that JSON can hold, with secrets hidden.

    A secret is "<hidden>" where one was given, else null.
    """
    result: dict[str, Any] = {}
    for group in groups:
        plain = group.to_dict() if isinstance(group, transformers.TrainingArguments) else dataclasses.asdict(group)
        for key in SECRET_KEYS.intersection(plain):
            plain[key] = HIDDEN if getattr(group, key) is not None else None
        result |= plain
    return json.loads(json.dumps(result, default=str))


def _fill_in(values: dict[str, Any], given: dict[str, Given]) -> None:
    """Resolves defaults that depend on other settings."""
    if values["eval_strategy"] == "steps" and values["eval_steps"] is None:
        values["eval_steps"] = default_eval_steps(values["logging_steps"])
    if "per_device_eval_batch_size" in given and "eval_batch_tokens" not in given:
        # Whoever bounds evaluation batches by questions gets batches that hold as many of the longest windows.
        values["eval_batch_tokens"] = max(1, values["per_device_eval_batch_size"]) * values["max_seq_length"]


def _build(values: dict[str, Any], given: dict[str, Given], source: str) -> Arguments:
    """Makes the dataclasses. TrainingArguments comes last: it starts accelerate and takes hold of the device."""
    model, data = _make(ModelArguments, values), _make(DataArguments, values)
    lora = _make(LoRAArguments, values)
    try:
        training = _make(TrainingArguments, values)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, NotImplementedError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        named = [key for key in given if key in text and key not in SECRET_KEYS]
        key = max(named, key=len, default=None)
        place = given[key].place if key else source
        raise ConfigError(place, f"{given[key].label if key else 'training arguments'}: {text}") from error
    if not lora.use_lora and (idle := sorted(key for key in given if key.startswith("lora_"))):
        log_once("use_lora is false: %s have no effect", ", ".join(idle))
    return Arguments(model, data, lora, training, source=source, explicit=set(given))


Group = TypeVar("Group")


def _make(group: type[Group], values: dict[str, Any]) -> Group:
    """The dataclass with its part of the values."""
    return group(**{f.name: values[f.name] for f in dataclasses.fields(group) if f.init})  # type: ignore[arg-type]


def _parser() -> transformers.HfArgumentParser:
    return transformers.HfArgumentParser(
        GROUPS,  # type: ignore[arg-type]
        usage="%(prog)s [CONFIG.json|CONFIG.yaml] [--key value ...]",
        description="Settings come from their defaults, then the configuration file, then the command line.",
        allow_abbrev=False,
    )
