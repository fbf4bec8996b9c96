"""The settings of qa_predict.py as dataclasses; `parsing` fills them, `checks` holds them against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Command = Literal["ask", "interactive", "predict", "list", "compare"]


@dataclass
class What:
    """What is asked, and of which model."""

    _argument_group_name: ClassVar[str] = "what to do"

    model: str | None = field(
        default=None,
        metadata={"help": "A run folder, an adapter or a merged model; a Hub id; or package:MODULE/FOLDER."},
    )
    question: list[str] | str | None = field(
        default=None, metadata={"help": "A question on context or context_file, or several; the flag may be repeated."}
    )
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
        metadata={
            "help": "A file of questions in any format of run_qa.py, a saved dataset, or a Hub one. With context or "
            "context_file it needs questions only: one a line, or a column."
        },
    )
    output: str | None = field(
        default=None,
        metadata={
            "help": "Where the answers to data go. FILE.json: id to text, as the SQuAD scripts read it, with "
            "FILE_nbest.json beside it; FILE.jsonl: a line of everything for each question; FILE.csv or FILE.tsv: a "
            "table."
        },
    )
    base: str | None = field(
        default=None, metadata={"help": "Compare: the model that the others are held against; it may be untrained."}
    )
    tuned: list[str] | str | None = field(default=None, metadata={"help": "Compare: one model or more."})
    report: str | None = field(
        default=None, metadata={"help": "Compare: the report, an HTML file; comparison.json goes beside it."}
    )
    by: list[str] | str | None = field(
        default=None, metadata={"help": "Compare: columns of the data by whose values scores are broken down."}
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
    encoding: str | None = field(
        default=None,
        metadata={"help": "Encoding of context_file where it is text or HTML (gbk, cp1251 ...); None: found out."},
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


@dataclass
class PredictArguments(Loading, Reading, Shown, What):
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
