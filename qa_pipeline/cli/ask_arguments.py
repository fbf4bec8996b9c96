"""The settings of `qa-pipeline ask` and `qa-pipeline compare`, which qa_predict.py has in one. Never reads data."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.config_files import COMMAND_LINE, found
from qa_pipeline.arguments.help import KEYS, PRECEDENCE, help_text
from qa_pipeline.arguments.legacy import renamed
from qa_pipeline.arguments.limits import LIMITS, QASettings
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import optional, setting, settings_of
from qa_pipeline.cli.ask_words import as_flags, is_whole
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.predictor.files.answer_files import ENDINGS
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.text.encoding import encoding_fault

ASK, COMPARE, BOTH = "qa-pipeline ask", "qa-pipeline compare", "python qa_predict.py"
"""What the settings are read for, as a user calls it; the script does what both commands do."""

Command = Literal["ask", "interactive", "predict", "list", "compare"]

_ASKING: tuple[Command, ...] = ("ask", "interactive", "list")
_OF_DATA: tuple[Command, ...] = ("predict", "list", "compare")
_SCORING: tuple[Command, ...] = ("predict", "compare")
_ON_DOCUMENTS: tuple[Command, ...] = (*_ASKING, "compare")


@dataclass
class QuestionArguments:
    """What is asked, and of which model."""

    _argument_group_name: ClassVar[str] = "what to do"

    model: str | None = setting(
        None,
        "A run folder, an adapter or a merged model; a Hub id; or package:MODULE/FOLDER.",
        commands=(*_ASKING, "predict"),
    )
    question: list[str] | str | None = setting(
        None,
        "A question on context or documents, or several; the flag may be repeated, or left out before a question.",
        commands=("ask",),
    )
    context: str | None = setting(None, "The text that holds the answer.", commands=_ASKING)
    documents: list[str] | str | None = setting(
        None,
        f"Documents that may hold the answer ({KINDS}): files, or folders of them. The best answer of all is given.",
        commands=_ON_DOCUMENTS,
    )
    index: str | None = setting(
        None,
        "Folder of an index of the documents, as `qa-pipeline index` makes it; where documents are given too, it is "
        "made or brought up to date. None: one in the user's cache, for folders and large files.",
        commands=_ON_DOCUMENTS,
    )
    dense: bool = setting(
        True, "Search the documents by meaning beside words; --no_dense: by words alone.", commands=_ON_DOCUMENTS
    )
    num_passages: int | str = setting(
        NUM_PASSAGES,
        "How many passages of the documents are read for a question, those nearest to it; all: everything is, which "
        "takes as long as the documents are.",
        choices=("all",),
        least=1,
        commands=_ON_DOCUMENTS,
    )
    interactive: bool = setting(False, "Ask as often as you like, one line a question.", commands=("interactive",))
    data: str | None = setting(
        None,
        "A file of questions in any format of run_qa.py, a saved dataset, or a Hub one. With context or documents "
        "it needs questions only: one a line, or a column; with columns of the right answers and of the documents that "
        "have them, it is scored.",
        commands=_OF_DATA,
    )
    output: str | None = setting(
        None,
        "Where the answers to data go. FILE.json: id to text, as the SQuAD scripts read it, with FILE_nbest.json "
        "beside it; FILE.jsonl: a line of everything for each question; FILE.csv or FILE.tsv: a table.",
        commands=("predict", "list"),
    )
    base: str | None = setting(
        None, "Compare: the model that the others are held against; it may be untrained.", commands=("compare",)
    )
    tuned: list[str] | str | None = setting(None, "Compare: one model or more.", commands=("compare",))
    report: str | None = setting(
        None, "Compare: the report, an HTML file; comparison.json goes beside it.", commands=("compare",)
    )
    by: list[str] | str | None = setting(
        None, "Compare: columns of the data by whose values scores are broken down.", commands=("compare",)
    )


@dataclass
class OutputArguments:
    """What is printed of the answers."""

    _argument_group_name: ClassVar[str] = "what is shown"

    top_k: int = setting(1, "How many answers to each question.", least=1, commands=_ASKING)
    all: bool = setting(
        False, "Every answer of at least min_confidence, none overlapping a better one.", commands=_ASKING
    )
    min_confidence: float | None = setting(
        None,
        "Leave out answers below this confidence, 0 to 1; None: 0, with all as was fitted, else 0.05.",
        least=0,
        most=1,
        commands=_ASKING,
    )
    json: bool = setting(False, "Print JSON, one line a question.", commands=_ASKING)


@dataclass
class DatasetArguments:
    """How data is read and scored."""

    _argument_group_name: ClassVar[str] = "data"

    field_mapping: dict[str, Any] | str | None = setting(
        None,
        "Preset name, file, or inline JSON from our fields to the data's; None: inferred.",
        commands=_OF_DATA,
    )
    encoding: str | None = setting(
        None,
        "Encoding of documents where it is text or HTML (gbk, cp1251 ...); None: found out.",
        commands=_ON_DOCUMENTS,
    )
    split: str | None = setting(None, "Split of a folder or Hub dataset.", commands=_OF_DATA)
    dataset_config_name: str | None = setting(None, "Configuration of a Hub dataset.", commands=_OF_DATA)
    on_bad_data: Literal["repair", "drop", "error"] = setting(
        "repair", "What to do with answers that are not where the data says.", commands=_SCORING
    )
    max_bad_fraction: float = setting(
        0.2, "More than this fraction of rows dropped is an error.", least=0, most=1, commands=_SCORING
    )
    max_eval_samples: int | None = setting(None, "Ask at most this many questions.", least=1, commands=_OF_DATA)
    answer_normalization: Literal["squad", "multilingual"] | None = setting(
        None, "How answers are normalised before scoring; None: as the model was trained.", commands=_OF_DATA
    )
    answer_language: str | None = setting(
        None,
        "Language code of the answers (de, zh ...), for multilingual normalisation.",
        commands=_OF_DATA,
    )
    seed: int = setting(0, "Seeds the resampling behind the intervals.", least=0, most=4294967295, commands=_OF_DATA)


@dataclass
class LoadArguments(optional(QASettings)):  # type: ignore[misc]
    """How the model is loaded and how it decides. What is left out is as stored with the model."""

    _argument_group_name: ClassVar[str] = "model"

    backend: Literal["auto", "torch", "openvino", "onnx"] = setting(
        "auto", "What computes; auto: the runtime of an exported model, else torch."
    )
    device: str | None = setting(None, "cpu, cuda, cuda:1 ...; None: a GPU if there is one.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "auto", "Type of the numbers; auto: bfloat16 where the device computes it natively."
    )
    batch_tokens: int | None = setting(None, "Most padded tokens in a batch.", least=1)
    base_model: str | None = setting(
        None,
        "Base of an adapter, if it is no longer where the adapter says.",
        commands=(*_ASKING, "predict"),
    )
    cache_dir: str | None = setting(None, "Where downloads from the Hub are kept.")
    model_revision: str = setting("main", "Branch, tag or commit of the model on the Hub.")
    token: str | None = setting(
        None, "Hub access token. Better left out: `hf auth login` or HF_TOKEN keep it out of files.", hidden=True
    )
    trust_remote_code: bool = setting(False, "Run model code that comes from the Hub. Only for repositories you trust.")

    @property
    def limits(self) -> dict[str, Any]:
        """Those that were given, by name; None for the others."""
        return {name: getattr(self, name) for name in LIMITS}


GROUPS = (QuestionArguments, OutputArguments, DatasetArguments, LoadArguments)


@dataclass
class PredictArguments(LoadArguments, DatasetArguments, OutputArguments, QuestionArguments):
    """Everything that both commands need to know; checked when it comes from `parse`."""

    @property
    def command(self) -> Command:
        """What is to be done."""
        if self.base or self.tuned:
            return "compare"
        if self.data:
            return "list" if self.context is not None or self.document_paths or self.index else "predict"
        return "interactive" if self.interactive else "ask"

    @property
    def questions(self) -> list[str]:
        """Questions of the command line or the configuration file."""
        return _listed(self.question)

    @property
    def document_paths(self) -> list[str]:
        """Files and folders to ask."""
        return _listed(self.documents)

    @property
    def most_passages(self) -> int | None:
        """How many passages are read for a question; None: everything is."""
        return None if self.num_passages == "all" else int(self.num_passages)

    @property
    def tuned_models(self) -> list[str]:
        """Models that are compared with the base."""
        return _listed(self.tuned)

    @property
    def columns(self) -> list[str]:
        """Columns of the data by which a comparison is broken down."""
        return _listed(self.by)


def _listed(value: list[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


OLD_NAMES = renamed(str, model_name_or_path="model", test_file="data", base_model_name_or_path="base_model")
OLD_NAMES |= renamed(int, max_predict_samples="max_eval_samples")
OLD_NAMES |= renamed(list[str] | str, context_file="documents") | renamed(bool, all_answers="all")

_COMMANDS: dict[str, tuple[Command, ...]] = {
    ASK: ("ask", "interactive", "predict", "list"),
    COMPARE: ("compare",),
    BOTH: ("ask", "interactive", "predict", "list", "compare"),
}
_DESCRIPTIONS = {
    ASK: "Asks a question-answering model. ",
    COMPARE: "Compares question-answering models. ",
    BOTH: "Asks a question-answering model, or compares models. ",
}
_EXAMPLES = {
    "ask": '--model runs/m --documents policies "How long?"',
    "predict": "--model runs/m --data test.json --output preds.json",
    "compare": "--base BASE --tuned runs/m --data test.json --report report.html",
}


def parse(argv: list[str], program: str = BOTH) -> PredictArguments:
    """Resolves `[CONFIG.json|CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    With -h or --help, prints the help and exits.

    Args:
        argv: the words after the command.
        program: ASK, COMPARE or BOTH.

    Raises:
        ConfigError: with every fault that was found, each with its place, its key and how to mend it.
    """
    if "-h" in argv or "--help" in argv:
        print(_help(program), end="")
        raise SystemExit(0)
    if program != COMPARE:
        argv = as_flags(argv, settings_of(*GROUPS))
    resolution = Resolution.read(argv, GROUPS, old=OLD_NAMES)
    _gather_repeated(resolution, argv)
    check(resolution, program)
    resolution.raise_problems()
    return resolution.make(PredictArguments)


def _help(program: str) -> str:
    """The settings that mean something to the command."""
    commands = _COMMANDS[program]
    others = {
        name for name, one in settings_of(*GROUPS).items() if one.commands and not set(commands) & set(one.commands)
    }
    examples = [f"{program} {_EXAMPLES[command]}" for command in commands if command in _EXAMPLES]
    return help_text(
        GROUPS,
        usage=f"{program} {KEYS}" + ' ["QUESTION" ...]' * (program != COMPARE),
        description=_DESCRIPTIONS[program] + PRECEDENCE,
        epilog="Examples: " + "; ".join(examples),
        without=others,
    )


_REPEATABLE = ("question", "documents", "tuned")


def _gather_repeated(resolution: Resolution, argv: list[str]) -> None:
    """Gathers flags that stand several times, of which in general the last one counts; says what a shell took apart."""
    for name in _REPEATABLE:
        one = resolution.given.get(name)
        if one is not None and one.value is not None and one.place == COMMAND_LINE:
            groups = _all_given(argv, name)
            if name == "question" and any(len(words) > 1 and not all(map(is_whole, words)) for words in groups):
                resolution.report("question", "several words without quotes; put each question in quotes")
            words = [word for words in groups for word in words]
            resolution.given[name], resolution.values[name] = dataclasses.replace(one, value=words), words


def _all_given(argv: list[str], name: str) -> list[list[str]]:
    """The words after each occurrence of a flag."""
    groups: list[list[str]] = []
    taking = False
    for word in argv:
        if word.startswith("--"):
            flag, equals, attached = word.partition("=")
            taking = flag.removeprefix("--").replace("-", "_") == name
            if taking:
                groups.append([attached] if equals else [])
        elif taking:
            groups[-1].append(word)
    return groups


# What settings say together

_DOING = {
    "ask": "asking a question",
    "interactive": "asking interactively",
    "predict": "answering the questions of data",
    "list": "asking the questions of data on documents",
    "compare": "comparing base and tuned",
}


def check(resolution: Resolution, program: str = BOTH) -> None:
    """Reports settings that are missing and settings that contradict each other."""
    resolution.check_declared()
    values, report = resolution.make(PredictArguments), resolution.report_at
    command = values.command
    if program == ASK:
        command = dataclasses.replace(values, base=None, tuned=None).command
    elif program == COMPARE:
        command = "compare"
    _check_meaning(resolution, command, program)
    if command == "compare":
        _check_comparing(values, resolution)
    elif not values.model:
        others = " (or base and tuned)" if program == BOTH else ""
        report("model", f"is required; give a run folder, a Hub id or package:MODULE/FOLDER{others}")
    if command in _ASKING:
        _check_asking(values, resolution, command)
    _check_files(values, resolution, command)
    if values.answer_language and values.answer_normalization == "squad":
        report(
            "answer_language answer_normalization",
            'squad normalisation is for English only; set answer_normalization to "multilingual"',
        )
    if isinstance(values.field_mapping, str) and values.field_mapping.lstrip().startswith(("{", "[")):
        report("field_mapping", "looks like an inline JSON object but is not valid JSON")


def _check_meaning(resolution: Resolution, command: Command, program: str) -> None:
    """Reports settings that mean nothing to what is to be done."""
    for name, one in resolution.settings.items():
        if not resolution.asked(name) or not one.commands or command in one.commands:
            continue
        if program == ASK and one.commands == ("compare",):
            resolution.report_at(name, f"is for comparing models, which is `{COMPARE}`; leave it out")
        else:
            resolution.report_at(
                f"{name} base tuned data interactive", f"has no meaning when {_DOING[command]}; leave it out"
            )


def _check_comparing(values: PredictArguments, resolution: Resolution) -> None:
    report = resolution.report_at
    if not values.base:
        report("base tuned", "is required beside tuned; give the model to compare with")
    if not values.tuned_models:
        report("tuned base", "is required beside base; give one model or more")
    if not values.data:
        report("data", "is required; give labelled questions to compare the models on")
    if values.document_paths or values.index:
        _check_texts(values, resolution)


def _check_files(values: PredictArguments, resolution: Resolution, command: Command) -> None:
    report = resolution.report_at
    if command == "list" and values.output:
        for name in ("top_k", "all", "min_confidence", "json"):
            if resolution.asked(name):
                report(name, "is for the terminal and has no meaning beside output; leave one of them out")
    if values.output and not os.path.isdir(values.output) and not values.output.lower().endswith(ENDINGS):
        report("output", f"expected a name that ends in {', '.join(ENDINGS)}, found {found(values.output)}")
    for name in ("output", "report"):
        target = getattr(values, name)
        if target and os.path.isdir(target):
            report(name, f"{found(target)} is a folder; give the name of a file")
        if target and values.data and os.path.exists(target) and _same(target, values.data):
            report(f"{name} data", f"{found(target)} is the data itself; give another name")


def _check_asking(values: PredictArguments, resolution: Resolution, command: Command) -> None:
    report = resolution.report_at
    if command == "ask" and values.question is None:
        report("question data interactive", "is required; give a question, data with questions, or interactive")
    if command == "ask" and any(not question.strip() for question in values.questions):
        report("question", "is blank")
    if values.encoding is not None and (fault := encoding_fault(values.encoding)):
        report("encoding", fault)
    _check_texts(values, resolution)


def _check_texts(values: PredictArguments, resolution: Resolution) -> None:
    """Reports what is wrong with where the answer is looked for."""
    report = resolution.report_at
    if values.context is None and not values.document_paths and not values.index:
        report("context documents index", "is required; give a text, or documents")
    if values.context is not None:
        for name in ("documents", "index"):
            if getattr(values, name):
                report(f"{name} context", "context is given too; keep one")
        if not values.context.strip():
            report("context", "is blank")
    for path in values.document_paths:
        if not os.path.exists(path):
            report("documents", f"no such file: {found(path)} (relative paths start at {os.getcwd()})")
    if values.index and not values.document_paths and not os.path.exists(values.index):
        report("index", f"no such folder: {found(values.index)}; give the documents too, and it is made")


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)
