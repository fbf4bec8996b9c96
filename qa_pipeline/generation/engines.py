"""Sets up what makes the drafts without a language model: the cloze engine, or a built-in domain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from math import ceil
from typing import Any

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.dataset import choose_dataset
from qa_pipeline.generation.filters import check, make_filters
from qa_pipeline.generation.job import Engine, choice_of
from qa_pipeline.generation.questions.cloze.spans import GROUPS
from qa_pipeline.generation.specification.specification import Specification, builtin_domain
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.mock import DOMAINS, SPLITS
from qa_pipeline.mock import make_dataset as make_mock
from qa_pipeline.mock.builtin import described_domains
from qa_pipeline.wording import counted

CLOZE_BLOCK = 4000
"""Passages of a block of the cloze engine: near misses are borrowed within one."""
SURPLUS = 1.3
"""Drafts for each row wanted, since filters and duplicates take some."""
MOST_RAISED = 16
"""Questions about one passage to which their number is raised where more rows are wanted: further ones repeat."""
MOCK_DRAFTS = 2000
"""Drafts of a built-in domain where no number of rows is asked for."""
MOCK_GROWTH = 5.0
"""Most times as much that is made of a built-in domain where that was too little."""
MOCK_PATIENCE = 5000
"""Drafts of a built-in domain from which on more are made only while that helps: filters may refuse them all."""


def cloze_engine(settings: Settings, language: str, unanswerable_fraction: float) -> Engine:
    """The engine that needs documents only.

    Raises:
        ConfigError: a setting that it does not know or that is out of range.
    """
    from qa_pipeline.generation.questions.cloze import ClozeGenerator

    general = settings.generation
    generator = ClozeGenerator(
        seed=general.seed,
        questions_per_context=general.questions_per_context,
        unanswerable_fraction=unanswerable_fraction,
        answer_types=general.answer_types or None,
        language=language,
        plugins=general.cloze_plugins,
    )
    return Engine(generator, block_size=CLOZE_BLOCK, by_document=True)


def raise_questions(settings: Settings, passages: int) -> str | None:
    """Sets `questions_per_context` higher where the passages could not give `num_examples` rows otherwise.

    Args:
        settings: changed in place.
        passages: how many there are to ask about.

    Returns:
        What was changed, in words; None where nothing was.
    """
    general = settings.generation
    passages = min(passages, general.subset or passages)
    wanted, now = general.num_examples or 0, general.questions_per_context
    if wanted <= passages * now or now >= MOST_RAISED:
        return None
    general.questions_per_context = max(now, min(MOST_RAISED, ceil(SURPLUS * wanted / passages)))
    return (
        f"questions_per_context raised from {now} to {general.questions_per_context}: num_examples asks for {wanted:,} "
        f"rows, and there {'is' if passages == 1 else 'are'} {counted(passages, 'passage')}"
    )


class StoredDrafts:
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
    """Passages and questions of the built-in domain that a prompt is about, with answers of the types asked for.

    Returns:
        The engine, its passages, and a note on what they are.

    Raises:
        ConfigError: no domain matches, or it has no such answers; says what is needed instead.
    """
    name = builtin_domain(specification)
    if name is None or language != "en":
        why = "the built-in domains are in English" if name else f'no built-in domain is about "{specification.domain}"'
        raise ConfigError(
            "generate",
            f"a prompt alone is not enough without a language model, since {why}. Give documents (documents: FOLDER, "
            "or contexts_from: DATA), or a language model (backend: openai and model: NAME, or transformers, or vllm). "
            f"Built in, for a prompt that is about one or --domain NAME: {described_domains()}",
        )
    general = settings.generation
    kinds, note = _kinds(name, general.answer_types)
    wanted = MOCK_DRAFTS if general.num_examples is None else general.num_examples
    count = max(30, wanted if general.num_examples is None else round(wanted * SURPLUS))
    part = before = 0.0
    while True:
        made = make_mock(
            name,
            count,
            unanswerable_fraction,
            general.seed,
            validation_fraction=general.validation_fraction,
            test_fraction=general.test_fraction,
        )
        drafts = _drafts(made, name, kinds)
        if general.num_examples is None:
            part = sum(map(len, drafts.values())) / wanted
        else:
            part = _share_of_wanted(drafts.values(), settings, language, unanswerable_fraction)
        if part >= 1 or (count > MOCK_PATIENCE and part <= before * 1.05):
            break
        count, before = round(count * min(MOCK_GROWTH, 1.1 / max(part, 0.01))), part
    passages = [of_passage[0].passage for of_passage in drafts.values()]
    return Engine(StoredDrafts(drafts), block_size=CLOZE_BLOCK), passages, note


def _kinds(name: str, types: Sequence[str] | None) -> tuple[frozenset[str], str]:
    """The kinds of answers of a built-in domain that are wanted, and a note on the data.

    Raises:
        ConfigError: it has no answers of these types.
    """
    has = {attribute.kind for topic in DOMAINS[name].topics for attribute in topic.attributes}
    meant = {one: {one, *GROUPS.get(one, ())} & has for one in types or has}
    lacking = [one for one in types or () if not meant[one]]
    if types and len(lacking) == len(types):
        raise ConfigError(
            "answer_types",
            f"the built-in domain {name} has no answers of type {', '.join(lacking)}; it has {', '.join(sorted(has))}. "
            "Choose among those, or give documents or a language model (backend: openai, vllm or transformers)",
        )
    note = f"made from the built-in domain {name}, all of it: what the prompt says of its topic narrows nothing"
    return frozenset().union(*meant.values()), note + (f"; it has no {', '.join(lacking)}" if lacking else "")


def _drafts(made: dict[str, Any], name: str, kinds: Collection[str]) -> dict[str, list[Draft]]:
    """By passage the questions of a built-in domain that ask for these kinds of answers, answered or not."""
    drafts: dict[str, list[Draft]] = {}
    for split in SPLITS:
        for document in made[split]["data"]:
            for paragraph in document["paragraphs"]:
                title, text = document["title"], paragraph["context"]
                # The domain's names are divided among its splits; keeping those keeps that.
                passage = Passage(passage_id(title, text), title, text, title, {"split": split, "domain": name})
                asked = [one for one in paragraph["qas"] if one["metadata"]["answer_kind"] in kinds]
                if asked:
                    drafts[passage.id] = [_draft_of(passage, question) for question in asked]
    return drafts


def _share_of_wanted(
    drafts: Iterable[Sequence[Draft]], settings: Settings, language: str, unanswerable_fraction: float
) -> float:
    """The share of the wanted rows that there are: of the split, or of its unanswerable rows, that lacks most."""
    filters = make_filters(settings.filters, language)
    results = [check(draft, filters) for of_passage in drafts for draft in of_passage]
    choice = choice_of(settings.to_dict(), unanswerable_fraction)
    try:
        splits = choose_dataset([row for row in results if isinstance(row, Row)], choice).splits
    except DataError:  # nothing can be chosen from these rows yet
        return 0.0
    wanted = choice.num_examples or 0
    sizes = {"validation": round(wanted * choice.validation_fraction), "test": round(wanted * choice.test_fraction)}
    sizes["train"] = wanted - sum(sizes.values())
    parts = [1.0]
    for name, size in sizes.items():
        impossible = round(size * unanswerable_fraction)
        found = sum(row.is_impossible for row in splits[name])
        parts += [len(splits[name]) / size] if size else []
        parts += [found / impossible] if impossible else []
    return min(parts)


def _draft_of(passage: Passage, question: dict[str, Any]) -> Draft:
    answer = question["answers"][0] if question["answers"] else None
    details = {"domain": passage.metadata["domain"], "answer_type": question["metadata"].get("answer_kind")}
    if answer is None:
        return Draft(passage, question["question"], None, None, None, "mock", details)
    return Draft(passage, question["question"], answer["text"], None, answer["answer_start"], "mock", details)
