"""Turns one item of TyDi QA's primary tasks into a raw row: byte offsets into the page's text become answers."""

from __future__ import annotations

from typing import Any

from qa_pipeline.data.loose import BadRow, RawRow


def is_tydi(item: dict[str, Any]) -> bool:
    """True where an item has a page's text and annotations with minimal answers."""
    annotations = item.get("annotations")
    if isinstance(annotations, list):
        annotations = annotations[0] if annotations else None
    named = isinstance(annotations, dict) and any(name.startswith("minimal_answer") for name in annotations)
    return named and isinstance(item.get("document_plaintext"), str)


def tydi_row(item: dict[str, Any], where: str) -> RawRow | BadRow:
    """One raw row with id, question, context, answers and title.

    Annotators who gave no minimal answer count only where none gave one; yes and no are no part of the page.
    """
    identifier = item.get("example_id", item.get("id"))
    context: str = item["document_plaintext"]
    content = context.encode("utf-8", errors="surrogatepass")
    try:
        spans, verdicts = _minimal_answers(item["annotations"])
        answers = [_answer(content, start, end) for start, end in dict.fromkeys(spans) if 0 <= start < end]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        detail = f"{type(error).__name__}: {error}"
        return BadRow(
            where, "row is not in the TyDi QA layout", detail, None if identifier is None else str(identifier)
        )
    row = {
        "id": str(identifier) if identifier is not None else None,
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


def _answer(content: bytes, start: int, end: int) -> dict[str, Any]:
    text = content[start:end].decode("utf-8", errors="surrogatepass")
    return {"text": text, "start": len(content[:start].decode("utf-8", errors="surrogatepass"))}
