"""What the page to label does: gives a person the next passage, takes a decision, takes one back. Knows no HTTP.

All that it gives is ready for JSON. Characters are Python's: of code points, end exclusive.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import DataError
from qa_pipeline.serve.label.decision import Decision, LabelState, Proposal, Suggestion, Verdict, item_id
from qa_pipeline.serve.label.leases import Lease
from qa_pipeline.serve.label.marking import checked_question, checked_span, word_spans
from qa_pipeline.serve.label.store import LabelStore
from qa_pipeline.serve.label.suggesting import Suggester
from qa_pipeline.wording import in_short

WAIT = 0.4
"""Seconds that a passage waits for its suggestions before it is shown without."""
MOST_NAME = 60
ORDERS = ("unsure", "document")
"""Passages with the least sure answers first, or as they stand in the documents."""


class LabelProject:
    """Passages, suggestions and labels of one file, for several people at once.

    Args:
        passages: what is labelled, in its order.
        store: keeps what is decided.
        suggester: makes what is suggested; it is not started here.
        model: the name of the model whose answers are shown; None: those of the rules.
        notes: on what was read, for the page.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> mill = Passage("1", "mill.md", "The old mill of Norby was built by Anna Berg in 1790.")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     project = LabelProject([mill], LabelStore(Path(folder, "labels.json")), Suggester([mill]))
        ...     work = project.next_passage("window 1", "Ada")
        ...     said = {"client": "window 1", "person": "Ada", "passage": "1", "item": None, "seen": 0}
        ...     kept = project.decide({**said, "action": "1", "question": "Who built it?", "start": 35, "end": 44})
        >>> work["passage"]["text"][35:44], kept["holds"], kept["item"]["decision"]["verdict"]
        ('Anna Berg', True, 'own')
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        store: LabelStore,
        suggester: Suggester,
        *,
        model: str | None = None,
        notes: Sequence[str] = (),
    ):
        self.passages = {passage.id: passage for passage in passages}
        self.numbers = {name: number for number, name in enumerate(self.passages)}
        self.store, self.suggester, self.model, self.notes = store, suggester, model, list(notes)
        self._left: dict[str, dict[str, None]] = {}
        self._lock = threading.Lock()

    def next_passage(
        self, client: str, person: str, *, document: str | None = None, order: str = "unsure", leave: str | None = None
    ) -> dict[str, Any]:
        """Leases the passage that is worth most to a person now, and gives it.

        Args:
            client: names the browser's window.
            person: who sits there.
            document: of this one only.
            order: see ORDERS; without a model both are the second.
            leave: a passage that the person moves on from, decided or not. It comes again when all others were left.

        Returns:
            As `open_passage`; its "passage" is None where nothing is left to do, or, with "busy", others are at it.

        Raises:
            DataError: an argument is no text, or nothing can be read or written.
        """
        client, person = checked_client(client), checked_person(person)
        if order not in ORDERS:
            raise DataError(f"order: expected {' or '.join(ORDERS)}, found {in_short(order)}")
        with self._lock:
            left = self._left.setdefault(client, {})
            if leave is not None:
                left[leave] = None
        self.store.refresh()
        worth = [name for name in self._by_worth(order) if document in (None, self.passages[name].document)]
        fresh = [name for name in worth if name not in left]
        again = [name for name in left if name in set(worth)]  # what was left longest ago comes first
        chosen, others = self.store.lease(iter([*fresh, *again]), client, person)
        if chosen is None:
            busy = sorted({others[name].person or "somebody" for name in worth if name in others})
            return {"passage": None, "items": [], "busy": busy, "other": None}
        if chosen in left:
            with self._lock:
                left.clear()
        self.suggester.hurry(chosen, WAIT)
        return self._work(chosen, None)

    def open_passage(self, client: str, person: str, passage: str) -> dict[str, Any]:
        """Gives a passage that a person goes to, and leases it where nobody else is there.

        Returns:
            passage: id, document, title, page, headings, lead, text, words (where marks snap to), start (its first
            character in the document's text), gone (it is no longer in the documents), number and of. items: its
            questions, suggested or decided, least sure first; None while they are being made. other: the person who is
            at it, or None.

        Raises:
            DataError: there is no such passage, or nothing can be read or written.
        """
        client, person = checked_client(client), checked_person(person)
        self.store.refresh()
        self.passage(passage)
        _, others = self.store.lease(iter([passage]), client, person)
        if passage in self.passages:
            self.suggester.hurry(passage, WAIT)
        return self._work(passage, others.get(passage))

    def look(self, passage: str, client: str) -> dict[str, Any]:
        """The same without a lease: what has changed in a passage that is open. Raises as `open_passage` does."""
        self.store.refresh()
        lease = self.store.leases().get(passage)
        return self._work(passage, lease if lease is not None and lease.client != client else None)

    def decide(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Keeps what a person decided; it is on the disk when this returns.

        Args:
            said: action (a new text for each press of a key), client, person, passage, item (None: a question of one's
                own), seen (the revision that was shown), question, start, end (None: the passage does not answer it),
                reject (true: the question is no good), and shown (question, by and proposals that were suggested: they
                count where nothing is suggested here, since the page was opened before this start).

        Returns:
            holds: whether it does; False: somebody else decided something else meanwhile, and both are kept.
            item: the question as it is now.

        Raises:
            DataError: something of it is missing or wrong, or it cannot be written; then nothing is kept.
        """
        passage = self.passage(said.get("passage"))
        action, seen = _text(said, "action", 100), said.get("seen")
        client, person = checked_client(said.get("client")), checked_person(said.get("person"))
        if not isinstance(seen, int) or isinstance(seen, bool) or seen < 0:
            raise DataError(f"seen: expected a number of decisions, found {in_short(seen)}")
        question = checked_question(said.get("question"))
        span = checked_span(passage.text, said.get("start"), said.get("end"))
        item = item_id(passage.id, question) if said.get("item") is None else _text(said, "item", 100)
        self.store.refresh()
        state = self.store.states.get(item)
        suggestion = self._suggestion(passage.id, item) or _shown(said.get("shown"), passage, item)
        if said.get("item") is not None and suggestion is None and state is None:
            raise DataError("There is no such question any more. Load the page again.")
        if state is not None and state.current is not None and state.current.passage != passage.id:
            raise DataError("The question is about another passage. Load the page again.")
        suggested = _suggested(suggestion, span, passage) if suggestion else _earlier(state)
        verdict = "rejected" if said.get("reject") is True else _verdict(suggested, question, span)
        start, end = span or (None, None)
        decision = Decision(
            action, item, passage.id, seen, verdict, question, start, end, person, person, _now(), suggested
        )
        holds = self.store.decide(decision, passage)
        self.store.lease(iter([passage.id]), client, person)  # for some minutes more
        return {"holds": holds, "passage": passage.id, "item": self._item(item, suggestion)}

    def undo(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Takes a person's last decision back, to what held before it; again: the one before.

        Args:
            said: action, client and person, as `decide` takes them.

        Returns:
            As `decide`; item is None where there is nothing to take back.

        Raises:
            DataError: somebody has changed that label since; or as `decide`.
        """
        action, person = _text(said, "action", 100), checked_person(said.get("person"))
        last = None if self.store.has(action) else self.store.last_of(person)
        if last is None:
            return {"holds": True, "passage": None, "item": None}
        decision, before = last
        state = self.store.states[decision.item]
        if state.current is None or state.current is not decision:
            who = state.current.author or "somebody" if state.current else "somebody"
            raise DataError(f"{who} has changed that label since, so that it stays. Go to it to change it.")
        back: dict[str, Any] = asdict(before or decision)
        if before is None:
            back |= {"verdict": "open", "author": person}
        back |= {"action": action, "seen": state.revision, "person": person, "time": _now(), "undoes": True}
        self.store.decide(Decision(**back), self.passage(decision.passage))
        suggestion = self._suggestion(decision.passage, decision.item)
        return {"holds": True, "passage": decision.passage, "item": self._item(decision.item, suggestion)}

    def release(self, client: str) -> None:
        """Somebody closes the page."""
        self.store.release(checked_client(client))

    def passage(self, name: Any) -> Passage:
        """A passage of the documents, or of labels whose documents are gone. Raises DataError where there is none."""
        found = None
        if isinstance(name, str):
            found = self.passages.get(name) or self.store.passages.get(name)
        if found is None:
            raise DataError(f"There is no passage {in_short(name)}. Load the page again.")
        return found

    def items(self, passage: str) -> list[dict[str, Any]] | None:
        """The questions about a passage; None: nothing was decided yet, and suggestions are being made."""
        suggestions = self.suggester.of(passage)
        decided = [
            name
            for name, state in self.store.states.items()
            if state.current is not None and state.current.passage == passage
        ]
        if suggestions is None and not decided:
            return None if passage in self.passages and not self.suggester.fault else []
        known = {one.item: one for one in suggestions or ()}
        found = [self._item(name, known.get(name)) for name in dict.fromkeys((*known, *decided))]
        return [one for one in found if one["by"] or one["decision"]]

    def is_open(self, item: str) -> bool:
        """Whether a question is still to be decided, or people disagree on it."""
        state = self.store.states.get(item)
        return state is None or not state.is_decided or bool(state.rivals)

    def _by_worth(self, order: str) -> Iterator[str]:
        """Passages in which something is to be done, the most useful first."""
        made = self.suggester.made()
        touched = {state.current.passage for state in self.store.states.values() if state.current and state.is_decided}
        ranked: list[tuple[bool, tuple[bool, float], int, str]] = []
        for name, number in self.numbers.items():
            suggestions = made.get(name)
            still = [one.rank for one in suggestions or () if self.is_open(one.item)]
            if still:
                ranked.append((False, min(still) if order == "unsure" else (False, 0.0), number, name))
            elif suggestions is None and self.suggester.fault == "":
                ranked.append((order == "unsure", (False, 0.0), number, name))  # nobody knows yet
            elif not suggestions and name not in touched:
                ranked.append((True, (True, 1.0), number, name))  # questions of one's own
        return (name for *_, name in sorted(ranked))

    def _work(self, name: str, lease: Lease | None) -> dict[str, Any]:
        passage = self.passage(name)
        return {
            "passage": {
                "id": passage.id,
                "document": passage.document,
                "title": passage.title,
                "page": passage.page,
                "headings": list(passage.headings),
                "lead": passage.lead,
                "text": passage.text,
                "words": word_spans(passage.text),
                "start": passage.start,
                "gone": name not in self.passages,
                "number": self.numbers.get(name, -1) + 1,
                "of": len(self.passages),
            },
            "items": self.items(name),
            "other": None if lease is None else lease.person or "somebody",
        }

    def _suggestion(self, passage: str, item: str) -> Suggestion | None:
        return next((one for one in self.suggester.of(passage) or () if one.item == item), None)

    def _item(self, name: str, suggestion: Suggestion | None) -> dict[str, Any]:
        state = self.store.states.get(name) or LabelState()
        current = state.current
        proposals = [asdict(one) for one in suggestion.proposals] if suggestion else []
        return {
            "id": name,
            "question": current.question if current else suggestion.question if suggestion else "",
            "by": suggestion.by if suggestion else "",
            "proposals": proposals,
            "revision": state.revision,
            "open": self.is_open(name),
            "decision": said_of(current) if current and state.is_decided else None,
            "rivals": [said_of(rival) for rival in state.rivals],
        }


def said_of(decision: Decision) -> dict[str, Any]:
    """What the page shows of a decision."""
    return {
        "verdict": decision.verdict,
        "question": decision.question,
        "start": decision.start,
        "end": decision.end,
        "person": decision.author,
        "time": decision.time,
    }


def checked_client(value: Any) -> str:
    """The name of a browser's window. Raises DataError where it is none."""
    return _text({"client": value}, "client", 100)


def checked_person(value: Any) -> str:
    """The name of a person, on one line; "" where none is given. Raises DataError where it is no name."""
    name = " ".join(value.split()) if isinstance(value, str) else "" if value is None else None
    if name is None or len(name) > MOST_NAME:
        raise DataError(f"name: expected up to {MOST_NAME} characters, found {in_short(value)}")
    return name


def _text(said: Mapping[str, Any], name: str, most: int) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise DataError(f"{name}: expected a text of 1 to {most} characters, found {in_short(value)}")
    return value


def _shown(value: Any, passage: Passage, item: str) -> Suggestion | None:
    """A suggestion that a page still shows; None where it is none."""
    try:
        proposals = []
        for one in value["proposals"]:
            start, end = checked_span(passage.text, one["start"], one["end"]) or (None, None)
            sure = None if one["confidence"] is None else float(one["confidence"])
            proposals.append(Proposal(start, end, str(one["by"])[:200], sure))
        if not proposals:
            return None
        return Suggestion(item, passage.id, checked_question(value["question"]), str(value["by"])[:200], (*proposals,))
    except (DataError, KeyError, TypeError, ValueError):
        return None


def _suggested(suggestion: Suggestion, span: tuple[int, int] | None, passage: Passage) -> dict[str, Any]:
    """What was suggested: the answer that was chosen, or the first where none of them was."""
    wanted = span or (None, None)
    chosen: Proposal = next(
        (one for one in suggestion.proposals if (one.start, one.end) == wanted), suggestion.proposals[0]
    )
    return {
        "question": suggestion.question,
        "by": suggestion.by,
        "start": chosen.start,
        "end": chosen.end,
        "answer": "" if chosen.start is None else passage.text[chosen.start : chosen.end],
        "answered_by": chosen.by,
        "confidence": chosen.confidence,
    }


def _earlier(state: LabelState | None) -> dict[str, Any]:
    """What had been suggested when the question was first decided: it may not be suggested any more."""
    return dict(state.current.suggested) if state is not None and state.current is not None else {}


def _verdict(suggested: Mapping[str, Any], question: str, span: tuple[int, int] | None) -> Verdict:
    if not suggested:
        return "own"
    same = (suggested["start"], suggested["end"]) == (span or (None, None)) and suggested["question"] == question
    return "accepted" if same else "corrected"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
