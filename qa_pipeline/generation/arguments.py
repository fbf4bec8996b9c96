"""The three groups of settings of `generate`, from a file and a command line to checked values. Reads no document."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.config_files import COMMAND_LINE
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting, settings_of, split_names
from qa_pipeline.documents.files import JSONL_SUFFIXES
from qa_pipeline.documents.reading import KINDS, SUFFIXES
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.argument_checks import FILTERS, check, parse_shard
from qa_pipeline.generation.legacy import FORMER
from qa_pipeline.generation.questions.cloze.spans import GROUPS as ANSWER_GROUPS
from qa_pipeline.generation.questions.llm.prompt_files import BEST, SEARCH_FOLDER
from qa_pipeline.generation.types import MOST_UNANSWERABLE
from qa_pipeline.mock import DOMAINS

_USUAL_NAMES = {
    "input": "documents",
    "document": "documents",
    "files": "documents",
    "dataset": "contexts_from",
    "train_file": "contexts_from",
    "output": "output_dir",
    "n": "num_examples",
    "model_name_or_path": "model",
    "max_new_tokens": "max_completion_tokens",
    "api_base": "base_url",
    "types": "answer_types",
}


@dataclass
class GenerationArguments:
    """What is made, from what, and where it goes."""

    _argument_group_name: ClassVar[str] = "generation"

    output_dir: str | None = setting(None, "Folder for the data, its report and its card. Required.")
    documents: list[str] | None = setting(None, f"Files or folders: {KINDS}, or .jsonl with a text on each line.")
    encoding: str | None = setting(
        None, "Encoding of documents that are text, HTML or JSONL, such as gbk, shift_jis or cp1251; None: found out."
    )
    contexts_from: list[str] | None = setting(
        None, "Labelled data in any known format; its contexts are used, its questions are not."
    )
    prompt: str | None = setting(None, "What the questions should be about, in words; with or without documents.")
    domain: str | None = setting(
        None,
        "What the questions should be about, in place of what a prompt says of it. Without documents and a language "
        f"model: a built-in domain, one of {', '.join(DOMAINS)}.",
    )
    spec_file: str | None = setting(None, "A specification as saved from a prompt (prompt_spec.yaml), edited or not.")
    few_shot_file: str | None = setting(None, "Labelled examples, in any known format, to show to the model.")
    num_examples: int | None = setting(
        None,
        "Rows over all splits; None: as the prompt says, else as many as there are. A prompt alone without a language "
        "model makes 2,000 drafts unless this is given.",
        least=1,
    )
    unanswerable_fraction: float | None = setting(
        None,
        f"Share of rows that their context does not answer, from 0 to {MOST_UNANSWERABLE}, within "
        "questions_per_context; None: as the prompt says, else 0.",
        share=MOST_UNANSWERABLE,
    )
    answer_types: list[str] | None = setting(
        None,
        "Only these types of answers; None: all that are known. For cloze: groups, or types in them: "
        + "; ".join(
            name if types == (name,) else f"{name} ({', '.join(types)})" for name, types in ANSWER_GROUPS.items()
        )
        + ". For a language model: in your own words.",
    )
    questions_per_context: int = setting(5, "Most questions about one passage, unanswerable ones included.", least=1)
    language: str | None = setting(None, "Language code of documents and questions; None: as the prompt says, else en.")
    seed: int = setting(0, "The same seed and documents give the same data.", least=0)
    subset: int | None = setting(None, "Use only this many passages, drawn over all documents.", least=1)
    min_passage_words: int = setting(15, "Shorter passages are left out.", least=1)
    max_passage_words: int = setting(
        400, "Longer paragraphs are cut between sentences; short ones are joined up to it.", least=20
    )
    validation_fraction: float = setting(
        0.1, "Share of rows for validation, whole documents at a time; of one document, passages.", share=1
    )
    test_fraction: float = setting(
        0.1, "Share of rows for test, whole documents at a time; of one document, passages.", share=1
    )
    shard: str | None = setting(None, "I/N, from 1: do only this part and write a shard for `merge`.")
    cloze_plugins: list[str] = setting(
        ["services"],
        "Questions of cloze for passages of one kind: services (what a service does with personal data is asked as "
        "people ask privacy policies), MODULE:CLASS for a plug-in of your own, or none.",
    )
    overwrite_output_dir: bool = setting(False, "Forget an earlier run in output_dir that had other settings.")
    plan: bool = setting(False, "Say what would be asked and what it would cost, ask nothing, write nothing.")
    list_prompts: bool = setting(False, "List the numbered prompt templates and stop.")


@dataclass
class BackendArguments:
    """Which model writes the questions, how it is asked and what it may cost."""

    _argument_group_name: ClassVar[str] = "backend"

    backend: Literal["cloze", "openai", "vllm", "transformers"] = setting(
        "cloze",
        "cloze needs no language model; its questions are rough by design: rules make them of the words of the text. "
        "The others write questions that read like those of people.",
    )
    model: str | None = setting(None, "Short name, Hub id, path, or the server's name of the model.")
    prompt_number: int | str = setting(  # a word stands among choices: HfArgumentParser takes no other union
        1,
        "Which prompt template; --list_prompts lists them. best: the winner of `qa-pipeline optimize-prompt`, from the "
        f"folder that prompt_file names, else {SEARCH_FOLDER}.",
        least=1,
        choices=(BEST,),
    )
    prompt_file: str | None = setting(
        None,
        "A prompt of your own as YAML, or the folder of a finished `qa-pipeline optimize-prompt`: its best prompt. It "
        "decides rephrase and temperature, too.",
    )
    rephrase: bool = setting(False, "Ask a second time to put each question in other words.")
    temperature: float = setting(0.7, "Of sampling; 0 always takes the likeliest word.", least=0)
    max_completion_tokens: int | None = setting(
        None, "Most tokens of one completion; None: by what is asked for.", least=1
    )
    batch_size: int = setting(8, "Requests computed together (transformers).", least=1)
    base_url: str | None = setting(None, "Address of an OpenAI-compatible server; None: OPENAI_BASE_URL, else OpenAI.")
    api_key_env: str | None = setting(None, "Environment variable that holds the key; None: OPENAI_API_KEY.")
    extra_body: dict[str, Any] | str | None = setting(
        None, 'Further fields of every request as JSON, such as {"chat_template_kwargs": {"enable_thinking": false}}.'
    )
    concurrency: int = setting(8, "Requests under way at once (openai).", least=1)
    requests_per_minute: int | None = setting(None, "Rate limit.", least=1)
    tokens_per_minute: int | None = setting(None, "Rate limit, prompt and completion together.", least=1)
    max_requests: int | None = setting(None, "Never send more requests than this, retries included.", least=1)
    max_tokens: int | None = setting(None, "Never use more tokens than this.", least=1)
    max_cost: float | None = setting(None, "Never spend more than this; needs both prices.", least=0)
    price_per_million_prompt_tokens: float | None = setting(None, "Price of a million prompt tokens.", least=0)
    price_per_million_completion_tokens: float | None = setting(None, "Price of a million completion tokens.", least=0)
    timeout_s: float = setting(120.0, "Seconds to wait for one completion.", least=0.001)
    max_retries: int = setting(6, "How often a request that failed for a passing reason is sent again.", least=0)
    load_in_4bit: bool = setting(False, "Load the weights in 4 bits (transformers).")
    tensor_parallel_size: int = setting(1, "GPUs that share one copy of the model (vllm).", least=1)
    data_parallel_size: int = setting(1, "Copies of the model (vllm).", least=1)


@dataclass
class FilterArguments:
    """Which drafts are refused."""

    _argument_group_name: ClassVar[str] = "filters"

    skip_filters: list[str] | None = setting(None, f"Filters to leave out, of {', '.join(FILTERS)}.")
    min_question_words: int = setting(3, "Shorter questions are refused.", least=1)
    max_question_words: int = setting(40, "Longer questions are refused.", least=1)
    max_answer_words: int = setting(60, "Longer answers are refused.", least=1)
    max_overlap: float | None = setting(
        None,
        "Refuse questions with more than this share of content words in the answer's sentence; None: never.",
        share=1,
    )
    near_duplicate_threshold: float = setting(
        0.7, "Questions whose character trigrams overlap by this much (Jaccard) are duplicates.", above=0, most=1
    )
    near_duplicate_scope: Literal["passage", "document", "all"] = setting(
        "document", "Where a question may not be asked twice. Between splits no row may repeat another's evidence."
    )
    round_trip_model: str | None = setting(
        None, "A trained reader that must find the answer again; None: no round trip."
    )
    round_trip_f1: float = setting(0.5, "F1 that the reader's answer must reach.", share=1)


GROUPS = (GenerationArguments, BackendArguments, FilterArguments)
OF_MODELS = {one.name: one.default for one in dataclasses.fields(BackendArguments) if one.name != "backend"} | {
    "few_shot_file": None
}
"""Settings without effect where no language model is asked, and their defaults."""
OF_DOCUMENTS = {
    name: one.default
    for name, one in settings_of(GenerationArguments).items()
    if name.endswith("_passage_words") or name.startswith("cloze_")
}
"""Settings without effect where a built-in domain serves, and their defaults."""


@dataclass
class Settings:
    """All settings of one generation; `source` names where they came from."""

    generation: GenerationArguments
    backend: BackendArguments
    filters: FilterArguments
    source: str = COMMAND_LINE

    def to_dict(self) -> dict[str, Any]:
        """One flat mapping. The key stays in its environment variable; `extra_body` may hold others."""
        return {**vars(self.generation), **vars(self.backend), **vars(self.filters)}

    @property
    def shard(self) -> tuple[int, int]:
        """(number from 1, of how many); (1, 1) without shards."""
        return parse_shard(self.generation.shard) or (1, 1)


def parse_generation_arguments(argv: list[str]) -> Settings:
    """Resolves `[CONFIG.yaml] [--key value ...]`: defaults, then the file, then the command line.

    Raises:
        ConfigError: with every fault that was found.
    """
    _refuse_documents(argv)
    return _check_settings(Resolution.read(argv, GROUPS, old=FORMER, usual_names=_USUAL_NAMES))


def settings_from(values: Mapping[str, Any], place: str) -> Settings:
    """Resolves settings that Python code gives; a path may stand for a text, and one text for a list of one.

    Args:
        values: by the names of the settings; None: not given.
        place: what gave them, for messages.

    Raises:
        ConfigError: with every fault that was found.
    """
    texts = {key: _paths_as_texts(value) for key, value in values.items() if value is not None}
    return _check_settings(Resolution.of(texts, place, GROUPS, old=FORMER))


def _paths_as_texts(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_paths_as_texts(one) for one in value] if isinstance(value, list | tuple) else value


def _check_settings(resolution: Resolution) -> Settings:
    values = resolution.values
    lists = ("answer_types", "skip_filters", "cloze_plugins")
    values |= {name: split_names(values[name]) for name in lists if values[name]}
    check(resolution, OF_MODELS, OF_DOCUMENTS)
    resolution.raise_problems()
    generation, backend = resolution.make(GenerationArguments), resolution.make(BackendArguments)
    return Settings(generation, backend, resolution.make(FilterArguments), resolution.source)


def _refuse_documents(argv: list[str]) -> None:
    """A document where the configuration file belongs: the usual first try of this command."""
    first = list(takewhile(lambda word: not word.startswith("-"), argv))
    if not first:
        return
    folder = os.path.isdir(first[0])
    if folder or (Path(first[0]).suffix.lower() in SUFFIXES | JSONL_SUFFIXES and os.path.isfile(first[0])):
        what = "is a folder" if folder else "looks like a document"
        raise ConfigError(
            COMMAND_LINE,
            f"{first[0]}: this {what}, not a configuration file; to make questions about it: --documents "
            f"{' '.join(first)}",
        )
