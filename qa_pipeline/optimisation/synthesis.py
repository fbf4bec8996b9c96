"""Turns a candidate and passages into rows: asks, aligns, filters, drops duplicates. Never scores, chooses or trains.

What was asked before comes from the backend's cache, and its tokens count as when it was asked for: a run that was
killed and started again makes the same rows and the same counts, and asks nothing twice.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import BackendError
from qa_pipeline.generation.arguments import FilterArguments
from qa_pipeline.generation.backends.budget import Prices
from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Request, UsageTotals
from qa_pipeline.generation.dedup import drop_duplicates
from qa_pipeline.generation.filters import check, make_filters
from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions
from qa_pipeline.generation.types import Draft, Rejected, Row
from qa_pipeline.optimisation.evaluations import PromptCandidate, Synthesis
from qa_pipeline.wording import counted


class Synthesizer:
    """Makes the rows of candidates.

    Args:
        backend: asks the language model; with a cache in a file nothing is asked twice, in this process or a later one.
        filters: which drafts are refused. A round trip is no filter here: it is what rung 1 measures.
        language: code of the language of the passages.
        options: what is asked whatever the candidate: questions a passage, kinds of answer, task, examples, seed. Its
            recipe is that of the candidate.

    Raises:
        ConfigError: options that cannot be meant.
    """

    def __init__(self, backend: Backend, filters: FilterArguments, language: str, options: LLMOptions):
        self._backend, self._settings, self._options = backend, filters, options
        self._filters = make_filters(filters, language)

    @property
    def questions_per_passage(self) -> int:
        """How many questions are asked for about each passage."""
        return self._options.questions_per_passage

    def __call__(self, candidate: PromptCandidate, passages: Sequence[Passage]) -> Synthesis:
        """The rows that a candidate makes of passages; of the first passages they are the same whatever follows.

        Args:
            candidate: whose recipe is asked.
            passages: each once, in the order of precedence among duplicates.

        Raises:
            BackendError: the backend cannot be asked, or passages got no answer; what is done is kept.
            BudgetError: a limit of the backend leaves no room.
        """
        passages = list({passage.id: passage for passage in passages}.values())
        counting = CountingBackend(self._backend, [passage.id for passage in passages])
        by_passage: dict[str, list[Draft | Rejected]] = {passage.id: [] for passage in passages}
        for draft in self._generator(candidate, counting).drafts(passages):
            home = draft.passage.id if isinstance(draft, Draft) else draft.passage_id
            by_passage[home].append(draft)
        _refuse_outage([one for drafts in by_passage.values() for one in drafts if isinstance(one, Rejected)])
        rows: list[Row] = []
        rejected: Counter[str] = Counter()
        for drafts in by_passage.values():
            results = [check(one, self._filters) if isinstance(one, Draft) else one for one in drafts]
            rows += [one for one in results if isinstance(one, Row)]
            rejected.update(one.reason for one in results if isinstance(one, Rejected))
        rows, repeats = self._without_duplicates(rows)
        return Synthesis(
            prompt_hash=candidate.hash,
            rows=tuple(rows),
            rejected=dict(sorted((rejected + Counter(repeats)).items())),
            tokens=sum(counting.tokens.values()),
            requests=sum(counting.requests.values()),
            passage_tokens={passage.id: counting.tokens[passage.id] for passage in passages},
            passage_requests={passage.id: counting.requests[passage.id] for passage in passages},
        )

    def plan(self, candidate: PromptCandidate, passages: Sequence[Passage]) -> int:
        """The tokens that the rows of these passages likely take, without repairs and retries. Asks nothing."""
        found = self._generator(candidate, self._backend).plan(passages, Prices())
        return found.likely_prompt_tokens + found.most_completion_tokens // 2

    def _generator(self, candidate: PromptCandidate, backend: Backend) -> LLMGenerator:
        return LLMGenerator(backend, dataclasses.replace(self._options, recipe=candidate.recipe))

    def _without_duplicates(self, rows: list[Row]) -> tuple[list[Row], dict[str, int]]:
        if "near_duplicate" in (self._settings.skip_filters or ()):
            unique: dict[str, Row] = {}
            for row in rows:
                unique.setdefault(row.key, row)
            return list(unique.values()), {"exact_duplicate": len(rows) - len(unique)}
        threshold, scope = self._settings.near_duplicate_threshold, self._settings.near_duplicate_scope
        kept, repeats = drop_duplicates(rows, threshold, scope)
        return [dataclasses.replace(row, passed=(*row.passed, "near_duplicate")) for row in kept], repeats


class CountingBackend:
    """A backend that notes, by passage, the requests that were answered and their tokens.

    Args:
        backend: is asked.
        passages: the ids of the passages that requests are about; a request's key begins with its passage's.

    Attributes:
        tokens: prompt and completion tokens by passage id; completions from the cache at their true size.
        requests: completions by passage id.
    """

    def __init__(self, backend: Backend, passages: Collection[str]):
        self.model = backend.model
        self._backend, self._passages = backend, frozenset(passages)
        self.tokens: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()

    @property
    def usage(self) -> UsageTotals:
        """That of the backend."""
        return self._backend.usage

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """The results of the backend, noted as they pass."""
        for result in self._backend.complete(requests):
            if isinstance(result, Completion):
                passage = self._passage_of(result.key)
                self.tokens[passage] += result.prompt_tokens + result.completion_tokens
                self.requests[passage] += 1
            yield result

    def _passage_of(self, key: str) -> str:
        """The longest beginning of a key, cut at a slash, that is a passage's id."""
        while key not in self._passages:
            key, slash, _ = key.rpartition("/")
            if not slash:
                raise ValueError(f"request {key}: it is about none of the passages that were asked about")
        return key


def _refuse_outage(rejected: Sequence[Rejected]) -> None:
    """Ends where passages are not done: scored without them, a candidate would be compared on luck.

    Raises:
        BackendError: says how many, why, and how to go on.
    """
    failed = [one for one in rejected if one.outage]
    if failed:
        raise BackendError(
            f"{counted(len({one.passage_id for one in failed}), 'passage')} got no answer, retries included; the last: "
            f"{failed[-1].reason} ({failed[-1].outage}). What is done is kept; start the same command to go on"
        )
