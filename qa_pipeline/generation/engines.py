"""Sets up what makes the drafts without a language model: the cloze engine, or a built-in domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from qa_pipeline.data import Example
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.filters import make_filters
from qa_pipeline.generation.job import Engine
from qa_pipeline.generation.rows import Row
from qa_pipeline.generation.run import check
from qa_pipeline.generation.spec.specification import Specification, builtin_domain
from qa_pipeline.generation.types import Draft, Passage, Rejected, passage_id
from qa_pipeline.mock import DOMAINS, SPLITS, make_dataset

TrainAndPredict = Callable[[list[Example], list[Example]], Sequence[tuple[str, int | None, float]]]
"""Trains a fresh reader on the first rows and answers the second: (text, start, confidence) for each."""

CLOZE_BLOCK = 4000
"""Passages of a block of the cloze engine: it looks for other sentences within one."""
MOCK_SURPLUS = 1.3
"""Drafts of a built-in domain for each row wanted, since filters and duplicates take some."""


def cloze_engine(
    settings: Settings,
    passages: Sequence[Passage],
    language: str,
    unanswerable_fraction: float,
    train_and_predict: TrainAndPredict | None = None,
) -> Engine:
    """The engine that needs documents only.

    Raises:
        ConfigError: a setting that it does not know or that is out of range.
    """
    from qa_pipeline.generation.cloze import ClozeGenerator

    options: dict[str, Any] = dict(settings.generation.cloze_ingredients or {})  # type: ignore[arg-type]
    own = ("questions_per_context", "unanswerable_fraction", "answer_types", "language", "seed", "options")
    twice = [name for name in own if name in options]
    if twice:
        raise ConfigError(settings.source, [f"cloze_ingredients: {name} is a setting of its own" for name in twice])
    types = settings.generation.answer_types
    generator = ClozeGenerator(
        seed=settings.generation.seed,
        questions_per_context=settings.generation.questions_per_context,
        unanswerable_fraction=unanswerable_fraction,
        answer_types=tuple(types) if types else None,
        language=language,
        **options,
    )
    refine = None
    if settings.generation.self_training_rounds:
        if train_and_predict is None:
            raise ConfigError("generate", "self_training_rounds needs something that trains a reader")
        refine = partial(_self_train, settings, generator, list(passages), train_and_predict, language)
    return Engine(generator, block_size=CLOZE_BLOCK, by_document=True, refine=refine)


class ReadyMade:
    """A generator whose drafts are known beforehand, by passage id."""

    def __init__(self, drafts: dict[str, list[Draft]]):
        self._drafts = drafts

    def drafts(self, passages: Sequence[Passage]) -> Iterator[Draft | Rejected]:
        """The drafts of these passages."""
        for passage in passages:
            yield from self._drafts.get(passage.id, ())


def builtin_engine(
    settings: Settings, specification: Specification, language: str, unanswerable_fraction: float
) -> tuple[Engine, list[Passage], str]:
    """Passages and questions of the built-in domain that a prompt is about.

    Returns:
        The engine, its passages, and the domain's name.

    Raises:
        ConfigError: no domain matches; says what is needed instead.
    """
    name = builtin_domain(specification, DOMAINS)
    if name is None or language != "en":
        known = "; ".join(f"{domain.name} ({domain.description})" for domain in DOMAINS.values())
        why = "the built-in domains are in English" if name else f'no built-in domain is about "{specification.domain}"'
        raise ConfigError(
            "generate",
            f"a prompt alone is not enough without a language model, since {why}. Give documents (documents: FOLDER, "
            "or contexts_from: DATA), or a language model (backend: openai and model: NAME, or transformers, or vllm). "
            f"Built in: {known}",
        )
    wanted = settings.generation.num_examples
    count = 2000 if wanted is None else max(30, round(wanted * MOCK_SURPLUS))
    dataset = make_dataset(name, count, unanswerable_fraction, settings.generation.seed)
    passages: dict[str, Passage] = {}
    drafts: dict[str, list[Draft]] = {}
    for split in SPLITS:
        for document in dataset[split]["data"]:
            for paragraph in document["paragraphs"]:
                title, text = document["title"], paragraph["context"]
                # The domain's names are divided among its splits; keeping those keeps that.
                passage = Passage(passage_id(title, text), title, text, title, {"split": split, "domain": name})
                passages[passage.id] = passage
                drafts[passage.id] = [_known(passage, question) for question in paragraph["qas"]]
    return Engine(ReadyMade(drafts), block_size=CLOZE_BLOCK), list(passages.values()), name


def _known(passage: Passage, question: dict[str, Any]) -> Draft:
    answer = question["answers"][0] if question["answers"] else None
    details = {"domain": passage.metadata["domain"], "answer_type": question["metadata"].get("answer_kind")}
    if answer is None:
        return Draft(passage, question["question"], None, None, None, "mock", details)
    return Draft(passage, question["question"], answer["text"], None, answer["answer_start"], "mock", details)


def _self_train(
    settings: Settings,
    generator: Any,
    passages: list[Passage],
    train_and_predict: TrainAndPredict,
    language: str,
    rows: list[Row],
) -> tuple[list[Row], Counter[str]]:
    """Rounds of training on one half and judging the other; what is adopted passes the filters like the rest."""
    from qa_pipeline.generation.cloze import Collection, self_train

    drafts = [
        Draft(row.passage, row.question, row.answer, row.evidence, row.start, row.generator, row.details)
        for row in sorted(rows, key=lambda row: row.key)
    ]
    collection = Collection(passages, generator.options)
    kept, reports = self_train(
        drafts,
        train_and_predict,
        partial(generator.rebuild, collection),
        rounds=settings.generation.self_training_rounds,
        seed=settings.generation.seed,
    )
    counts: Counter[str] = Counter()
    for report in reports:
        counts["self_training"] += report.counts["dropped"]
    known = {row.key: row for row in rows}
    filters = make_filters(settings.filters, language)
    result: list[Row] = []
    for draft in kept:
        checked = check(draft, filters)
        if isinstance(checked, Rejected):
            counts[checked.reason] += 1
        else:
            result.append(known.get(checked.key, checked))
    return result, +counts
