"""Turns items whose answers are places in a page into raw rows: of Natural Questions and of TyDi QA's primary tasks.

Natural Questions count words, HTML tags among them: its simplified release (`document_text`), the original
(`document_tokens`) and the Hub's (`document.tokens`). TyDi QA counts bytes. Yes/no answers and long answers are not
spans of words to point at and do not count as answers.
"""

from __future__ import annotations

from typing import Any

from qa_pipeline.data.example import BadRow, RawRow, id_text


def is_natural_question(item: dict[str, Any]) -> bool:
    """True where an item has a page in one of the three layouts, and annotations or at least a question text."""
    document = item.get("document")
    on_hub = isinstance(document, dict) and isinstance(document.get("tokens"), dict)
    if not (on_hub or "document_text" in item or "document_tokens" in item):
        return False
    return "annotations" in item or "question_text" in item


def natural_question_row(item: dict[str, Any], where: str) -> RawRow | BadRow:
    """One raw row of Natural Questions with id, question, context, answers and title."""
    identifier = item.get("example_id", item.get("id"))
    try:
        words, is_tag = _words(item)
        answer_ranges = _short_answers(item.get("annotations"))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        return BadRow(where, "row is not in the Natural Questions layout", detail, id_text(identifier))
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


def is_tydi(item: dict[str, Any]) -> bool:
    """True where an item has a page's text and annotations with minimal answers."""
    annotations = item.get("annotations")
    if isinstance(annotations, list):
        annotations = annotations[0] if annotations else None
    named = isinstance(annotations, dict) and any(name.startswith("minimal_answer") for name in annotations)
    return named and isinstance(item.get("document_plaintext"), str)


def tydi_row(item: dict[str, Any], where: str) -> RawRow | BadRow:
    """One raw row of TyDi QA with id, question, context, answers and title.

    Annotators who gave no minimal answer count only where none gave one; yes and no are no part of the page.
    """
    identifier = item.get("example_id", item.get("id"))
    context: str = item["document_plaintext"]
    content = context.encode("utf-8", errors="surrogatepass")
    try:
        spans, verdicts = _minimal_answers(item["annotations"])
        answers = [_answer_at(content, start, end) for start, end in dict.fromkeys(spans) if 0 <= start < end]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        detail = f"{type(error).__name__}: {error}"
        return BadRow(where, "row is not in the TyDi QA layout", detail, id_text(identifier))
    row = {
        "id": id_text(identifier),
        "question": item.get("question_text"),
        "context": context,
        "title": item.get("document_title"),
    }
    if not answers and any(verdict in ("YES", "NO") for verdict in verdicts):
        return BadRow(where, "yes_or_no_answer", "the annotators answered yes or no", row["id"])
    return RawRow({**row, "answers": answers, "is_impossible": not answers}, where)


def _minimal_answers(annotations: Any) -> tuple[list[tuple[int, int]], list[str]]:
    """Byte spans, and yes-or-no verdicts, of all annotators, from the published layout or that of the Hub."""
    if isinstance(annotations, dict):  # the Hub: a dict of lists
        starts, ends = annotations["minimal_answers_start_byte"], annotations["minimal_answers_end_byte"]
        return list(zip(starts, ends, strict=True)), list(annotations.get("yes_no_answer", []))
    found = [annotation["minimal_answer"] for annotation in annotations]
    spans = [(answer["plaintext_start_byte"], answer["plaintext_end_byte"]) for answer in found]
    return spans, [annotation.get("yes_no_answer", "NONE") for annotation in annotations]


def _answer_at(content: bytes, start: int, end: int) -> dict[str, Any]:
    text = content[start:end].decode("utf-8", errors="surrogatepass")
    return {"text": text, "start": len(content[:start].decode("utf-8", errors="surrogatepass"))}
