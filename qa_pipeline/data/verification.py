"""Turns one loose row into one canonical example, or says why not. Sees a row at a time, never a file.

What is remembered between rows is what uniqueness needs: ids, contexts (one string object for each) and which question
was asked of which context before. A question that is asked again of the same context is no new example: its answers
become further references of the first one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from qa_pipeline.data import alignment
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.conventions import Conventions, Merge, keep_answers
from qa_pipeline.data.example import BadRow, Example, LooseAnswer, LooseExample, needs_all
from qa_pipeline.data.marks import Mark, is_missing, mark_of
from qa_pipeline.data.report import MEANINGS, DataReport
from qa_pipeline.errors import DataError
from qa_pipeline.text.edges import is_whole
from qa_pipeline.text.folding import fold_case, whole_characters
from qa_pipeline.wording import short

REPAIR, DROP, ERROR = "repair", "drop", "error"
POLICIES = (REPAIR, DROP, ERROR)
YES_OR_NO = "yes_or_no_answer"
NEEDS_REPAIR = "needs_repair"

_HTML = re.compile(
    r"</?(?:a|abbr|b|blockquote|body|br|center|code|div|em|font|form|h[1-6]|head|hr|html|i|iframe|img|input|li|link|meta"
    r"|ol|p|pre|script|small|span|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|u|ul)(?:\s[^<>]*)?/?>"
    r"|<!--|&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9a-f]{1,5});",
    re.IGNORECASE,
)


_HALVES = "the text holds lone surrogates, which are not characters"


class _Unusable(Exception):
    """A row that cannot be kept."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Lost(NamedTuple):
    """Why an answer is not used.

    Attributes:
        reason: as the report counts it.
        detail: what was expected, what was found and how to mend it.
    """

    reason: str
    detail: str


class Verifier:
    """Verifies rows one by one, mending what `policy` allows, and counts everything in `report`.

    Args:
        report: where facts are counted.
        policy: `REPAIR` mends, `DROP` drops what would need mending, `ERROR` raises DataError at the first fault.
        require_answers: False keeps rows without usable answers, as unlabelled.
        conventions: of the source: how its offsets count, which words mean "no answer", which rows are one question.
    """

    def __init__(
        self,
        report: DataReport,
        policy: str = REPAIR,
        require_answers: bool = True,
        conventions: Conventions | None = None,
    ):
        self.report = report
        self.policy = policy
        self.require_answers = require_answers
        self.conventions = conventions or Conventions()
        self.marks_impossible = False  # whether any row says outright that it has no answer
        self._ids: set[str] = set()
        self._endings: dict[str, int] = {}
        self._rows: set[int] = set()
        self._asked: dict[tuple[str, str], Example] = {}
        self._contexts: dict[str, str] = {}
        self._contexts_with_html: set[str] = set()
        self._titles: dict[str, str] = {}

    def verify(self, row: LooseExample | BadRow) -> Example | None:
        """Returns the canonical example, or None where the row is dropped or merged into an earlier example.

        Raises:
            DataError: the policy is `ERROR` and the row has a fault.
        """
        report = self.report
        report.rows_read += 1
        if isinstance(row, LooseExample):
            row = keep_answers(row, self.conventions.labels, self.conventions.marks_anything)
        mended: dict[str, str] = {}  # reason -> what was found, in the order in which they were met
        try:
            if isinstance(row, BadRow):
                raise _Unusable(row.reason, f"{row.reason}: {row.detail}" if row.detail else row.reason)
            example = self._example(row, mended)
        except _Unusable as fault:
            if self.policy == ERROR:
                raise DataError(f"{_place(row)}: {fault.detail}") from None
            report.count(report.dropped, fault.reason, row.id or row.where, fault.detail)
            if (
                fault.reason == "empty_context"
                and not self.require_answers
                and isinstance(row, LooseExample)
                and row.id
            ):
                report.without_context[row.id] = row.question
            return None
        for reason in mended:
            report.count(report.repaired, reason, row.id or row.where, mended[reason])
        report.rows_repaired += bool(mended)
        if example is None:
            return None
        for reason in row.noticed:
            report.count(report.noticed, reason, example["id"])
        self._count_kept(example)
        return example

    def _example(self, row: LooseExample, mended: dict[str, str]) -> Example | None:
        context = self._context(row, mended)
        if not context or context.isspace():
            raise _Unusable("empty_context", "the context has no text; fill it in or remove the row")
        question = self._clean(row.question, mended)
        if not question or question.isspace():
            raise _Unusable("empty_question", "the question has no text; fill it in or remove the row")
        if row.mended:
            self._mend(row.mended[0], _HALVES, mended)
        found, is_impossible = self._answers(row, context, mended)
        texts = [answer.text for answer in found]
        starts = [answer.start for answer in found]
        asked = _asked(context, question)
        # Where predictions are wanted, an empty answer may be no label: such a row gets a prediction of its own.
        is_label = bool(texts) or (is_impossible and (self.require_answers or row.is_impossible is True))
        first = self._asked.get(asked) if is_label else None
        if first is not None and self._is_same_question(first, row, found):
            self._merge(first, row, texts, starts)
            return None
        if first is not None and self.conventions.merge is not Merge.NEVER:
            detail = f"asks what {first['id']} asks of the same context"
            self.report.count(self.report.noticed, "asked_again", row.id or row.where, detail)
        row_id = self._unique_id(row, hash((context, question, is_impossible, *texts, *starts)), mended)
        if row_id is None:
            return None
        example: Example = {
            "id": row_id,
            "context": context,
            "question": question,
            "answers": {"text": texts, "answer_start": starts},
            "is_impossible": is_impossible,
        }
        if row.title:
            title = self._clean(row.title, mended)
            example["title"] = self._titles.setdefault(title, title)
        if row.metadata:
            example["metadata"] = row.metadata
        if is_label:
            self._asked.setdefault(asked, example)
        return example

    def surely_merges(self, row: LooseExample | BadRow) -> bool:
        """Whether a row asks what an example before it asks, so that it can add references but no example."""
        if not isinstance(row, LooseExample) or not self.require_answers or self.conventions.merge is Merge.NEVER:
            return False
        first = self._asked.get(_asked(row.context, row.question))
        return first is not None and self._shares_its_id(first, row)

    def _shares_its_id(self, first: Example, row: LooseExample) -> bool:
        return self.conventions.merge is Merge.ALWAYS or not row.id or row.id == first["id"]

    def _is_same_question(self, first: Example, row: LooseExample, found: list[Aligned]) -> bool:
        if self.conventions.merge is Merge.NEVER:
            return False
        if self._shares_its_id(first, row):
            return True
        spans = list(zip(first["answers"]["answer_start"], first["answers"]["text"], strict=True))
        overlap = any(
            start < answer.start + len(answer.text) and answer.start < start + len(text)
            for start, text in spans
            for answer in found
        )
        return self.conventions.merge is Merge.OVERLAPPING and (overlap or not spans or not found)

    def _merge(self, first: Example, row: LooseExample, texts: list[str], starts: list[int]) -> None:
        """Adds the answers of a row to the example that asks the same question of the same context."""
        report, where = self.report, row.id or row.where
        again = (
            row.id == first["id"] and texts == first["answers"]["text"] and starts == first["answers"]["answer_start"]
        )
        if again and self.policy == ERROR:
            detail = "duplicate id: the same row was read before; ids must be unique"
            raise _Unusable("duplicate_id", detail)
        known = list(zip(first["answers"]["text"], first["answers"]["answer_start"], strict=True))
        new = [answer for answer in zip(texts, starts, strict=True) if answer not in known]
        reason = "answerable_and_not" if bool(texts) != bool(known) else "more_references" if new else "same_answers"
        other = "an earlier row with this id" if row.id == first["id"] else first["id"]
        report.count(report.merged, reason, where, f"asks what {other} asks of the same context")
        if (
            known
            and new
            and not needs_all(first)
            and not {text.casefold() for text, _ in known} & {text.casefold() for text in texts}
        ):
            detail = f"answer {_quoted(texts[0])} beside {_quoted(known[0][0])} of {first['id']}"
            report.count(report.noticed, "contradictory_answers", where, detail)
        if new and not known:
            first["is_impossible"] = False
            report.unanswerable -= 1
            report.answerable += 1
        for text, start in new:
            first["answers"]["text"].append(text)
            first["answers"]["answer_start"].append(start)
        report.answers_kept += len(new)
        if row.id and row.id not in self._ids:
            self._ids.add(row.id)
            first.setdefault("merged_ids", []).append(row.id)

    def _context(self, row: LooseExample, mended: dict[str, str]) -> str:
        """The one string object for this context; looked into only when it is new."""
        context = self._contexts.get(row.context)
        if context is not None:
            return context
        context = self._clean(row.context, mended)
        context = self._contexts.setdefault(context, context)
        if _has_html(context):
            self._contexts_with_html.add(context)
        return context

    def _clean(self, text: str, mended: dict[str, str]) -> str:
        """Replaces lone surrogates, and counts the row as mended."""
        whole = whole_characters(text)
        if whole != text:
            self._mend("invalid_characters", _HALVES, mended)
        return whole

    def _mend(self, reason: str, detail: str, mended: dict[str, str]) -> None:
        """Notes a repair, or refuses the row where the policy does not repair."""
        if self.policy != REPAIR:
            raise _Unusable(reason, f"{detail}; set on_bad_data=repair or mend the row")
        mended.setdefault(reason, detail)

    def _answers(self, row: LooseExample, context: str, mended: dict[str, str]) -> tuple[list[Aligned], bool]:
        """The verified references, and whether the question is known to have no answer."""
        if row.is_impossible:
            self.marks_impossible = True
            if any(_says_something(answer) for answer in row.answers):
                self._mend("impossible_with_answers", "the row is marked impossible but has answers", mended)
            return [], True
        if not row.answers_given:
            if self.require_answers:
                raise _Unusable("answers_missing", "the row has no answer field")
            return [], False

        found: list[Aligned] = []
        lost: list[_Lost] = []
        for answer in row.answers:
            result = self._reference(row, context, answer, mended)
            if isinstance(result, Aligned):
                found.append(result)
            else:
                lost.append(result)
        if lost:
            return self._without_lost(row, found, lost)
        if not found and row.is_impossible is False and self.require_answers:
            raise _Unusable("answerable_without_answer", "the row is marked answerable but has no answer")
        return found, not found and row.is_impossible is None

    def _reference(
        self, row: LooseExample, context: str, answer: LooseAnswer, mended: dict[str, str]
    ) -> Aligned | _Lost:
        """One answer at its place in the context, or why it is not used."""
        if answer.text is not None:
            answer.text = self._clean(answer.text, mended)
        mark = mark_of(context, answer, self.conventions.marks, self.conventions.counting)
        if mark is not None:
            return self._marked(row, context, answer, mark)
        result = align_answer(context, answer, self.conventions.counting)
        if not isinstance(result, Aligned):
            return _Lost(result.reason, _describe(result.reason, context, answer))
        as_given = result.how in alignment.AS_GIVEN
        if as_given or self.policy == REPAIR:
            self._note(row, context, answer, result)
            if not as_given:
                mended.setdefault(result.how, _describe_repair(answer, result))
            return result
        detail = _describe(NEEDS_REPAIR, context, answer)
        if result.how == self.conventions.counting.reason:
            detail = f"{_describe_repair(answer, result)}: {MEANINGS[result.how]}; set on_bad_data=repair"
        return _Lost(NEEDS_REPAIR, detail)

    def _marked(self, row: LooseExample, context: str, answer: LooseAnswer, mark: Mark) -> _Lost:
        """An answer that stands for "no answer", or for yes or no."""
        if mark is not Mark.NO_ANSWER:
            return _Lost(YES_OR_NO, _describe(YES_OR_NO, context, answer))
        if answer.text is not None and not is_missing(answer.text):
            detail = f'answer {_quoted(answer.text)} read as "no answer"'
            self.report.count(self.report.noticed, "word_for_no_answer", row.id or row.where, detail)
        return _Lost(alignment.EMPTY_ANSWER, _describe(alignment.EMPTY_ANSWER, context, answer))

    def _without_lost(self, row: LooseExample, found: list[Aligned], lost: list[_Lost]) -> tuple[list[Aligned], bool]:
        """A row some or all of whose references cannot be used."""
        telling = [one for one in lost if one.reason != alignment.EMPTY_ANSWER]
        if not found and not telling and row.is_impossible is None:
            return [], True  # an empty text is the usual mark of an unanswerable question
        reason, detail = (telling or lost)[0]
        if self.policy == ERROR or (not found and self.require_answers):
            if reason == alignment.EMPTY_ANSWER and not found:
                reason = "answerable_without_answer"
            raise _Unusable(reason, detail)
        for reason, detail in lost:
            self.report.count(self.report.dropped_answers, reason, row.id or row.where, detail)
        return found, False

    def _note(self, row: LooseExample, context: str, claimed: LooseAnswer, answer: Aligned) -> None:
        if claimed.text is None and not is_whole(context, answer.start, answer.start + len(answer.text)):
            detail = f"span {claimed.start} to {claimed.end} is {_quoted(answer.text)}"
            self.report.count(self.report.noticed, "span_cuts_word", row.id or row.where, detail)
        if answer.text in self.conventions.suspects:
            detail = (
                f'{_quoted(answer.text)} ends many contexts and is the answer there; if it says "no answer", give it '
            )
            detail += "as no_answer_value in a field mapping"
            self.report.count(self.report.noticed, "same_answer_at_the_end", row.id or row.where, detail)
        self.report.located += answer.how == alignment.LOCATED
        if answer.ambiguous:
            detail = f"answer {_quoted(answer.text)}: the one at character {answer.start} was taken"
            self.report.count(self.report.noticed, "located_ambiguous", row.id or row.where, detail)

    def _unique_id(self, row: LooseExample, identity: int, mended: dict[str, str]) -> str | None:
        """The row's id, a new one where it is taken or absent, or None for the same row again."""
        wanted = self._clean(row.id, mended) if row.id else f"row-{self.report.rows_read}"
        key = hash((wanted, identity))
        if wanted in self._ids:
            again = key in self._rows
            if self.policy == ERROR:
                detail = "the same row was read before" if again else "another row has this id with other content"
                raise _Unusable("duplicate_id", f"duplicate id: {detail}; ids must be unique")
            if again:
                self.report.count(self.report.merged, "same_answers", wanted)
                return None
            if row.id:
                self._mend_id(mended)
        self._rows.add(key)
        unique = wanted
        while unique in self._ids:
            ending = self._endings[wanted] = self._endings.get(wanted, 1) + 1
            unique = f"{wanted}-{ending}"
        self._ids.add(unique)
        return unique

    def _mend_id(self, mended: dict[str, str]) -> None:
        if self.policy == DROP:
            raise _Unusable("duplicate_id", "another row has this id with other content")
        mended.setdefault("new_id", "another row has this id with other content")

    def _count_kept(self, example: Example) -> None:
        report, where = self.report, example["id"]
        report.rows_kept += 1
        references = len(example["answers"]["text"])
        report.answers_kept += references
        report.answerable += references > 0
        report.all_required += needs_all(example)
        report.unanswerable += example["is_impossible"]
        report.unlabelled += not references and not example["is_impossible"]
        if example["context"] in self._contexts_with_html or _has_html(example["question"]):
            report.count(report.noticed, "html", where)


def _asked(context: str, question: str) -> tuple[str, str]:
    """What two rows that ask the same have in common."""
    return context, fold_case(question)


def _has_html(text: str) -> bool:
    # The two scans are many times faster than the pattern, and most texts end there.
    return ("<" in text or "&" in text) and _HTML.search(text) is not None


def _says_something(answer: LooseAnswer) -> bool:
    if answer.text is not None:
        return bool(answer.text.strip()) and (answer.start is None or answer.start >= 0)
    return answer.start is not None and answer.end is not None and 0 <= answer.start < answer.end


def _place(row: LooseExample | BadRow) -> str:
    return f'{row.where} ("{row.id}")' if row.id else row.where


def _describe_repair(answer: LooseAnswer, found: Aligned) -> str:
    """Says what the source claims and what was made of it."""
    if answer.text is None:
        return f"span {answer.start} to {answer.end}, read as {_quoted(found.text)} at character {found.start}"
    claimed = "" if answer.start is None or answer.start < 0 else f" with answer_start {answer.start}"
    what = "" if found.text == answer.text else f" as {_quoted(found.text)}"
    return f"answer {_quoted(answer.text)}{claimed}, found{what} at character {found.start}"


_TEXT_FAULTS = {
    YES_OR_NO: "is no part of the text; give the words that show it, or remove the row",
    alignment.INSIDE_WORD: "is in the context inside other words only; mend the answer, or give its answer_start",
    alignment.NOT_FOUND: "is not in the context; mend the answer or remove the row",
}


def _describe(reason: str, context: str, answer: LooseAnswer) -> str:
    """Says what was expected, what was found and how to mend it."""
    if answer.text is None:
        return _describe_span(reason, context, answer)
    if reason in _TEXT_FAULTS:
        return f"answer {_quoted(answer.text)} {_TEXT_FAULTS[reason]}"
    if reason == NEEDS_REPAIR:
        return _describe_misplaced(answer.text, answer.start, context)
    return "the answer is empty; mark the row impossible, or mend the answer"


def _describe_span(reason: str, context: str, answer: LooseAnswer) -> str:
    """The same of an answer that has no text."""
    if reason == NEEDS_REPAIR:
        return "the answer span has spaces around it; set on_bad_data=repair or fix the offsets"
    if reason == alignment.EMPTY_SPAN:
        return f"answer span {answer.start} to {answer.end} is empty; an end is one past the last character"
    if reason == alignment.BAD_SPAN:
        return f"answer span {answer.start} to {answer.end} is not within the context of {len(context)} characters"
    return "the answer has neither a text nor a span; fill it in or remove the row"


def _describe_misplaced(text: str, start: int | None, context: str) -> str:
    """The same of a text that is not where it is said to be, or not so in the context."""
    if start is None or start < 0:
        return f"answer {_quoted(text)} is not literally in the context; set on_bad_data=repair or fix the text"
    there = context[start : start + len(text)]
    if there == text:
        return f"answer {_quoted(text)} has spaces around it; set on_bad_data=repair or trim it"
    return (
        f"answer {_quoted(text)} is not at answer_start {start} (found {_quoted(there)}); "
        "set on_bad_data=repair or fix the offset"
    )


def _quoted(text: str) -> str:
    return '"' + short(text, 60).replace("\n", " ") + '"'
