"""Turns what was found into HTML: the answer, how sure it is, where it stands, marked in its text. Never asks a model.

All HTML of the page that has words of a document, a question, a file or a model in it is made here, and escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from qa_pipeline.documents.reading import KINDS, Document
from qa_pipeline.predictor.documents import DocumentAnswer
from qa_pipeline.serve.asking import Finding
from qa_pipeline.wording import counted, plain

AROUND = 1_500
"""Characters of the text that are shown on each side of an answer, at the most."""

MOST_NAMES = 200
"""Documents of a folder that are listed by name."""

_WORDS = ((0.9, "Very sure"), (0.7, "Fairly sure"), (0.4, "Unsure"), (0.05, "Very unsure"))
_GUESS = "Hardly more than a guess"


def shown(text: str) -> str:
    """Text as HTML that means the text itself, in a page and in the quotes of an attribute.

    Characters of control and those that turn words around are shown as a replacement sign, one for one.

    >>> shown("<b onclick='x'>5 & 6</b>")
    '&lt;b onclick=&#x27;x&#x27;&gt;5 &amp; 6&lt;/b&gt;'
    """
    return escape(plain(text.replace("\r\n", "\n").replace("\r", "\n")))


def sureness(confidence: float) -> str:
    """A confidence (0 to 1) in words.

    >>> sureness(0.93), sureness(0.01)
    ('Very sure', 'Hardly more than a guess')
    """
    return next((words for least, words in _WORDS if confidence >= least), _GUESS)


def percent(confidence: float) -> str:
    """A confidence (0 to 1) in percent; what is not quite all or nothing is not rounded to it.

    >>> percent(0.914), percent(0.9996), percent(0.002)
    ('91%', 'over 99%', 'under 1%')
    """
    if 0.995 <= confidence < 1:
        return "over 99%"
    if 0 < confidence < 0.005:
        return "under 1%"
    return f"{100 * confidence:.0f}%"


def findings_html(findings: Sequence[Finding], roles: Sequence[str] = (), expected: str | None = None) -> str:
    """What the models found, side by side.

    Args:
        findings: one of each model.
        roles: what each model is beside the others ("Model", "Base model"); none where there is one model.
        expected: what the labels of the data say; "" that there is no answer, None where there are none.
    """
    cards = "".join(
        _card(finding, number, role, expected)
        for number, (finding, role) in enumerate(zip(findings, roles or [""] * len(findings), strict=True))
    )
    return f'<div class="findings" data-said="{shown(_said(findings[0]))}">{cards}</div>'


def problem_html(words: str) -> str:
    """Why there is no answer, in words."""
    return f'<div class="problem" role="alert" data-said=""><p dir="auto">{shown(words)}</p></div>'


def head_html(model: str, base: str | None, facts: str) -> str:
    """What stands above everything: which models are asked, and facts on the first."""
    beside = f'Beside it: <bdi class="name">{shown(base)}</bdi>. ' if base is not None else ""
    return (
        f'<header class="head"><h1>Ask <bdi class="name">{shown(model)}</bdi></h1><p>{shown(facts)}. {beside}'
        "An answer is always words of the text: the model points at them, and makes none up.</p></header>"
    )


def documents_html(documents: Sequence[Document]) -> str:
    """How many documents there are and how long they are, and their names where they are asked for."""
    size = sum(len(document.text) for document in documents)
    names = "".join(f"<li><bdi>{shown(document.source)}</bdi></li>" for document in documents[:MOST_NAMES])
    more = len(documents) - MOST_NAMES
    names += f"<li>and {counted(more, 'other')}</li>" if more > 0 else ""
    return (
        f'<details class="documents"><summary>{counted(len(documents), "document")}, {size:,} characters</summary>'
        f"<ul>{names}</ul></details>"
    )


def limits_html(files: int, megabytes: int) -> str:
    """Which files are read, and how many."""
    return f'<p class="limits">{KINDS}, up to {files} files of {megabytes} MB each.</p>'


HINT = '<p class="hint" data-said="">The answer will appear here, marked in the text that it is from.</p>'


def _said(finding: Finding) -> str:
    """What a screen reader says when the answer is there."""
    if not finding.found:
        return "Not found."
    return f"Answer: {finding.answers[0].text}. {sureness(finding.answers[0].confidence)}."


def _card(finding: Finding, number: int, role: str, expected: str | None) -> str:
    title = f"{role}: {finding.model}" if role else "Answer"
    parts = [f'<h2 class="{"model" if role else "unseen"}" dir="auto">{shown(title)}</h2>']
    if finding.untrained:
        parts.append('<p class="note">Its question-answering head was never trained: what it answers is noise.</p>')
    parts.append(_answer(finding.answers[0]) if finding.found else _not_found(finding))
    if expected is not None:
        words = f'The data says: <q dir="auto">{shown(expected)}</q>' if expected else "The data says: not in the text."
        parts.append(f'<p class="expected">{words}</p>')
    parts += [
        _passage(answer, place, hidden=bool(place) or not finding.found) for place, answer in enumerate(finding.answers)
    ]
    parts.append(_choices(finding, number))
    parts.append(f'<p class="seconds">{_seconds(finding.seconds)}</p>')
    return f'<article class="card m{number}" aria-label="{shown(title)}">{"".join(parts)}</article>'


def _seconds(seconds: float) -> str:
    return f"Took {seconds:.1f} s" if seconds >= 0.1 else "Took less than 0.1 s"


def _answer(answer: DocumentAnswer) -> str:
    return (
        f'<p class="answer" dir="auto"><mark>{shown(answer.text)}</mark></p>'
        f'<p class="sure">{_bar(answer.confidence)}'
        f"<span>{sureness(answer.confidence)} ({percent(answer.confidence)})</span></p>"
    )


def _bar(confidence: float) -> str:
    return f'<span class="bar" aria-hidden="true"><i style="width:{100 * confidence:.0f}%"></i></span>'


def _not_found(finding: Finding) -> str:
    """That there is no answer. Where the threshold says so, the likelihood may say the opposite, and is left out."""
    none = finding.reply.no_answer_confidence
    why = "No answer is sure enough to be given."
    if none > 0.5:
        why = f"{sureness(none)} ({percent(none)}) that the answer is not in the text."
    return f'<p class="answer none">Not found</p><p class="sure"><span>{why}</span></p>'


def _place(answer: DocumentAnswer) -> str:
    """The document, its page and the headings that the answer stands under, as HTML; "" for a text without a name."""
    name = f'<bdi class="file">{shown(answer.document.source)}</bdi>' if answer.document else ""
    page = f'<span class="page">page {answer.page}</span>' if answer.page is not None else ""
    headings = f'<bdi class="headings">{shown(" > ".join(answer.headings))}</bdi>' if answer.headings else ""
    return ", ".join(filter(None, (name, page, headings)))


def _passage(answer: DocumentAnswer, place: int, *, hidden: bool) -> str:
    """The text around one answer, in a box of its own that a keyboard can scroll."""
    text, start, end = answer.context, answer.start or 0, answer.end or 0
    low, high = passage_around(text, start, end)
    around = flowing(text[low:high])
    words = around[start - low : end - low]
    before = ('<span class="gap">… </span>' if low else "") + shown(around[: start - low])
    after = shown(around[end - low :]) + ('<span class="gap"> …</span>' if high < len(text) else "")
    where = _place(answer)
    caption = f'<figcaption dir="auto">{where}</figcaption>' if where else ""
    return (
        f'<figure class="passage" data-place="{place}"{" hidden" if hidden else ""}>{caption}'
        f'<div class="text" tabindex="0" role="region" aria-label="The answer in its text" dir="auto">'
        f"{before}<mark>{shown(words)}</mark>{after}</div></figure>"
    )


def passage_around(text: str, start: int, end: int, around: int = AROUND) -> tuple[int, int]:
    """The characters of the text that are shown with an answer: all, or some on each side, cut at white space.

    >>> text = "one two three four five"
    >>> text[slice(*passage_around(text, 8, 13, around=5))]
    'two three four'
    """
    low, high = max(0, start - around), min(len(text), end + around)
    if low:
        spaces = [place for place in range(low, start) if text[place].isspace()]
        low = spaces[0] + 1 if spaces else low
    if high < len(text):
        spaces = [place for place in range(high - 1, end - 1, -1) if text[place].isspace()]
        high = spaces[0] if spaces else high
    return low, high


# A line that a program broke for its own width goes on in the next; a heading, a row or an item is short, or stands
# before something else than a word. Chinese and Japanese put no space there.
_BROKEN_LINE = re.compile(r"(?<=[^\n]{50})\r?\n(?=[^\W\u2e80-\U0010ffff])")


def flowing(text: str) -> str:
    """The text, of the same length, with spaces for breaks inside a paragraph, so that it fits a page of any width."""
    return _BROKEN_LINE.sub(lambda found: " " * len(found[0]), text)


def _choices(finding: Finding, number: int) -> str:
    """Buttons that show each answer in its text; the first of an answer that was found is pressed."""
    answers = finding.answers
    if not answers or (finding.found and len(answers) == 1):
        return ""
    title = "Candidates" if finding.found else "Best guesses"
    items = "".join(_choice(answer, place, pressed=finding.found and not place) for place, answer in enumerate(answers))
    return f'<h3 id="choices-{number}">{title}</h3><ol class="choices" aria-labelledby="choices-{number}">{items}</ol>'


def _choice(answer: DocumentAnswer, place: int, *, pressed: bool) -> str:
    where = _place(answer)
    return (
        f'<li><button type="button" data-show="{place}" aria-pressed="{"true" if pressed else "false"}">'
        f'<span class="words" dir="auto">{shown(_in_one_line(answer.text))}</span>'
        f'<span class="about">{percent(answer.confidence)}{f" · {where}" if where else ""}</span></button></li>'
    )


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
