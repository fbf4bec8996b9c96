"""The settings of qa_predict.py as dataclasses; `parsing` fills them and holds them against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.limits import LIMITS, QASettings
from qa_pipeline.arguments.settings import optional, setting

Command = Literal["ask", "interactive", "predict", "list", "compare"]

_ASKING: tuple[Command, ...] = ("ask", "interactive", "list")
_OF_DATA: tuple[Command, ...] = ("predict", "list", "compare")
_SCORING: tuple[Command, ...] = ("predict", "compare")


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
        "A question on context or context_file, or several; the flag may be repeated.",
        commands=("ask",),
    )
    context: str | None = setting(None, "The text that holds the answer.", commands=_ASKING)
    context_file: list[str] | str | None = setting(
        None,
        "Documents that may hold the answer (.txt .md .html .pdf .docx): files, or folders of them. The best answer of "
        "all is given.",
        commands=_ASKING,
    )
    interactive: bool = setting(False, "Ask as often as you like, one line a question.", commands=("interactive",))
    data: str | None = setting(
        None,
        "A file of questions in any format of run_qa.py, a saved dataset, or a Hub one. With context or context_file "
        "it needs questions only: one a line, or a column.",
        commands=_OF_DATA,
    )
    output: str | None = setting(
        None,
        "Where the answers to data go. FILE.json: id to text, as the SQuAD scripts read it, with FILE_nbest.json "
        "beside it; FILE.jsonl: a line of everything for each question; FILE.csv or FILE.tsv: a table.",
        commands=("predict", "list"),
    )
    base: str | None = setting(None, "Compare: the model that the others are held against; it may be untrained.")
    tuned: list[str] | str | None = setting(None, "Compare: one model or more.")
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
    all_answers: bool = setting(
        False, "Every answer of at least min_confidence, none overlapping a better one.", commands=_ASKING
    )
    min_confidence: float | None = setting(
        None,
        "Leave out answers below this confidence, 0 to 1; None: 0, with all_answers 0.05.",
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
        "Encoding of context_file where it is text or HTML (gbk, cp1251 ...); None: found out.",
        commands=_ASKING,
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
        None, "How answers are normalised before scoring; None: as the model was trained.", commands=_SCORING
    )
    answer_language: str | None = setting(
        None,
        "Language code of the answers (de, zh ...), for multilingual normalisation.",
        commands=_SCORING,
    )
    seed: int = setting(0, "Seeds the resampling behind the intervals.", least=0, most=4294967295, commands=_SCORING)


@dataclass
class LoadArguments(optional(QASettings)):  # type: ignore[misc]
    """How the model is loaded and how it decides. What is left out is as stored with the model."""

    _argument_group_name: ClassVar[str] = "model"

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


GROUPS = (QuestionArguments, OutputArguments, DatasetArguments, LoadArguments)


@dataclass
class PredictArguments(LoadArguments, DatasetArguments, OutputArguments, QuestionArguments):
    """Everything that qa_predict.py needs to know; checked when it comes from `parsing.parse`."""

    @property
    def command(self) -> Command:
        """What is to be done."""
        if self.base or self.tuned:
            return "compare"
        if self.data:
            return "list" if self.context is not None or self.context_files else "predict"
        return "interactive" if self.interactive else "ask"

    @property
    def limits(self) -> dict[str, Any]:
        """Those that were given, by name; None for the others."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def questions(self) -> list[str]:
        """Questions of the command line or the configuration file."""
        return _listed(self.question)

    @property
    def context_files(self) -> list[str]:
        """Files and folders to ask."""
        return _listed(self.context_file)

    @property
    def tuned_models(self) -> list[str]:
        """Models that are compared with the base."""
        return _listed(self.tuned)

    @property
    def columns(self) -> list[str]:
        """Columns of the data by which a comparison is broken down."""
        return _listed(self.by)

    @property
    def least_confidence(self) -> float:
        """`min_confidence`, or what it is where it was left out."""
        return self.min_confidence if self.min_confidence is not None else 0.05 * self.all_answers


def _listed(value: list[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
