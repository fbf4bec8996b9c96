"""Passages from a prompt alone: a language model names topics, then writes a passage on each."""

from __future__ import annotations

from collections.abc import Iterator

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.backends.protocol import Backend, Failure, Request
from qa_pipeline.generation.questions.llm.parsing import ParseError
from qa_pipeline.generation.questions.llm.prompts import prompt_of_kind
from qa_pipeline.generation.questions.llm.requests import NoAnswerError, Requests, no_answer_error, read_result
from qa_pipeline.generation.questions.llm.setup import passages_wanted
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.generation.types import Rejected
from qa_pipeline.text.languages import language_name
from qa_pipeline.text.words import count_words
from qa_pipeline.wording import counted

TOPICS_PER_REQUEST = 20
"""Always so many, so that more passages go on from fewer: the requests of a smaller number are asked again word for
word and come from the cache."""
WORDS = 150
"""Of a passage."""
_FEWEST_WORDS = 30
_MOST_FED_BACK = 100


def passages_from_prompt(
    settings: Settings, backend: Backend, specification: Specification, language: str
) -> tuple[list[Passage], list[str]]:
    """Passages that the model writes for a prompt alone, and notes on those that came to nothing.

    Raises:
        ConfigError: in a shard; every shard would write passages of its own.
        DataError: the model wrote none that can be used.
        BackendError: not all requests got an answer.
    """
    general = settings.generation
    if general.shard is not None:
        raise ConfigError(
            settings.source,
            "shard: passages written from a prompt alone cannot be made in shards or by several processes; give "
            "documents, or leave it out",
        )
    passages: list[Passage] = []
    refused: dict[str, int] = {}
    for one in invent_passages(
        backend, specification.wish, passages_wanted(settings), language=language,
        temperature=settings.backend.temperature, seed=general.seed,
    ):  # fmt: skip
        if isinstance(one, Rejected):
            refused[one.reason] = refused.get(one.reason, 0) + 1
        else:
            passages.append(one)
    notes = [
        f"{counted(count, 'passage')} of the model left out: {reason}" for reason, count in sorted(refused.items())
    ]
    if not passages:
        raise DataError(
            f"{backend.model} wrote no passage that can be used ({'; '.join(notes) or 'no topics'}); try another "
            "model, or give documents"
        )
    return passages, notes


def invent_passages(
    backend: Backend,
    task: str,
    number: int,
    *,
    language: str = "en",
    words: int = WORDS,
    temperature: float = 0.9,
    seed: int = 0,
) -> Iterator[Passage | Rejected]:
    """Writes passages for a task.

    Args:
        backend: what completes requests.
        task: what the questions are for, in the user's words.
        number: passages wanted; fewer come where the model runs out of topics or its answers cannot be read.
        language: code or English name.
        words: length of a passage.
        temperature, seed: of sampling.

    Yields:
        Passages in the order of their topics, each a document of its own; what was rejected, under the topic's number.

    Raises:
        BackendError: going on is pointless, or a passage is missing that the same request may give at another time:
            with other passages the next start would be another run.
    """
    asking = Requests(temperature, seed)
    topics, rejected = _topics(backend, asking, task, number, language_name(language))
    yield from rejected
    prompt = prompt_of_kind("passage")
    assert prompt.schema is not None
    requests = {
        f"topic-{i:04d}": _passage_request(asking, i, task, topic, language, words) for i, topic in enumerate(topics)
    }
    results = {result.key: result for result in backend.complete(requests.values())}
    failures = [result for result in results.values() if isinstance(result, Failure) and result.transient]
    if failures:
        raise no_answer_error(failures)
    for i, (name, request) in enumerate(requests.items()):
        try:
            items, _ = read_result(results[request.key], prompt.schema)
        except ParseError as error:
            yield Rejected(error.reason, name)
            continue
        text = items[0]["passage"]
        if count_words(text) < _FEWEST_WORDS:
            yield Rejected("passage_too_short", name)
            continue
        document = f"{name}: {topics[i]}"
        details = {
            "source": "invented",
            "topic": topics[i],
            "passage_model": backend.model,
            "passage_prompt": prompt.name,
            "passage_prompt_version": prompt.version,
        }
        yield Passage(passage_id(document, text), document, text, items[0]["title"] or topics[i], details)


def _topics(
    backend: Backend, asking: Requests, task: str, number: int, language: str
) -> tuple[list[str], list[Rejected]]:
    """Different topics; every request sees those before it. Ends when two requests in a row bring nothing new."""
    prompt = prompt_of_kind("topics")
    assert prompt.schema is not None
    topics: dict[str, str] = {}  # lower case -> as written
    rejected: list[Rejected] = []
    step = idle = 0
    while len(topics) < number and idle < 2:
        request = _topics_request(asking, step, task, language, list(topics.values()))
        before = len(topics)
        for result in backend.complete([request]):
            try:
                items, _ = read_result(result, prompt.schema)
            except NoAnswerError as error:
                raise no_answer_error([error.failure]) from None
            except ParseError as error:
                rejected.append(Rejected(error.reason, f"topics-{step}"))
                continue
            for item in items[: TOPICS_PER_REQUEST + 5]:
                topics.setdefault(" ".join(item["value"].lower().split()), " ".join(item["value"].split()))
        idle = 0 if len(topics) > before else idle + 1
        step += 1
    return list(topics.values())[:number], rejected


def _topics_request(asking: Requests, step: int, task: str, language: str, seen: list[str]) -> Request:
    prompt = prompt_of_kind("topics")
    values = {
        "task": task,
        "number": str(TOPICS_PER_REQUEST),
        "language": language,
        "asked": f"\nThese are there already; do not repeat them: {' | '.join(seen[-_MOST_FED_BACK:])}" if seen else "",
    }
    return asking.make(f"topics/{prompt.name}/{step}", prompt, values, TOPICS_PER_REQUEST // 4)


def _passage_request(asking: Requests, number: int, task: str, topic: str, language: str, words: int) -> Request:
    prompt = prompt_of_kind("passage")
    values = {"task": task, "topic": topic, "language": language_name(language), "words": str(words)}
    size = max(3, words // 40)  # a record of a request stands for 160 tokens
    return asking.make(f"topic-{number:04d}/{prompt.name}/0", prompt, values, size)


def placeholder_passages(number: int) -> list[Passage]:
    """Passages of the length that a model would write, for plans."""
    text = "sentence " * WORDS
    return [Passage(f"topic-{i:04d}", f"topic-{i:04d}", text, "a title of a few words") for i in range(number)]


def plan_requests(task: str, number: int, language: str = "en") -> Iterator[Request]:
    """What `invent_passages` asks for when every answer is as wanted."""
    asking, topic = Requests(), "one document in a few words"
    for step in range(-(-number // TOPICS_PER_REQUEST)):
        yield _topics_request(asking, step, task, language_name(language), [topic] * (step * TOPICS_PER_REQUEST))
    for i in range(number):
        yield _passage_request(asking, i, task, topic, language, WORDS)
