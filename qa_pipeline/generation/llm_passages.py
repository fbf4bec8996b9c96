"""Passages from a prompt alone: a language model names topics, then writes a passage on each."""

from __future__ import annotations

from collections.abc import Iterator

from qa_pipeline.generation.llm import LLMGenerator, read_result
from qa_pipeline.generation.llm_parsing import ParseError
from qa_pipeline.generation.prompts import language_name, prompt_of_kind
from qa_pipeline.generation.types import Backend, Passage, Rejected, Request, passage_id

TOPICS_PER_REQUEST = 20
_FEWEST_WORDS = 30
_MOST_FED_BACK = 100


def invent_passages(
    backend: Backend,
    task: str,
    number: int,
    *,
    language: str = "en",
    words: int = 150,
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
        BackendError: going on is pointless.
    """
    asking = LLMGenerator(backend, temperature=temperature, seed=seed)
    topics, rejected = _topics(backend, asking, task, number, language_name(language))
    yield from rejected
    prompt = prompt_of_kind("passage")
    assert prompt.schema is not None
    requests = {}
    for i, topic in enumerate(topics):
        values = {"task": task, "topic": topic, "language": language_name(language), "words": str(words)}
        size = max(3, words // 40)  # a record of a request stands for 160 tokens
        requests[f"topic-{i:04d}"] = asking.request(f"topic-{i:04d}/{prompt.name}/0", prompt, values, size)
    results = {result.key: result for result in backend.complete(requests.values())}
    for i, (name, request) in enumerate(requests.items()):
        try:
            items, _ = read_result(results[request.key], prompt.schema)
        except ParseError as error:
            yield Rejected(error.reason, name)
            continue
        text = items[0]["passage"]
        if len(text.split()) < _FEWEST_WORDS:
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
    backend: Backend, asking: LLMGenerator, task: str, number: int, language: str
) -> tuple[list[str], list[Rejected]]:
    """Different topics; every request sees those before it. Ends when two requests in a row bring nothing new."""
    prompt = prompt_of_kind("topics")
    assert prompt.schema is not None
    topics: dict[str, str] = {}  # lower case -> as written
    rejected: list[Rejected] = []
    step = idle = 0
    while len(topics) < number and idle < 2:
        wanted = min(TOPICS_PER_REQUEST, number - len(topics))
        seen = " | ".join(list(topics.values())[-_MOST_FED_BACK:])
        values = {
            "task": task,
            "number": str(wanted),
            "language": language,
            "asked": f" Others than these: {seen}" if seen else "",
        }
        request: Request = asking.request(f"topics/{prompt.name}/{step}", prompt, values, max(2, wanted // 4))
        before = len(topics)
        for result in backend.complete([request]):
            try:
                items, _ = read_result(result, prompt.schema)
            except ParseError as error:
                rejected.append(Rejected(error.reason, f"topics-{step}"))
                continue
            for item in items[: wanted + 5]:
                topics.setdefault(" ".join(item["value"].lower().split()), " ".join(item["value"].split()))
        idle = 0 if len(topics) > before else idle + 1
        step += 1
    return list(topics.values())[:number], rejected
