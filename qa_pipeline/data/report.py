"""Counts what was read, repaired, dropped and noticed in one data source. Sees facts only; decides nothing.

`DataReport.to_dict()` is the content of `data_report.json`; `DataReport.table()` is the short form for a log.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.data.lengths import LengthReport
from qa_pipeline.wording import short

FIRST_IDS = 5
"""How many rows are named for each reason."""
_SHOWN_DETAILS = 2
_WRITTEN = (
    *("source", "format", "on_bad_data", "field_mapping", "rows_read", "rows_kept", "rows_repaired", "rows_dropped"),
    *("rows_merged", "bad_fraction", "answerable", "unanswerable", "unlabelled", "answers_kept", "contexts", "titles"),
    *("located", "repaired", "dropped", "dropped_answers", "merged", "noticed", "first_ids", "details", "offsets"),
    *("encoding", "lengths"),
)
"""What `data_report.json` holds, in its order."""

# What each reason means, for the table. A reason that is not listed (readers have their own) is shown as it is.
MEANINGS = {
    "answer_not_found": "no answer is in the context, not even tolerantly matched",
    "answer_without_text_or_span": "the answer has neither a text nor a span",
    "answerable_without_answer": "said to be answerable, but without an answer",
    "answers_missing": "the row has no answer field",
    "asked_again": "same question and context under another id, with other answers (kept apart)",
    "byte_offset": "answer offsets counted in UTF-8 bytes",
    "answer_inside_word": "the answer is in the context inside other words only",
    "answerable_and_not": "same question and context, answerable and unanswerable: the answers were kept",
    "contradictory_answers": "same question and context, and the answers differ (all are references now)",
    "crlf_as_one_offset": "answer offsets counted with one character for a line end of two",
    "duplicate_id": "the id of another row with other content",
    "empty_answer": "the answer is empty among others that are not",
    "empty_context": "context without text",
    "empty_question": "question without text",
    "empty_span": "the answer span is empty",
    "html": "HTML remains in the question or context (kept)",
    "impossible_with_answers": "said to be unanswerable, but with answers; the answers were removed",
    "invalid_characters": "lone surrogates, replaced by U+FFFD",
    "lf_as_two_offset": "answer offsets counted with two characters for each line end",
    "located_ambiguous": "ambiguous: the answer occurs more than once and nothing says which one is meant",
    "more_references": "same question and context: the answers became further references",
    "moved": "answer moved to the nearest exact occurrence",
    "needs_repair": "the answer needs repair and on_bad_data=drop",
    "new_id": "an id used before was given a new ending",
    "one_based_offset": "answer offsets counted from 1",
    "same_answer_at_the_end": "the same answer ends many contexts: it may stand for no answer",
    "same_answers": "same question, context and answers again",
    "span_outside_context": "the answer span lies outside the context",
    "span_cuts_word": "a span without a text that begins or ends inside a word (kept as it is)",
    "structured_id": "the id is a list or an object and was written as text",
    "token_offset": "answer offsets counted in words and punctuation marks",
    "tolerant": "answer matched apart from spaces, Unicode forms, case, quotes, dashes or HTML's character references",
    "trimmed": "spaces trimmed from the answer",
    "unescaped_html_offset": "answer offsets counted in the text without HTML's character references",
    "unquoted": "quotation marks around the answer left out",
    "without_full_stop": "the full stop behind the answer left out",
    "utf16_offset": "answer offsets counted in UTF-16 units",
    "whole_number": 'the ".0" of a whole number left out',
    "word_for_no_answer": 'a word that the text does not have, read as "no answer"',
    "word_offset": "answer offsets counted in words",
    "yes_or_no_answer": "yes, no, true or false where the text does not say it: no part of the text to point at",
}


@dataclass
class DataReport:
    """What one source held and what became of it.

    Attributes:
        source: file, folder or Hub name.
        format: what the reader found ("squad", "csv", ...).
        on_bad_data: the policy that was followed.
        field_mapping: the mapping in use, as plain JSON values, or None.
        rows_read: questions read, with those that could not be read.
        rows_kept: examples given on.
        rows_repaired: kept or merged rows with something mended.
        offsets: how the source counts its answer offsets and how well that fits, or None where it gives none.
        encoding: how the text was decoded where it is not UTF-8, or None.
        answerable: kept rows with answers.
        all_required: kept rows whose answers are a set, every one of them required.
        unanswerable: kept rows known to have no answer.
        unlabelled: kept rows without answers, for prediction.
        answers_kept: references of the kept rows.
        contexts: distinct contexts of the kept rows.
        titles: distinct titles of the kept rows.
        located: answers given as text alone that were found.
        repaired: rows by what was mended.
        dropped: rows by why they were dropped.
        merged: rows whose question an earlier row asks of the same context, by what became of their answers.
        dropped_answers: references by why they were dropped from rows that were kept.
        noticed: rows by what deserves a look but was left as it is.
        first_ids: the first rows of each reason, by id or, without one, by place.
        details: what was expected and found in the first rows of a reason, each with its row.
        lengths: token lengths, where a tokenizer was at hand.
        without_context: rows of a file for prediction whose context is empty, id to question: dropped, but not bad,
            since their prediction is known to be that there is no answer.
    """

    source: str
    format: str = ""
    on_bad_data: str = "repair"
    field_mapping: dict[str, Any] | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_repaired: int = 0
    answerable: int = 0
    all_required: int = 0
    unanswerable: int = 0
    unlabelled: int = 0
    answers_kept: int = 0
    contexts: int = 0
    titles: int = 0
    located: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_answers: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    details: dict[str, list[str]] = field(default_factory=dict)
    offsets: str | None = None
    encoding: str | None = None
    first_ids: dict[str, list[str]] = field(default_factory=dict)
    lengths: LengthReport | None = None
    without_context: dict[str, str] = field(default_factory=dict)

    @property
    def rows_dropped(self) -> int:
        """Bad rows that were dropped."""
        return sum(self.dropped.values())

    @property
    def rows_merged(self) -> int:
        """Rows that became part of an earlier example. With those kept and dropped they are all that were read."""
        return sum(self.merged.values())

    @property
    def bad_fraction(self) -> float:
        """Dropped rows among those read, in [0, 1]; those that have a prediction are none of them."""
        return (self.rows_dropped - len(self.without_context)) / self.rows_read if self.rows_read else 0.0

    def count(self, counter: Counter[str], reason: str, where: str, detail: str = "") -> None:
        """Adds one row to `counter` under `reason` and keeps `where`, and what was found, among the first ones."""
        counter[reason] += 1
        where = where.removeprefix(f"{self.source}, ")  # the report says once which file it is
        places = self.first_ids.setdefault(reason, [])
        if len(places) < FIRST_IDS and where not in places:
            places.append(where)
            if detail:
                self.details.setdefault(reason, []).append(f"{where}: {detail}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as in `data_report.json` (schema: `data_report`)."""
        values = {name: getattr(self, name) for name in _WRITTEN}
        values |= {name: dict(value.most_common()) for name, value in values.items() if isinstance(value, Counter)}
        lengths = None if self.lengths is None else self.lengths.to_dict()
        return values | {"bad_fraction": round(self.bad_fraction, 6), "lengths": lengths}

    def table(self) -> str:
        """The short form for people: counts, reasons with the first rows, lengths."""
        lines = [f"{self.source}" + (f" ({self.format})" if self.format else "")]
        kinds = ((self.answerable, "answerable"), (self.unanswerable, "unanswerable"), (self.unlabelled, "unlabelled"))
        kept = ", ".join(f"{count:,} {name}" for count, name in kinds if count)
        lines.append(_line("rows read", self.rows_read))
        lines.append(_line("rows kept", self.rows_kept, kept))
        lines.append(_line("rows repaired", self.rows_repaired))
        lines.append(_line("rows dropped", self.rows_dropped, f"{self.bad_fraction:.1%}" if self.rows_dropped else ""))
        if self.rows_merged:
            lines.append(_line("rows merged", self.rows_merged, "into an earlier row with the same question"))
        lines.append(
            _line("answers kept", self.answers_kept, f"{self.located:,} found by text" if self.located else "")
        )
        lines.append(_line("distinct contexts", self.contexts, f"{self.titles:,} titles" if self.titles else ""))
        lines += [f"  {name:<20}{text}" for name, text in self._facts() if text]
        sections = (
            ("repaired", self.repaired),
            ("dropped", self.dropped),
            ("answers dropped from kept rows", self.dropped_answers),
            ("merged", self.merged),
            ("noticed", self.noticed),
        )
        for title, counter in sections:
            if counter:
                lines.append(f"  {title}:")
                lines += self.reason_lines(counter)
        if self.lengths is not None:
            lines += self.lengths.lines()
        return "\n".join(lines)

    def reason_lines(self, counter: Counter[str]) -> list[str]:
        """One line a reason, the most frequent first: count, meaning, first rows."""
        lines = []
        for reason, count in counter.most_common():
            places = self.first_ids.get(reason, [])
            shown = ", ".join(short(place, 70) for place in places[:3]) + (", ..." if places and count > 3 else "")
            lines.append(f"    {count:>9,}  {MEANINGS.get(reason, reason)}" + (f": {shown}" if shown else ""))
            lines += [f"               {short(d, 140)}" for d in self.details.get(reason, [])[:_SHOWN_DETAILS]]
        return lines

    def _facts(self) -> tuple[tuple[str, str | None], ...]:
        mapping = self.field_mapping or {}
        found = mapping.keys() & {"offset_unit", "offset_base", "inclusive_end"}
        required = f"all required in {self.all_required:,} rows" if self.all_required else None
        paste = f"--field_mapping '{json.dumps(mapping, ensure_ascii=False)}'" if found else None
        return (
            ("answers", required),
            ("answer offsets", self.offsets),
            ("to read it so again", paste),
            ("encoding", self.encoding),
        )


def _line(name: str, count: int, note: str = "") -> str:
    return f"  {name:<20}{count:>9,}" + (f"  ({note})" if note else "")
