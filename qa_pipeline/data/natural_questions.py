"""Turns one item of Natural Questions into a raw row: the page's words without HTML tags, and the short answers in it.

Reads the simplified release (`document_text`), the original (`document_tokens`) and the Hub's (`document.tokens`).
Yes/no answers and long answers are not spans of words to point at and do not count as answers.
"""

from __future__ import annotations

from typing import Any

from qa_pipeline.data.loose import BadRow, RawRow


def is_natural_question(item: dict[str, Any]) -> bool:
    """True where an item has a page in one of the three layouts, and annotations or at least a question text."""
    document = item.get("document")
    on_hub = isinstance(document, dict) and isinstance(document.get("tokens"), dict)
    if not (on_hub or "document_text" in item or "document_tokens" in item):
        return False
    return "annotations" in item or "question_text" in item


def natural_question_row(item: dict[str, Any], where: str) -> RawRow | BadRow:
    """One raw row with id, question, context, answers and title."""
    identifier = item.get("example_id", item.get("id"))
    try:
        words, is_tag = _words(item)
        answer_ranges = _short_answers(item.get("annotations"))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        return BadRow(
            where,
            "row is not in the Natural Questions layout",
            f"{type(error).__name__}: {error}",
            str(identifier) if identifier is not None else None,
        )
    question = item.get("question_text", item.get("question"))
    if isinstance(question, dict):
        question = question.get("text")
    pieces: list[str] = []
    begins = [0] * (len(words) + 1)
    length = 0
    for index, (word, tag) in enumerate(zip(words, is_tag, strict=True)):
        begins[index] = length
        if not tag:
            pieces.append(word)
            length += len(word) + 1
    begins[len(words)] = length
    context = " ".join(pieces)
    row: dict[str, Any] = {"id": identifier, "question": question, "context": context}
    document = item.get("document")
    title = item.get("document_title", document.get("title") if isinstance(document, dict) else None)
    if title is not None:
        row["title"] = title
    if answer_ranges is None:
        return RawRow(row, where)
    answers = []
    for first, last in answer_ranges:
        if 0 <= first < last <= len(words) and begins[first] < begins[last]:
            start, end = begins[first], begins[last] - 1
            answers.append({"text": context[start:end], "start": start, "end": end})
        else:
            answers.append({"text": None, "start": None, "end": None})
    return RawRow({**row, "answers": answers, "is_impossible": not answers}, where)


def _words(item: dict[str, Any]) -> tuple[list[str], list[bool]]:
    """The page's tokens and which of them are HTML tags."""
    if "document_text" in item:
        words = item["document_text"].split(" ")
        return words, [word.startswith("<") and word.endswith(">") and len(word) > 2 for word in words]
    if "document_tokens" in item:
        tokens = item["document_tokens"]
        return [str(t["token"]) for t in tokens], [bool(t.get("html_token")) for t in tokens]
    columns = item["document"]["tokens"]
    words = [str(word) for word in columns["token"]]
    is_tag = [bool(tag) for tag in columns["is_html"]]
    if len(words) != len(is_tag):
        raise ValueError("document.tokens.token and document.tokens.is_html differ in length")
    return words, is_tag


def _short_answers(annotations: Any) -> list[tuple[int, int]] | None:
    """Token ranges, end exclusive, of all annotators' short answers; None where nothing was annotated."""
    if not annotations:
        return None
    groups = (
        annotations["short_answers"] if isinstance(annotations, dict) else [a["short_answers"] for a in annotations]
    )
    ranges: list[tuple[int, int]] = []
    for group in groups:
        if isinstance(group, dict):
            pairs = list(zip(group["start_token"], group["end_token"], strict=True))
        else:
            pairs = [(answer["start_token"], answer["end_token"]) for answer in group]
        if not all(type(token) is int for pair in pairs for token in pair):
            raise ValueError(f"expected numbers of tokens, found {str(pairs)[:60]}")
        ranges += [pair for pair in pairs if pair not in ranges]
    return ranges
