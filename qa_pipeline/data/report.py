"""Counts what was read, repaired, dropped and noticed in one data source. Sees facts only; decides nothing.

`DataReport.to_dict()` is the content of `data_report.json`; `DataReport.table()` is the short form for a log.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from qa_pipeline.data.lengths import LengthReport

FIRST_IDS = 5
"""How many rows are named for each reason."""

# What each reason means, for the table. A reason that is not listed (readers have their own) is shown as it is.
MEANINGS = {
    "answer_not_found": "no answer is in the context, not even tolerantly matched",
    "answer_without_text_or_span": "the answer has neither a text nor a span",
    "answerable_without_answer": "said to be answerable, but without an answer",
    "answers_missing": "the row has no answer field",
    "byte_offset": "answer offsets counted in UTF-8 bytes",
    "contradictory_answerability": "same question and context, answerable and unanswerable (kept)",
    "contradictory_answers": "same question and context, no answer in common (kept)",
    "duplicate_id": "the id of another row with other content",
    "duplicate_row": "same question, context and answers under another id (kept)",
    "empty_answer": "the answer is empty among others that are not",
    "empty_context": "context without text",
    "empty_question": "question without text",
    "html": "HTML remains in the question or context (kept)",
    "identical_duplicate": "the same row again under the same id (dropped, not counted as bad)",
    "impossible_with_answers": "said to be unanswerable, but with answers; the answers were removed",
    "invalid_characters": "lone surrogates, replaced by U+FFFD",
    "located_ambiguous": "answer text without a place that occurs more than once; the first whole word was taken",
    "moved": "answer moved to the nearest exact occurrence",
    "needs_repair": "the answer needs repair and on_bad_data=drop",
    "new_id": "an id used before was given a new ending",
    "span_outside_context": "the answer span lies outside the context",
    "tolerant": "answer matched apart from spaces, Unicode forms, case, quotes or dashes",
    "trimmed": "spaces trimmed from the answer",
    "unplaced_unanswerable": "answer_start -1 and a text that is not in the context, read as unanswerable",
    "utf16_offset": "answer offsets counted in UTF-16 units",
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
        rows_repaired: kept rows with something mended.
        answerable: kept rows with answers.
        unanswerable: kept rows known to have no answer.
        unlabelled: kept rows without answers, for prediction.
        answers_kept: references of the kept rows.
        contexts: distinct contexts of the kept rows.
        titles: distinct titles of the kept rows.
        located: answers given as text alone that were found.
        repaired: rows by what was mended.
        dropped: rows by why they were dropped.
        dropped_answers: references by why they were dropped from rows that were kept.
        noticed: rows by what deserves a look but was left as it is; and identical duplicates.
        first_ids: the first rows of each reason, by id or, without one, by place.
        lengths: token lengths, where a tokenizer was at hand.
    """

    source: str
    format: str = ""
    on_bad_data: str = "repair"
    field_mapping: dict[str, Any] | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_repaired: int = 0
    answerable: int = 0
    unanswerable: int = 0
    unlabelled: int = 0
    answers_kept: int = 0
    contexts: int = 0
    titles: int = 0
    located: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_answers: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    first_ids: dict[str, list[str]] = field(default_factory=dict)
    lengths: LengthReport | None = None

    @property
    def rows_dropped(self) -> int:
        """Bad rows that were dropped. Identical duplicates are not bad: nothing is lost with them."""
        return sum(self.dropped.values())

    @property
    def bad_fraction(self) -> float:
        """Dropped rows among those read, in [0, 1]."""
        return self.rows_dropped / self.rows_read if self.rows_read else 0.0

    def count(self, counter: Counter[str], reason: str, where: str) -> None:
        """Adds one row to `counter` under `reason` and keeps `where` among the first ones."""
        counter[reason] += 1
        places = self.first_ids.setdefault(reason, [])
        if len(places) < FIRST_IDS and where not in places:
            places.append(where)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as in `data_report.json` (schema: `data_report`)."""
        return {
            "source": self.source,
            "format": self.format,
            "on_bad_data": self.on_bad_data,
            "field_mapping": self.field_mapping,
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "rows_repaired": self.rows_repaired,
            "rows_dropped": self.rows_dropped,
            "bad_fraction": round(self.bad_fraction, 6),
            "answerable": self.answerable,
            "unanswerable": self.unanswerable,
            "unlabelled": self.unlabelled,
            "answers_kept": self.answers_kept,
            "contexts": self.contexts,
            "titles": self.titles,
            "located": self.located,
            "repaired": dict(self.repaired.most_common()),
            "dropped": dict(self.dropped.most_common()),
            "dropped_answers": dict(self.dropped_answers.most_common()),
            "noticed": dict(self.noticed.most_common()),
            "first_ids": dict(self.first_ids),
            "lengths": None if self.lengths is None else self.lengths.to_dict(),
        }

    def table(self) -> str:
        """The short form for people: counts, reasons with the first rows, lengths."""
        lines = [f"{self.source}" + (f" ({self.format})" if self.format else "")]
        kinds = ((self.answerable, "answerable"), (self.unanswerable, "unanswerable"), (self.unlabelled, "unlabelled"))
        kept = ", ".join(f"{count:,} {name}" for count, name in kinds if count)
        lines.append(_line("rows read", self.rows_read))
        lines.append(_line("rows kept", self.rows_kept, kept))
        lines.append(_line("rows repaired", self.rows_repaired))
        lines.append(_line("rows dropped", self.rows_dropped, f"{self.bad_fraction:.1%}" if self.rows_dropped else ""))
        lines.append(
            _line("answers kept", self.answers_kept, f"{self.located:,} found by text" if self.located else "")
        )
        lines.append(_line("distinct contexts", self.contexts, f"{self.titles:,} titles" if self.titles else ""))
        sections = (
            ("repaired", self.repaired),
            ("dropped", self.dropped),
            ("answers dropped from kept rows", self.dropped_answers),
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
            shown = ", ".join(_short(place) for place in places[:3]) + (", ..." if places and count > 3 else "")
            lines.append(f"    {count:>9,}  {MEANINGS.get(reason, reason)}" + (f": {shown}" if shown else ""))
        return lines


def _line(name: str, count: int, note: str = "") -> str:
    return f"  {name:<20}{count:>9,}" + (f"  ({note})" if note else "")


def _short(text: str, limit: int = 70) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
