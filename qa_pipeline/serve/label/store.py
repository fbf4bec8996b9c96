"""Labels on disk: a journal of decisions, the file of rows that is written from it, and leases; one lock for all.

A decision is on the disk before `decide` returns. The file of rows is written from the journal right after, whole or
not at all; a kill in between costs nothing, since the next start writes it. Several processes may have the same file.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from qa_pipeline import artifacts
from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.serve.label.decision import Decision, LabelState
from qa_pipeline.serve.label.journal import LabelJournal
from qa_pipeline.serve.label.leases import SECONDS, Lease, Leases
from qa_pipeline.serve.label.rows import MARK, example_of, is_untouched, labels_bytes

PATIENCE = 20.0
"""Seconds that one waits for another process to write a decision."""


class LabelStore:
    """All labels of one file, for several threads and processes at once.

    Args:
        path: the file of labels, `labels.json`; `labels.json.journal`, `.leases` and `.lock` are beside it.
        lease_seconds: how long a passage stays with a person who does nothing.

    Attributes:
        path: as given.
        states: what holds of each question that was decided, by its id, in the order of the first decisions.
        passages: of which there are decisions, by id, as they were then.

    Raises:
        ConfigError: the file was not written here, or was changed by another program since, or its journal is gone.
        DataError: something cannot be read or written, or the journal is damaged.

    Example:
        >>> import tempfile
        >>> passage = Passage("p", "fees.md", "The fee is 25 euros.")
        >>> said = "own", "How high is the fee?", 11, 19, "Ada", "Ada", "2026-01-01T10:00:00Z"
        >>> decision = Decision("action", "question", "p", 0, *said)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = LabelStore(Path(folder, "labels.json"))
        ...     holds = store.decide(decision, passage)
        ...     row = json.loads(store.path.read_text())["data"][0]["paragraphs"][0]["qas"][0]
        >>> holds, row["answers"]
        (True, [{'text': '25 euros', 'answer_start': 11}])
    """

    def __init__(self, path: str | Path, lease_seconds: float = SECONDS):
        self.path = Path(path)
        self.states: dict[str, LabelState] = {}
        self.passages: dict[str, Passage] = {}
        self._journal = LabelJournal(self._beside("journal"))
        self._leases = Leases(self._beside("leases"), lease_seconds)
        self._actions: dict[str, bool] = {}
        self._stale = False
        self._undoable: dict[str, list[tuple[Decision, Decision | None]]] = {}
        self._thread_lock = threading.RLock()
        self._file_lock = FileLock(self._beside("lock"), thread_local=False)
        with artifacts.writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._check_file()
            if self.decisions:
                self._write()

    @property
    def decisions(self) -> int:
        """How many there are in the journal."""
        return len(self._actions)

    def refresh(self) -> None:
        """Takes in what other processes have decided. Raises as the journal does."""
        with self._thread_lock:
            for entry in self._journal.news():
                if isinstance(entry, Passage):
                    self.passages.setdefault(entry.id, entry)
                elif entry.action not in self._actions:
                    self._add(entry)

    def decide(self, decision: Decision, passage: Passage) -> bool:
        """Keeps a decision: it is on the disk when this returns. One that is sent twice counts once.

        Args:
            decision: its characters are those of the passage's text.
            passage: the one that it is about.

        Returns:
            Whether it holds now. False: another came first and says something else; both are kept.

        Raises:
            DataError: it cannot be written; then it does not count.
        """
        with self._locked():
            if decision.action not in self._actions:
                news = [] if passage.id in self.passages else [passage]
                self._journal.append(*news, decision)
                self._stale = True
                self.refresh()
            if self._stale:  # also where it was full when this decision was kept
                self._write()
            return self._actions[decision.action]

    def has(self, action: str) -> bool:
        """Whether a press of a key was kept already."""
        with self._thread_lock:
            self.refresh()
            return action in self._actions

    def last_of(self, person: str) -> tuple[Decision, Decision | None] | None:
        """The last decision of a person that an undo takes back, and what held before it; None: there is none.

        One that somebody has changed since is given once, for a message, and then passed over.
        """
        with self._thread_lock:
            self.refresh()
            stack = self._undoable.get(person, [])
            if not stack:
                return None
            if self.states[stack[-1][0].item].current is not stack[-1][0]:
                return stack.pop()
            return stack[-1]

    def lease(self, passages: Iterator[str], client: str, person: str) -> tuple[str | None, dict[str, Lease]]:
        """Leases the first of some passages that nobody else is at.

        Returns:
            Its id, None where others are at all of them; and the leases of others.
        """
        with self._locked():
            others = {name: one for name, one in self._leases.held().items() if one.client != client}
            chosen = next((name for name in passages if name not in others), None)
            with contextlib.suppress(OSError):  # a lease is only advice
                if chosen is None:
                    self._leases.release(client)
                else:
                    self._leases.take(chosen, client, person)
            return chosen, others

    def leases(self) -> dict[str, Lease]:
        """Who is where, by passage id."""
        return self._leases.held()

    def release(self, client: str) -> None:
        """Ends the leases of a client that goes."""
        with self._locked(), contextlib.suppress(OSError):
            self._leases.release(client)

    def _add(self, decision: Decision) -> None:
        state = self.states.setdefault(decision.item, LabelState())
        before = state.current
        held = state.add(decision)
        self._actions[decision.action] = held
        stack = self._undoable.setdefault(decision.person, [])
        if decision.undoes:
            if stack and stack[-1][0].item == decision.item:
                undone = stack.pop()[1]
                if stack and held and undone is not None and stack[-1][0].item == decision.item:
                    # What holds is again the person's own decision before, so that it can be undone in its turn.
                    stack[-1] = (decision, stack[-1][1])
        elif state.current is decision:
            stack.append((decision, before))

    def _write(self) -> None:
        rows = (example_of(state, self.passages[_passage_of(state)]) for state in self.states.values())
        content = labels_bytes((row for row in rows if row is not None), self._journal.path.name, self.decisions)
        with artifacts.writing(self.path, resumes=True):
            artifacts.write_bytes(self.path, content)
        self._stale = False

    def _check_file(self) -> None:
        """Refuses to write over what is not from here."""
        where = str(self.path)
        artifacts.sweep(self.path.parent, self.path.name, older_than=60)
        self.refresh()
        if not self.path.exists():
            return
        try:
            value = json.loads(self.path.read_bytes())
        except OSError as error:
            raise DataError(f"{where}: cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or MARK not in value:
            raise ConfigError(where, "is there and was not written by this page; give another --output")
        if not is_untouched(value):
            raise ConfigError(
                where,
                "was changed by another program, and would be written over; move it away, and the labels of this page "
                "are written anew",
            )
        if value[MARK].get("decisions", 0) > self.decisions:
            raise ConfigError(
                where,
                f"holds more decisions than its journal {self._journal.path.name}; put the journal back beside it, or "
                "give another --output",
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone, with all news taken in."""
        with self._thread_lock, contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._file_lock.acquire(timeout=PATIENCE))
            except Timeout:
                raise DataError(
                    f"{self.path}: another process has held its lock for {PATIENCE:.0f} s; try again"
                ) from None
            except NotImplementedError:  # a file system without locks
                pass
            except OSError as error:
                raise artifacts.write_error(self.path, error.strerror or error) from error
            self.refresh()
            yield

    def _beside(self, kind: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{kind}")


def _passage_of(state: LabelState) -> str:
    assert state.current is not None  # the first decision on a question always holds
    return state.current.passage
