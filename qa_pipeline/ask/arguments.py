"""The settings of qa_predict.py, from a file and a command line to one checked dataclass. Never reads data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.config_files import COMMAND_LINE, Given, Problem, found, raise_problems
from qa_pipeline.arguments.help import PRECEDENCE, USAGE, help_text
from qa_pipeline.arguments.legacy import renamed
from qa_pipeline.arguments.ranges import out_of_range
from qa_pipeline.arguments.setting_types import settings_of
from qa_pipeline.arguments.sources import read_sources

OLD_NAMES = renamed(str, model_name_or_path="model", test_file="data", base_model_name_or_path="base_model")
OLD_NAMES |= renamed(int, max_predict_samples="max_eval_samples")


@dataclass
class What:
    """What is asked, and of which model."""

    _argument_group_name: ClassVar[str] = "what to do"

    model: str | None = field(
        default=None,
        metadata={"help": "A run folder, an adapter or a merged model; a Hub id; or package:MODULE/FOLDER."},
    )
    question: str | None = field(default=None, metadata={"help": "One question, on context or context_file."})
    context: str | None = field(default=None, metadata={"help": "The text that holds the answer."})
    context_file: list[str] | str | None = field(
        default=None,
        metadata={
            "help": "Documents that may hold the answer (.txt .md .html .pdf .docx): files, or folders of them. The "
            "best answer of all is given."
        },
    )
    interactive: bool = field(default=False, metadata={"help": "Ask as often as you like, one line a question."})
    data: str | None = field(
        default=None,
        metadata={"help": "A file of questions in any format of run_qa.py, a saved dataset, or a Hub one."},
    )
    output: str | None = field(
        default=None,
        metadata={
            "help": "Where the answers to data go. FILE.json: id to text, as the SQuAD scripts read it, with "
            "FILE_nbest.json beside it; FILE.jsonl: a line of everything for each question."
        },
    )
    base: str | None = field(
        default=None, metadata={"help": "Compare: the model that the others are held against; it may be untrained."}
    )
    tuned: list[str] | str | None = field(default=None, metadata={"help": "Compare: one model or more."})
    report: str | None = field(
        default=None, metadata={"help": "Compare: the report, an HTML file; comparison.json goes beside it."}
    )


@dataclass
class Shown:
    """What is printed of the answers."""

    _argument_group_name: ClassVar[str] = "what is shown"

    top_k: int = field(default=1, metadata={"help": "How many answers to each question."})
    all_answers: bool = field(
        default=False,
        metadata={"help": "Every answer of at least min_confidence, none overlapping a better one."},
    )
    min_confidence: float | None = field(
        default=None,
        metadata={"help": "Leave out answers below this confidence, 0 to 1; None: 0, with all_answers 0.05."},
    )
    json: bool = field(default=False, metadata={"help": "Print JSON, one line a question."})


@dataclass
class Reading:
    """How data is read and scored."""

    _argument_group_name: ClassVar[str] = "data"

    field_mapping: dict[str, Any] | str | None = field(
        default=None,
        metadata={"help": "Preset name, file, or inline JSON from our fields to the data's; None: inferred."},
    )
    split: str | None = field(default=None, metadata={"help": "Split of a folder or Hub dataset."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of a Hub dataset."})
    on_bad_data: Literal["repair", "drop", "error"] = field(
        default="repair", metadata={"help": "What to do with answers that are not where the data says."}
    )
    max_bad_fraction: float = field(
        default=0.2, metadata={"help": "More than this fraction of rows dropped is an error."}
    )
    max_eval_samples: int | None = field(default=None, metadata={"help": "Ask at most this many questions."})
    answer_normalization: Literal["squad", "multilingual"] | None = field(
        default=None, metadata={"help": "How answers are normalised before scoring; None: as the model was trained."}
    )
    answer_language: str | None = field(
        default=None, metadata={"help": "Language code of the answers (de, zh ...), for multilingual normalisation."}
    )
    seed: int = field(default=0, metadata={"help": "Seeds the resampling behind the intervals."})


@dataclass
class Loading:
    """How the model is loaded and how it decides. What is left out is as stored with the model."""

    _argument_group_name: ClassVar[str] = "model"

    device: str | None = field(default=None, metadata={"help": "cpu, cuda, cuda:1 ...; None: a GPU if there is one."})
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = field(
        default="auto", metadata={"help": "Type of the numbers; auto: bfloat16 where the device computes it natively."}
    )
    batch_tokens: int | None = field(default=None, metadata={"help": "Most padded tokens in a batch."})
    base_model: str | None = field(
        default=None, metadata={"help": "Base of an adapter, if it is no longer where the adapter says."}
    )
    max_seq_length: int | None = field(default=None, metadata={"help": "Longest window in tokens."})
    doc_stride: int | None = field(default=None, metadata={"help": "Overlap in tokens between neighbouring windows."})
    max_question_length: int | None = field(
        default=None, metadata={"help": "Questions are cut to this many tokens, so that the context has room."}
    )
    max_answer_length: int | None = field(default=None, metadata={"help": "Longest answer in tokens."})
    n_best_size: int | None = field(default=None, metadata={"help": "How many spans are kept for each question."})
    version_2_with_negative: bool | None = field(
        default=None, metadata={"help": "Whether the model may say that there is no answer."}
    )
    null_score_diff_threshold: float | None = field(
        default=None,
        metadata={"help": "Say so where the no-answer score beats the best span's by more than this (logits)."},
    )
    temperature: float | None = field(
        default=None, metadata={"help": "Divides logits before confidences are made; 1 leaves them as they are."}
    )
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


GROUPS = (What, Shown, Reading, Loading)
LIMITS = (
    *("max_seq_length", "doc_stride", "max_question_length", "max_answer_length", "n_best_size"),
    *("version_2_with_negative", "null_score_diff_threshold", "temperature"),
)
"""Settings that are stored with a model."""

Command = Literal["ask", "interactive", "predict", "compare"]


@dataclass
class PredictArguments(Loading, Reading, Shown, What):
    """Everything that qa_predict.py needs to know; checked when it comes from `parse`."""

    @property
    def command(self) -> Command:
        """What is to be done."""
        if self.base or self.tuned:
            return "compare"
        if self.data:
            return "predict"
        return "interactive" if self.interactive else "ask"

    @property
    def context_files(self) -> list[str]:
        """Files and folders to ask."""
        return [self.context_file] if isinstance(self.context_file, str) else list(self.context_file or ())

    @property
    def tuned_models(self) -> list[str]:
        """Models that are compared with the base."""
        return [self.tuned] if isinstance(self.tuned, str) else list(self.tuned or ())

    @property
    def least_confidence(self) -> float:
        """`min_confidence`, or what it is where it was left out."""
        return self.min_confidence if self.min_confidence is not None else 0.05 * self.all_answers


_EPILOG = (
    'Examples: qa_predict.py --model runs/m --question "How long?" --context_file policy.pdf; '
    "qa_predict.py --model runs/m --data test.json --output preds.json; "
    "qa_predict.py --base BASE --tuned runs/m --data test.json --report report.html"
)


def parse(argv: list[str]) -> PredictArguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    With -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.
    """
    if "-h" in argv or "--help" in argv:
        description = "Asks a question-answering model, or compares models. " + PRECEDENCE
        print(help_text(GROUPS, usage=USAGE, description=description, epilog=_EPILOG), end="")
        raise SystemExit(0)
    settings = settings_of(*GROUPS)
    sources = read_sources(argv, settings, OLD_NAMES)
    problems = sources.problems
    given = {key: one for key, one in sources.given.items() if one.value is not None}
    if sources.complete:
        values = {name: setting.default for name, setting in settings.items()}
        arguments = PredictArguments(**values | {name: one.value for name, one in given.items()})
        faults = _check(arguments, given, sources.config_file or COMMAND_LINE)
        problems = problems + [fault for fault in faults if not sources.broken.intersection(fault.keys)]
    raise_problems(problems)
    return arguments


# Which settings say something to which command; those of no row do to all.
_BELONGS: dict[str, tuple[Command, ...]] = {
    "question": ("ask",),
    "context": ("ask", "interactive"),
    "context_file": ("ask", "interactive"),
    "interactive": ("interactive",),
    "data": ("predict", "compare"),
    "output": ("predict",),
    "report": ("compare",),
    "model": ("ask", "interactive", "predict"),
    "base_model": ("ask", "interactive", "predict"),
    "top_k": ("ask", "interactive"),
    "all_answers": ("ask", "interactive"),
    "min_confidence": ("ask", "interactive"),
    "json": ("ask", "interactive"),
    **dict.fromkeys(
        ("field_mapping", "split", "dataset_config_name", "on_bad_data", "max_bad_fraction", "max_eval_samples"),
        ("predict", "compare"),
    ),
    **dict.fromkeys(("answer_normalization", "answer_language", "seed"), ("predict", "compare")),
}
_DOING = {
    "ask": "asking one question",
    "interactive": "asking interactively",
    "predict": "answering the questions of data",
    "compare": "comparing base and tuned",
}


def _check(values: PredictArguments, given: Mapping[str, Given], default_place: str) -> list[Problem]:
    """Values out of range, settings that are missing, and settings that contradict each other."""
    problems: list[Problem] = []

    def report(keys: str, text: str) -> None:
        names = tuple(keys.split())
        one = given.get(names[0], Given(None, default_place, names[0]))
        problems.append(Problem(one.place, f"{one.label}: {text}", names))

    for name, one in given.items():
        if fault := out_of_range(name, one.value):
            report(name, fault)
    command = values.command
    for name, commands in _BELONGS.items():
        if name in given and given[name].value is not False and command not in commands:
            report(f"{name} base tuned data interactive", f"has no meaning when {_DOING[command]}; leave it out")

    if command == "compare":
        if not values.base:
            report("base tuned", "is required beside tuned; give the model to compare with")
        if not values.tuned_models:
            report("tuned base", "is required beside base; give one model or more")
        if not values.data:
            report("data", "is required; give labelled questions to compare the models on")
    elif not values.model:
        report("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER (or base and tuned)")
    if command in ("ask", "interactive"):
        _check_asking(values, report)
    for name in ("output", "report"):
        target = getattr(values, name)
        if target and os.path.isdir(target):
            report(name, f"{found(target)} is a folder; give the name of a file")
        if target and values.data and os.path.exists(target) and _same(target, values.data):
            report(f"{name} data", f"{found(target)} is the data itself; give another name")
    if values.answer_language and values.answer_normalization == "squad":
        report(
            "answer_language answer_normalization",
            'squad normalisation is for English only; set answer_normalization to "multilingual"',
        )
    if isinstance(values.field_mapping, str) and values.field_mapping.lstrip().startswith(("{", "[")):
        report("field_mapping", "looks like an inline JSON object but is not valid JSON")
    return problems


def _check_asking(values: PredictArguments, report: Any) -> None:
    if values.command == "ask" and values.question is None:
        report("question data interactive", "is required; give a question, data with questions, or interactive")
    if values.command == "ask" and values.question is not None and not values.question.strip():
        report("question", "is blank")
    if values.context is None and not values.context_files:
        report("context context_file", "is required; give a text, or documents as context_file")
    if values.context is not None and values.context_files:
        report("context_file context", "context is given too; keep one")
    if values.context is not None and not values.context.strip():
        report("context", "is blank")
    for path in values.context_files:
        if not os.path.exists(path):
            report("context_file", f"no such file: {found(path)} (relative paths start at {os.getcwd()})")


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)
