"""Turns items whose answers are a set of spans, all of them required, into raw rows: of MultiSpanQA and of BioASQ.

MultiSpanQA has question and context as lists of tokens, and a tag (B, I or O) for each token of the context. BioASQ has
a question, the items of its answer with their synonyms, and snippets of papers: each snippet is a row. Its offsets
count in the papers, so that the words are looked for in the snippet instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qa_pipeline.data.example import ALL_ANSWERS, BadRow, RawRow, id_text

_REQUIRED = {ALL_ANSWERS: True}
_LONGEST_TOKENS = 10
"""Most characters of a token, on average: texts that are written without spaces may stand in lists as well."""


def is_tagged(item: dict[str, Any]) -> bool:
    """True where question and context are lists of tokens; the tags are missing from a test set."""
    if not (_is_token_list(item.get("question")) and _is_token_list(item.get("context"))):
        return False
    tokens = _flat(item["context"])
    return len(tokens) > 1 and sum(map(len, tokens)) <= _LONGEST_TOKENS * len(tokens)


def tagged_row(item: dict[str, Any], where: str) -> RawRow | BadRow:
    """One raw row, the tokens joined by spaces as the data set's own scripts join them."""
    identifier = id_text(item.get("id"))
    tokens, tags = _flat(item["context"]), item.get("label", item.get("labels"))
    row = {**item, "question": " ".join(_flat(item["question"])), "context": " ".join(tokens)}
    for name in ("label", "labels"):
        row.pop(name, None)
    if tags is None:
        return RawRow(row, where)
    tags = _flat(tags) if isinstance(tags, list) else []
    if len(tags) != len(tokens):
        return BadRow(where, "tokens and tags differ in number", f"{len(tokens)} tokens, {len(tags)} tags", identifier)
    unknown = next((tag for tag in tags if tag[:1] not in ("B", "I", "O")), None)
    if unknown is not None:
        return BadRow(where, "a tag is none of B, I and O", f"found {unknown!r}", identifier)
    begins = [0]
    for token in tokens:
        begins.append(begins[-1] + len(token) + 1)
    context, answers = row["context"], []
    for first, last in _tagged_runs(tags):
        start, end = begins[first], begins[last] + len(tokens[last])
        answers.append({"text": context[start:end], "start": start, "end": end})
    own = item.get("metadata")
    row |= {
        "answers": answers,
        "metadata": {**(own if isinstance(own, dict) else {}), **(_REQUIRED if answers else {})},
    }
    return RawRow(row, where)


def _tagged_runs(tags: list[str]) -> Iterator[tuple[int, int]]:
    """First and last token of each answer: a B begins one, and so does an I after an O."""
    first = None
    for number, tag in enumerate([*tags, "O"]):
        if first is not None and tag[:1] != "I":
            yield first, number - 1
            first = None
        if tag[:1] == "B" or (tag[:1] == "I" and first is None):
            first = number


def _is_token_list(value: Any) -> bool:
    """A list of words, or a list of such lists, one for each sentence."""
    if not isinstance(value, list) or not value:
        return False
    flat = [token for part in value for token in (part if isinstance(part, list) else [part])]
    return bool(flat) and all(isinstance(token, str) and token and " " not in token for token in flat)


def _flat(value: list[Any]) -> list[str]:
    return [str(token) for part in value for token in (part if isinstance(part, list) else [part])]


def is_bioasq(item: dict[str, Any]) -> bool:
    """True for a question of BioASQ's task B: its body beside snippets."""
    snippets = item.get("snippets")
    return isinstance(item.get("body"), str) and isinstance(snippets, list) and all(map(_is_snippet, snippets))


def bioasq_rows(item: dict[str, Any], where: str) -> Iterator[RawRow | BadRow]:
    """A row for each snippet: every item of a list question that the snippet names, one wording of another one."""
    identifier, kind, given = id_text(item.get("id")), item.get("type"), item.get("exact_answer")
    if kind in ("yesno", "summary"):
        reason = "yes_or_no_answer" if kind == "yesno" else "the answer is a summary, no part of the text"
        yield BadRow(where, reason, f"a question of the type {kind}", identifier)
        return
    if not item["snippets"]:
        yield BadRow(where, "question without a snippet", "BioASQ's contexts are its snippets", identifier)
    for number, snippet in enumerate(item["snippets"]):
        row: dict[str, Any] = {"question": item["body"], "context": snippet["text"]}
        if identifier is not None:
            row["id"] = identifier if len(item["snippets"]) == 1 else f"{identifier}_{number + 1:03d}"
        if given is not None:
            found = _named_in(snippet["text"], _items(given, kind == "list"))
            row |= {"answers": [{"text": text} for text in found], "is_impossible": False}
            row["metadata"] = _REQUIRED if kind == "list" else {}
        yield RawRow(row, f"{where}.snippets[{number}]")


def _is_snippet(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str)


def _items(given: Any, is_list: bool) -> list[list[str]]:
    """The items of an answer, each with its synonyms; where none is a list, they are items or all synonyms of one."""
    values = given if isinstance(given, list) else [given]
    if any(isinstance(value, list) for value in values):
        groups = [value if isinstance(value, list) else [value] for value in values]
    else:
        groups = [[value] for value in values] if is_list else [values]
    return [texts for group in groups if (texts := [text for text in group if isinstance(text, str) and text.strip()])]


def _named_in(snippet: str, items: list[list[str]]) -> list[str]:
    """Of each item the first synonym that the snippet has; without any, one that verification will not find."""
    found = []
    for synonyms in items:
        named = (text for text in synonyms if re.search(rf"(?<!\w){re.escape(text.strip())}(?!\w)", snippet, re.I))
        if (text := next(named, None)) is not None:
            found.append(text)
    return found or [synonyms[0] for synonyms in items[:1]]
