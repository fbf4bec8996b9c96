"""From a specification to data sets that fit it, ranked, with reasons, before anything is downloaded.

Candidates come from the catalogue, the Hub and folders; one that several know is one candidate. They are ordered by how
near their words and their meaning are to the subject, not to the task, which is the same for all. What is about the
subject comes first, then what is of use for any subject, then the rest; what is in another language comes last.

A data set of another subject may do more harm than good: one fits only where it is near enough (`NEAR`) and nearer than
general data is (which fits only where nothing else does), and rows are taken only from those that fit, unless the
settings say otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from qa_pipeline.discovery.arguments import DatasetSearchArguments, weight_problems
from qa_pipeline.discovery.catalogue import known_datasets
from qa_pipeline.discovery.dataset_candidate import DatasetCandidate, from_catalogue, from_hub, merged, why_refused
from qa_pipeline.discovery.dataset_rows import RefusedDataset, RetrievedRows, UsedDataset, retrieve_rows
from qa_pipeline.discovery.few_shots import choose_few_shots
from qa_pipeline.discovery.folders import folder_datasets
from qa_pipeline.discovery.hub import Hub, HubError
from qa_pipeline.discovery.languages import wanted_languages
from qa_pipeline.discovery.reranking import hypothetical_description, model_order
from qa_pipeline.discovery.topic import topic_of, wish_of, without_task_words
from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.retrieval import Embedder
from qa_pipeline.retrieval.ranking import coverage, fuse, terms, word_scores
from qa_pipeline.wording import in_one_line

__all__ = [
    "DatasetCandidate",
    "RefusedDataset",
    "RetrievedRows",
    "UsedDataset",
    "choose_few_shots",
    "find_datasets",
    "retrieve_rows",
]

logger = logging.getLogger(__name__)

NEAR = {"both": 0.32, "meaning": 0.25, "words": 0.08}
"""Nearness from which a data set is about the subject, by what is compared. Chosen on one half of the prompts of
benchmarks/discovery_prompts.yaml, between those that have data of their subject and those that have none."""
_WEIGHT_OF_WORDS = 0.5
_FOUND = 20  # entries of a search on the Hub
_LOOKED_AT = 6  # of them, that the Hub is asked about in detail


def find_datasets(
    specification: Specification,
    settings: DatasetSearchArguments,
    *,
    hub: Hub | None = None,
    backend: Backend | None = None,
    embedder: Embedder | None = None,
    notes: list[str] | None = None,
) -> list[DatasetCandidate]:
    """All data sets that are known for a wish, the nearest first; nothing of them is downloaded.

    Args:
        specification: what is wanted.
        settings: where to look, and what may be used.
        hub: asked where `settings.hub_datasets` is on; None: no network is used.
        backend: a language model that describes and orders, where `settings.rerank_datasets` is on; its failures leave
            the first ranking and are noted.
        embedder: compares meanings; None: the weights that come with the package.
        notes: takes what went wrong on the way, in words.

    Returns:
        Every candidate, also those that cannot be used (`usable`, `why_not`).

    Raises:
        ConfigError: a setting is wrong.
        DataError: a folder does not exist.

    Example:
        >>> from qa_pipeline.generation.specification.specification import parse_prompt
        >>> wish = parse_prompt("Answer questions about privacy policies")
        >>> found = find_datasets(wish, DatasetSearchArguments(dataset_ranking="words"))
        >>> found[0].id, found[0].fits, found[0].num_rows
        ('alzoubi36/policy_qa', True, 25017)
    """
    problems = weight_problems(settings.dataset_weights)
    if problems:
        raise ConfigError("data sets", problems)
    notes = [] if notes is None else notes
    search = _Search(specification, settings, embedder or _embedder(), notes)
    hub = hub if settings.hub_datasets else None
    candidates = _gather(search, hub)
    advice = backend if settings.rerank_datasets else None
    if advice is not None:
        search.describe(advice)
    ranked = search.rank(candidates)
    if hub is not None:
        ranked = search.rank(_with_details(ranked, hub, search))
    if advice is not None:
        ranked = search.rerank(ranked, advice)
    for note in notes:
        logger.warning("%s", note)
    return [replace(one, reason=search.reason(one)) for one in ranked]


@cache
def _embedder() -> Embedder:
    """One for all searches: it remembers the catalogue."""
    return Embedder()


class _Search:
    """What one search looks for, and how candidates are ordered by it."""

    def __init__(
        self, specification: Specification, settings: DatasetSearchArguments, embedder: Embedder, notes: list[str]
    ):
        self.specification, self.settings, self.embedder, self.notes = specification, settings, embedder, notes
        self.languages = wanted_languages(specification)
        self.language = self.languages[0]
        self.topic = topic_of(specification)
        asked = " ".join(specification.sample_questions)
        wholes = (f"{part} {asked}".strip() for part in (self.topic, wish_of(specification)))
        self.queries = [query for query in dict.fromkeys(wholes) if terms(query, self.language)]
        self.description = ""  # a language model's, of data that would fit
        self.judged: dict[str, bool] = {}  # id -> whether a language model says that it is about the subject

    @property
    def subject(self) -> str:
        """The topic for people: without the small words at its ends."""
        words = self.topic.split()
        telling = [place for place, word in enumerate(words) if terms(word, self.language)]
        return " ".join(words[telling[0] : telling[-1] + 1]) if telling else ""

    def describe(self, backend: Backend) -> None:
        try:
            self.description = hypothetical_description(self.specification, backend)
        except BackendError as error:
            self.notes.append(f"data sets are ranked without a description by the language model: {in_one_line(error)}")

    def rank(self, candidates: Sequence[DatasetCandidate]) -> list[DatasetCandidate]:
        """The candidates with score, fit and whether they may be used, best first."""
        from huggingface_hub import get_token

        scores, nearness = self._compare([one.text for one in candidates])
        has_token = get_token() is not None
        rated = []
        for one, score, fit in zip(candidates, scores, nearness, strict=True):
            refused = one.why_not if one.source == "folder" and not one.usable else None
            refused = refused or why_refused(one, self.settings, self.languages, has_token)
            rated.append(
                replace(one, score=float(score), fit=float(fit), usable=refused is None, why_not=refused, fits=False)
            )
        general = max((one.fit or 0.0 for one in rated if one.general and self.speaks(one)), default=0.0)
        rated = [replace(one, fits=self._fits(one, general)) for one in rated]
        if self.queries and any(one.fits and not one.general for one in rated):
            rated = [replace(one, fits=one.fits and (not one.general or one.id in self.judged)) for one in rated]
        return sorted(rated, key=self._order)

    def _fits(self, candidate: DatasetCandidate, general: float) -> bool:
        """Whether it is about the subject: near to it, and nearer than general data is."""
        if not self.speaks(candidate):
            return False
        if not self.queries:
            return candidate.general
        fit = candidate.fit or 0.0
        near = fit >= NEAR[self.settings.dataset_ranking] and (candidate.general or fit > general)
        return self.judged.get(candidate.id, near)

    def _order(self, candidate: DatasetCandidate) -> tuple[int, int, bool, float, str]:
        tier = _tier(candidate)
        without_unanswerable = bool(self.specification.unanswerable) and candidate.answerable_only is not False
        return (
            self._missing(candidate),
            tier,
            candidate.general and without_unanswerable,
            -candidate.score,
            candidate.id,
        )

    def speaks(self, candidate: DatasetCandidate) -> bool:
        """Whether it has, or may have, every language that is wanted."""
        return self._missing(candidate) == 0

    def _missing(self, candidate: DatasetCandidate) -> int:
        """How many of the wanted languages it does not have."""
        return len({*self.languages} - {*candidate.languages}) if candidate.languages else 0

    def _compare(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores that order the texts, and how near each is to the subject: the most that one of the queries says."""
        how = self.settings.dataset_ranking
        subjects = [without_task_words(text) for text in texts]
        rankings: list[np.ndarray] = []
        nearness = np.zeros((max(1, len(self.queries)), len(texts)))
        for place, query in enumerate(self.queries):
            if how != "meaning":
                rankings.append(self._words(query, subjects))
                covered = np.maximum(coverage(query, subjects, "en"), coverage(query, subjects, self.language))
                nearness[place] = covered * (1.0 if how == "words" else _WEIGHT_OF_WORDS)
            if how != "words":
                meanings = self._meanings(query, texts)
                rankings.append(meanings)
                nearness[place] += meanings
        return fuse(rankings) if rankings and len(texts) else nearness[0], nearness.max(axis=0)

    def _words(self, query: str, subjects: Sequence[str]) -> np.ndarray:
        """BM25; cards are in English, questions of folders perhaps in the language of the wish."""
        query = f"{query} {without_task_words(self.description)}"
        scores = word_scores(query, subjects, "en")
        return scores if self.language == "en" else scores + word_scores(query, subjects, self.language)

    def _meanings(self, query: str, texts: Sequence[str]) -> np.ndarray:
        """Cosines with the query; with a description, the mean of the cosines with both."""
        asked = [query, self.description] if self.description else [query]
        vectors = self.embedder.embed([*asked, *texts])
        return np.asarray((vectors[len(asked) :] @ vectors[: len(asked)].T).mean(axis=1))

    def rerank(self, ranked: list[DatasetCandidate], backend: Backend) -> list[DatasetCandidate]:
        """The candidates that may be used in the language model's order; as they were where it gives none."""
        shown = [one for one in ranked if one.usable and self.speaks(one)]
        if len(shown) < 2:
            return ranked
        try:
            order, fitting = model_order(self.specification, shown, backend)
        except BackendError as error:
            self.notes.append(f"data sets stay in their first order: {in_one_line(error)}")
            return ranked
        self.judged = {shown[place].id: place in fitting for place in order[: len(shown)]}
        rated = [replace(shown[place], fits=self._fits(shown[place], 1.0)) for place in order]
        rest = [one for one in ranked if one not in shown]
        return sorted(rated, key=_tier) + rest

    def reason(self, candidate: DatasetCandidate) -> str:
        """Why it stands where it stands, and its facts."""
        where = {"folder": "in a folder of this machine", "hub": "found on the Hub", "catalogue": "known"}
        about = f"the subject ({self.subject})" if self.subject else "the subject"
        nearness = "" if candidate.fit is None else f" (nearness {candidate.fit:.2f})"
        if not self.queries:
            said = "of use for any subject, and none is named" if candidate.general else "no subject is named"
        elif candidate.fits:
            by = "the language model says" if candidate.id in self.judged else "its card reads"
            said = f"about {about}, as {by}{nearness}"
        elif candidate.general:
            said = f"general-purpose, not about {about}: to fall back on where nothing else fits{nearness}"
        else:
            said = f"not clearly about {about}{nearness}"
            if candidate.source == "folder":
                said += "; to use it all the same, name it in dataset_weights"
        refused = f". Not used: {candidate.why_not}" if candidate.why_not else ""
        return f"{where[candidate.source]}; {said}; {candidate.facts}{refused}"


def _tier(candidate: DatasetCandidate) -> int:
    """What is about the subject first, then what is of use for any, then the rest."""
    return 0 if candidate.fits else 1 if candidate.general else 2


def _gather(search: _Search, hub: Hub | None) -> list[DatasetCandidate]:
    """Every candidate once, by its id."""
    found = {one.id.lower(): one for one in (from_catalogue(known, search.language) for known in known_datasets())}
    for entry in _hub_entries(search, hub) if hub is not None else []:
        known = found.get(entry.id.lower())
        found[entry.id.lower()] = entry if known is None else merged(known, entry)
    candidates, notes = folder_datasets(search.settings.dataset_folders or [])
    search.notes += notes
    found |= {one.id: one for one in candidates}
    for name in search.settings.dataset_weights or ():
        if name not in {one.id for one in found.values()}:
            found[name.lower()] = _named(name, hub, search)
    return list(found.values())


def _hub_entries(search: _Search, hub: Hub) -> list[DatasetCandidate]:
    """What a search of the Hub gives, by the words of the subject."""
    words = [word for word in search.topic.split() if terms(word, search.language)]
    language = None if search.language == "en" else search.language  # many English ones name no language
    try:
        entries = hub.search_datasets(" ".join(words), _FOUND, language=language)
    except HubError as error:
        search.notes.append(f"data sets of the Hub are left out: {in_one_line(error)}")
        return []
    return [from_hub(entry, search.language) for entry in entries]


def _named(name: str, hub: Hub | None, search: _Search) -> DatasetCandidate:
    """A data set that `dataset_weights` names and nothing else knows."""
    if hub is not None:
        try:
            return from_hub(hub.dataset(name), search.language)
        except HubError as error:
            search.notes.append(f"dataset_weights: {name}: {in_one_line(error)}")
    return DatasetCandidate(name, "hub", name.split("/")[-1], notes=("named in dataset_weights; nothing is known",))


def _with_details(ranked: list[DatasetCandidate], hub: Hub, search: _Search) -> list[DatasetCandidate]:
    """The candidates, the best of the Hub's with card, configurations and size; a fault of one stays with it.

    Known ones that may be used are asked for too where their size is not known: it decides whether they are downloaded.
    """
    asked = [one for one in ranked if one.source == "hub" or (one.fits and one.size_mb is None and one.usable)]
    details: dict[str, DatasetCandidate] = {}
    for one in [one for one in asked if one.source != "folder" and search.speaks(one)][:_LOOKED_AT]:
        try:
            entry = from_hub(hub.dataset(one.id), search.language)
            details[one.id] = entry if one.source == "hub" else merged(one, entry)
        except HubError as error:
            details[one.id] = replace(one, notes=(*one.notes, f"its card could not be read: {in_one_line(error)}"))
            if error.final:
                break
    return [details.get(one.id, one) for one in ranked]
