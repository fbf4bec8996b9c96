"""What is printed of answers: plain data in, text out. Asks nothing."""

from __future__ import annotations

import re
from typing import Any

from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.text.words import sentence_around
from qa_pipeline.wording import plain

BOLD, DIM, MARKED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;30;43m", "\x1b[0m"


def reply_text(reply: Reply, *, colour: bool, several: bool, all_count: bool = False) -> str:
    """The answers to one question, each with its confidence, where it is, and the sentence around it.

    Where no answer is likelier than the best of them, or that is not sure enough to be one, it is said first, and they
    are called guesses.

    Args:
        reply: what was found.
        colour: mark with colours, else with [[ ]].
        several: more than one document was asked, so that each answer says where it comes from.
        all_count: whoever asked has said himself from which confidence on an answer counts.
    """
    spans = reply.spans
    unlikely = reply.none_likelier or (bool(spans) and not reply.found and not all_count)
    blocks = [
        (f"{rank}. " if len(spans) > 1 else "") + _one(found, guess=unlikely, colour=colour, several=several)
        for rank, found in enumerate(spans, 1)
    ]
    if not unlikely:
        return "\n\n".join(blocks) or _style("no answer of enough confidence", BOLD, colour)
    line = f"{_style('no answer', BOLD, colour)} in {'these texts' if several else 'this text'}"
    # The threshold of a model may decide for silence where silence is not likely: its number would say the opposite.
    sure = reply.no_answer_confidence > 0.5
    line += f" ({reply.no_answer_confidence:.2f})" if sure else " is sure enough"
    if len(blocks) == 1:
        return f"{line}; best guess: {blocks[0]}"
    return "\n\n".join([f"{line}; best guesses:", *blocks]) if blocks else line


def _one(found: DocumentAnswer, *, guess: bool, colour: bool, several: bool) -> str:
    sure = f" ({found.confidence:.2f})" if guess else f"  (confidence {found.confidence:.2f})"
    line = _style(shown(found.text), BOLD, colour) + sure
    if several or found.page is not None:
        line += f"  {_style(reply_source(found), DIM, colour)}"
    if found.copies:
        line += _style(f" (the same in {', '.join(map(shown, found.copies))})", DIM, colour)
    return f"{line}\n    {marked_sentence(found, colour=colour)}"


def reply_source(found: DocumentAnswer) -> str:
    """The document's name, and the page and headings where they are known."""
    parts = [shown(found.document.source if found.document else "the context")]
    parts += [] if found.page is None else [f"page {found.page}"]
    parts += [" > ".join(map(shown, found.headings))] if found.headings else []
    return ", ".join(parts)


def marked_sentence(found: DocumentAnswer, *, colour: bool) -> str:
    """The sentence around an answer on one line, with the answer marked and dots where it was cut."""
    text, start, end = found.context, found.start or 0, found.end or 0
    low, high = found.sentence_place()
    opening, closing = (MARKED, PLAIN) if colour else ("[[", "]]")
    before = shown(text[low:start], strip="left")
    after = shown(text[end:high], strip="right")
    cut_low, cut_high = sentence_around(text, start, end)  # where it is cut at a heading or a row, nothing is missing
    begins = low > cut_low or _BEGINS.search(text[max(0, low - 20) : low]) or not text[:low].strip()
    is_over = high < cut_high or _IS_OVER.search(text[max(0, high - 3) : high]) or _STOPS.match(text[high : high + 20])
    dots_before, dots_after = "" if begins else "... ", "" if is_over else " ..."
    return f"{dots_before}{before}{opening}{shown(text[start:end])}{closing}{after}{dots_after}"


# Nothing was cut off where a sentence or a paragraph begins or ends.
_BEGINS = re.compile(r"""(?:[.!?…؟۔।。！？][)\]"'”’»」』）]*\s*|\n\s*\n\s*)$""")
_IS_OVER = re.compile(r"""[.!?…؟۔।。！？][)\]"'”’»」』）]*$""")
_STOPS = re.compile(r"\s*(?:\n\s*\n|$)")


# A rule between the head of a table and its rows, a bar between two cells, a bar at the edge of a cell.
_BARS = re.compile(r"(?<!\S)[|:-]*\|[|:-]*(?!\S)|(?<!\S)\|+|\|+(?!\S)")


def shown(text: str, strip: str = "both") -> str:
    """Text on one line, without control characters and the bars of tables: white space becomes one space."""
    text = plain(re.sub(r"\s", " ", text))
    text = re.sub(r"\s+", " ", _BARS.sub(" ", text) if "|" in text else text)
    return text.strip() if strip == "both" else text.lstrip() if strip == "left" else text.rstrip()


def _style(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{PLAIN}" if colour else text


def reply_dict(reply: Reply) -> dict[str, Any]:
    """The same for a program: positions are characters of the document's text, end exclusive; null for no answer.

    Where `found` is false, the answers are guesses.
    """
    answers = []
    for found in reply.answers:
        row: dict[str, Any] = {
            "text": found.text,
            "start": found.start,
            "end": found.end,
            "confidence": round(found.confidence, 6),
        }
        if found.document is not None:
            row["source"] = found.document.source
        if found.page is not None:
            row["page"] = found.page
        if found.headings:
            row["headings"] = list(found.headings)
        if found.copies:
            row["copies"] = list(found.copies)
        if found.sentence is not None:
            row["sentence"] = found.sentence
        answers.append(row)
    return {
        "question": reply.question,
        "found": reply.found,
        "no_answer_confidence": round(reply.no_answer_confidence, 6),
        "answers": answers,
    }
