"""A language model that is played: what it writes, and how well, is a hidden function of the prompt's features.

The function is `planted_faults`; each request shifts it by noise. All luck comes from the request, so that the same
request gets the same reply from every process. Replies hold the faults of models: quotes that are not verbatim or
stand there twice, answers to something else, questions in the sentence's own words or to be answered with yes or no,
JSON that cannot be read. It rewrites instructions too, for better and for worse. The server counts the tokens of all
that it was asked and said, and knows nothing of budgets.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qa_pipeline.generation.backends.budget import BudgetError, most_prompt_tokens
from qa_pipeline.generation.backends.cache import digest_of
from qa_pipeline.generation.backends.chat_api import ServerDialect
from qa_pipeline.generation.backends.protocol import Completion, Failure, Request, UsageTotals
from tests.generation.server import Action, Reply, ScriptedServer
from tests.optimisation.planted_faults import OBEYS, QUOTAS, REQUEST_SPREAD, Features, chance, features_of, schema_of
from tests.optimisation.planted_world import Fact, World, stable_random


class PlantedModel:
    """Writes replies to what `generate` and `optimize-prompt` ask; a script for `ScriptedServer`.

    Args:
        worlds: whose documents it may be asked about.
        spread: of the luck that one request has, in log odds.
    """

    def __init__(self, worlds: Sequence[World], spread: float = REQUEST_SPREAD):
        self._worlds, self._spread = worlds, spread

    def __call__(self, number: int, body: dict[str, Any]) -> Action:
        rng = stable_random(json.dumps([body["messages"], body.get("seed"), body.get("temperature")]))
        prompt = body["messages"][1 if len(body["messages"]) > 1 else 0]["content"]
        fields = json.dumps(schema_of(body))
        if not schema_of(body):
            return Reply(reflected(body, rng))
        if '"proposals"' in fields:
            return Reply(rewritten(body, rng))
        if prompt.startswith("Questions, with their answers:"):
            return Reply(self._rephrased(prompt, features_of(body), rng))
        passage = re.findall(r'"""\n(.*?)\n"""', prompt, re.S)[-1]
        world = next((world for world in self._worlds if world.facts_in(passage)), None)
        if world is None:
            return Reply("I know nothing of this.")
        features = features_of(body)
        writer = _Writer(world, passage, features, rng, rng.gauss(0.0, self._spread))
        repaired = len(body["messages"]) > 2 and body["messages"][-2]["role"] == "assistant"
        if not repaired and writer.has("unreadable"):
            return Reply("Certainly! Here are some questions about it.")
        if '"number"' in fields:
            return Reply(json.dumps({"questions": writer.questions_for(prompt)}))
        wanted = int((re.search(r"(?:Write|Choose) (\d+) ", prompt) or ["", "5"])[1])
        if '"answers"' in fields:
            return Reply(json.dumps({"answers": writer.answers(wanted)}))
        return Reply(json.dumps({"questions": writer.pairs(wanted)}))

    def _rephrased(self, prompt: str, features: Features, rng: random.Random) -> str:
        """Questions in other words; now and then another question, the more so the warmer it is."""
        drift = 0.03 + 0.12 * max(0.0, features.temperature - 0.5)
        records = []
        for number, question, _ in re.findall(r"^(\d+)\. (.*) \(answer: (.*)\)$", prompt, re.M):
            world = next((world for world in self._worlds if world.fact_of(question)), None)
            fact = world.fact_of(question) if world else None
            if world is not None and fact is not None and not world.is_yes_no(question) and rng.random() < 0.9:
                others = [one for one in world.facts_in(fact.sentence) if one.kind != fact.kind]
                question = rng.choice(others).own if rng.random() < drift else fact.own
            records.append({"number": int(number), "question": question})
        return json.dumps({"questions": records})


class _Writer:
    """Writes about one passage."""

    def __init__(self, world: World, passage: str, features: Features, rng: random.Random, luck: float):
        self._world, self._features, self._rng, self._luck = world, features, rng, luck
        self._facts = world.facts_in(passage)

    def has(self, fault: str) -> bool:
        """Throws the dice for a fault."""
        return self._rng.random() < chance(fault, self._features, self._world.domain.name, self._luck)

    def pairs(self, wanted: int) -> list[dict[str, str]]:
        """Questions with evidence and answers."""
        records = []
        for fact in self._chosen(wanted):
            record = self._quoted(self._meant(fact))
            if self.has("yes_no"):
                records.append({"question": fact.yes_no, "evidence": fact.sentence, "answer": fact.careless})
            else:
                records.append({"question": self._question(fact), **record})
        return records

    def answers(self, wanted: int) -> list[dict[str, str]]:
        """Answers with evidence, before there are questions."""
        return [{**self._quoted(fact), "type": fact.kind} for fact in self._chosen(wanted)]

    def questions_for(self, prompt: str) -> list[dict[str, Any]]:
        """Questions to answers that were chosen before."""
        records: list[dict[str, Any]] = []
        for number, answer, evidence in re.findall(r'^(\d+)\. "(.*)" \(in: (.*)\)$', prompt, re.M):
            near = self._world.facts_in(evidence) or self._facts
            fits = [fact for fact in near if answer in fact.answers.values()] or near
            fact = self._meant(self._rng.choice(fits))
            question = fact.yes_no if self.has("yes_no") else self._question(fact)
            records.append({"number": int(number), "question": question})
        return records

    def _chosen(self, wanted: int) -> list[Fact]:
        """Different facts, of the kinds that the quota asks for."""
        weights = QUOTAS[self._features.quota]
        left = list(self._facts)
        chosen = []
        while left and len(chosen) < wanted:
            chosen.append(self._rng.choices(left, [weights[fact.kind] for fact in left])[0])
            left.remove(chosen[-1])
        return chosen

    def _meant(self, fact: Fact) -> Fact:
        """The fact, or where the model slips another one of its sentence."""
        if not self.has("wrong"):
            return fact
        return self._rng.choice([one for one in self._world.facts_in(fact.sentence) if one.kind != fact.kind])

    def _quoted(self, fact: Fact) -> dict[str, str]:
        """Evidence and answer, as a model copies them."""
        span = self._features.span if self._rng.random() < OBEYS else self._rng.choice(("shortest", "phrase", "clause"))
        record = {"evidence": fact.sentence, "answer": fact.answers[span]}
        held = self._features.evidence == "sentence"  # the schema lets nothing else through
        if self.has("not_verbatim"):
            if not held and self._rng.random() < 0.5:
                record["evidence"] = " ".join(fact.sentence.replace(" because", ", since").split())
            else:
                record["answer"] = f"about {record['answer']}"
        elif self.has("ambiguous") and not held:
            record = {"evidence": "", "answer": fact.careless}
        return record

    def _question(self, fact: Fact) -> str:
        """In the sentence's words, or in others."""
        return fact.copied if self.has("copied") else fact.own


GOOD_LINES = {
    "check": "- Check each quote character by character before you write it.",
    "once": "- Take an answer that stands there only once.",
    "own_words": "- Ask in words of your own.",
    "open": "- Ask what cannot be answered with yes.",
    "match": "- The answer answers exactly what the question asks.",
}
BAD_LINES = {
    "creative": "- Be creative and surprising.",
    "hurry": "- Write quickly, do not think long.",
    "summary": "- Sum up what the passage says in the answer.",
}


def rewritten(body: Mapping[str, Any], rng: random.Random) -> str:
    """The proposals that a request for rewrites wants."""
    prompt = body["messages"][-1]["content"]
    now = (re.search(r'"""\n(.*?)\n"""', prompt, re.S) or ["", prompt])[1]
    number = int((re.search(r"Write (\d+) ", prompt) or ["", "3"])[1])
    proposals = [_other(now, prompt, rng) for _ in range(number)]
    return json.dumps({"proposals": [{"why": why, "instructions": text} for why, text in proposals]})


def reflected(body: Mapping[str, Any], rng: random.Random) -> str:
    """What GEPA wants: new instructions between fences, for those that stand between the first ones."""
    prompt = body["messages"][-1]["content"]
    now = (re.search(r"```\n(.*?)\n```", prompt, re.S) or ["", prompt])[1]
    why, text = _other(now, prompt, rng)
    return f"The new instructions have {why}.\n```\n{text}\n```"


def _other(now: str, prompt: str, rng: random.Random) -> tuple[str, str]:
    """Why, and other instructions: some better, some worse, some that lose a slot or grow too long.

    A model sees what was refused: where quotes were not verbatim it more often thinks of a rule against that.
    """
    likely = ["check", "check"] if "does not stand in" in prompt else []
    dice = rng.random()
    if dice < 0.55:
        habit = rng.choice([*GOOD_LINES, *likely])
        return f"a rule on {habit}", f"{now}\n{GOOD_LINES[habit]}"
    if dice < 0.8:
        habit = rng.choice(list(BAD_LINES))
        return f"more {habit}", f"{now}\n{BAD_LINES[habit]}"
    if dice < 0.9:
        return "plainer words", re.sub(r"\$\w+", "some", now)
    return "all of it three times", "\n".join([now] * 3)


def tokens_of(text: str) -> int:
    """About as many as a tokenizer of English makes: 4.2 bytes each."""
    return max(1, round(len(text.encode()) / 4.2))


class PlantedServer(ScriptedServer):
    """The played model behind an OpenAI-compatible address; counts what it is asked and says.

    Args:
        worlds: whose documents it may be asked about.

    Example:
        >>> from tests.optimisation.planted_domains import DOMAINS
        >>> with PlantedServer([World(DOMAINS[0], documents=2, seed=0)]) as server:
        ...     server.url.startswith("http://127.0.0.1:"), server.tokens
        (True, 0)
    """

    def __init__(self, worlds: Sequence[World]):
        super().__init__(PlantedModel(worlds), tokens_of)


class PlantedBackend:
    """The played model without a network, for what would take minutes with one. Keeps and counts as a backend does.

    Args:
        worlds: whose documents it may be asked about.
        max_tokens: no request is answered that could go beyond; None: no limit.
    """

    model = "planted"

    def __init__(self, worlds: Sequence[World], max_tokens: int | None = None):
        self._script, self._max_tokens = PlantedModel(worlds), max_tokens
        self._dialect = ServerDialect(self.model)
        self._kept: dict[str, Completion] = {}
        self.log: list[dict[str, Any]] = []
        self.usage = UsageTotals()

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        """One completion for each request, in their order.

        Raises:
            BudgetError: max_tokens does not hold the next one at its most.
        """
        for request in requests:
            digest = digest_of(self.model, request)
            if digest in self._kept:
                self.usage.cached += 1
                yield replace(self._kept[digest], cached=True)
                continue
            most = most_prompt_tokens(request) + request.max_tokens
            used = self.usage.prompt_tokens + self.usage.completion_tokens
            if self._max_tokens is not None and used + most > self._max_tokens:
                raise BudgetError(f"max_tokens={self._max_tokens} is used up")
            body = self._dialect.body(request)
            reply = self._script(len(self.log), body)
            assert isinstance(reply, Reply)
            self.log.append(body)
            prompt = sum(tokens_of(message.content) + 4 for message in request.messages)
            done = Completion(request.key, reply.text, reply.finish_reason, prompt, tokens_of(reply.text), cached=False)
            self._kept[digest] = done
            self.usage.requests += 1
            self.usage.prompt_tokens += done.prompt_tokens
            self.usage.completion_tokens += done.completion_tokens
            yield done
