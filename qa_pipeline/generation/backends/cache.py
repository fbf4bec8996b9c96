"""Every completion ever paid for, in one SQLite file; what is in it is never asked again.

Rows are only added. A completion is committed before anybody sees it, so that a process killed at any moment loses at
most what was still under way. Several processes may share a file. The file holds neither keys nor prompts.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.budget import Usage
from qa_pipeline.generation.backends.protocol import Completion, Request
from qa_pipeline.text.folding import whole_characters

FORMAT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS completions (
    digest TEXT PRIMARY KEY, request TEXT NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
);
INSERT OR IGNORE INTO spent VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS unsettled (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
);
INSERT INTO unsettled SELECT 1, 0,
    max(0, prompt_tokens - (SELECT coalesce(sum(prompt_tokens), 0) FROM completions)),
    max(0, completion_tokens - (SELECT coalesce(sum(completion_tokens), 0) FROM completions))
    FROM spent WHERE NOT EXISTS (SELECT 1 FROM unsettled);
"""
"""`unsettled` is the part of `spent` that is booked at its most, since nobody knows what it came to. In a file that was
made without it, what no completion accounts for."""


def digest_of(model: str, request: Request) -> str:
    """The name of a completion: SHA-256 of model, messages, parameters and the request's key (it holds the sample)."""
    content = [
        model,
        [[m.role, m.content] for m in request.messages],
        [request.max_tokens, request.temperature, request.seed, request.schema],
        request.key,
    ]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """The completions in one file, and the account of what was spent on them.

    Args:
        path: the file, made with its folder where it is not there; None keeps everything in memory.

    Raises:
        BackendError: the file is no cache of this kind or cannot be written.
    """

    def __init__(self, path: str | Path | None = None):
        self.name = "memory" if path is None else str(path)
        self._lock = threading.Lock()
        try:
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(":memory:" if path is None else path)
        except (sqlite3.Error, OSError) as error:
            raise BackendError(
                f"cache {self.name}: cannot be used ({error}); give another file, or delete it with its completions"
            ) from error

    def get(self, model: str, request: Request) -> Completion | None:
        """The stored completion of a request."""
        with self._reading() as database:
            row = database.execute(
                "SELECT text, finish_reason, prompt_tokens, completion_tokens FROM completions WHERE digest = ?",
                (digest_of(model, request),),
            ).fetchone()
        if row is None:
            return None
        text, finish_reason, prompt_tokens, completion_tokens = row
        return Completion(request.key, text, finish_reason, prompt_tokens, completion_tokens, cached=True)

    def put(
        self, model: str, request: Request, completion: Completion, correction: Usage, settled: Usage | None = None
    ) -> None:
        """Stores a completion and settles its booking in one transaction; the first of two is kept.

        Args:
            model: as given to `get`.
            request: what was asked.
            completion: what came back.
            correction: what was used minus what was booked.
            settled: what was booked for it.
        """
        row = (
            digest_of(model, request),
            whole_characters(request.key),
            whole_characters(model),
            whole_characters(completion.text),
            whole_characters(completion.finish_reason),
            completion.prompt_tokens,
            completion.completion_tokens,
        )
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            _add(database, "spent", correction)
            _add(database, "unsettled", Usage() - (settled or Usage()))

    def reserve(self, most: Usage, fault: Callable[[Usage, Usage], str | None]) -> str | None:
        """Books the most that a request can use, unless `fault` finds something wrong with the totals so far.

        Returns:
            What `fault` found; None: it is booked.
        """
        with self._transaction() as database:
            found = fault(*_totals(database))
            if found is None:
                _add(database, "spent", most)
                _add(database, "unsettled", most)
        return found

    def settle(self, most: Usage, used: Usage) -> None:
        """Replaces a booking by what was used."""
        with self._transaction() as database:
            _add(database, "spent", used - most)
            _add(database, "unsettled", Usage() - most)

    def spent(self) -> Usage:
        """What was booked so far, by every process."""
        return self.totals()[0]

    def totals(self) -> tuple[Usage, Usage]:
        """What was booked so far, and the part of it of which nobody knows what it came to."""
        with self._reading() as database:
            return _totals(database)

    @property
    def account(self) -> int:
        """A number of this file, so that sums over runs that shared it count what was spent once."""
        with self._reading() as database:
            return database.execute("PRAGMA application_id").fetchone()[0]

    def __len__(self) -> int:
        with self._reading() as database:
            return database.execute("SELECT count(*) FROM completions").fetchone()[0]

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Holds the thread's lock."""
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise _fault(self.name, "read", error) from error

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database, self._lock, self.name)


class _Transaction:
    """Holds the thread's lock and SQLite's write lock; commits, or rolls back on an exception."""

    def __init__(self, database: sqlite3.Connection, lock: threading.Lock, name: str):
        self._database, self._lock, self._name = database, lock, name

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            self._database.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._lock.release()
            if isinstance(error, sqlite3.Error):
                raise _fault(self._name, "written", error) from error
            raise
        return self._database

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._database.execute("COMMIT")
            elif self._database.in_transaction:  # some errors have rolled it back already
                self._database.execute("ROLLBACK")
        except sqlite3.Error as failed:
            raise _fault(self._name, "written", failed) from failed
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise _fault(self._name, "written", error) from error


def _fault(name: str, what: str, error: sqlite3.Error) -> BackendError:
    """What is wrong with the file, and what to do."""
    if isinstance(error, sqlite3.OperationalError) and "decode" not in str(error):  # the disk, the rights, a lock
        todo = "see that its disk has room and its folder can be written, and start the same command to go on"
    else:
        todo = (
            f"it is damaged: move it away with {name}-wal and {name}-shm, and start the same command to go on; what "
            "was in it is asked for again, and limits count from nothing"
        )
    return BackendError(f"cache {name}: cannot be {what} ({error}); {todo}")


def _open(path: str | Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    for attempt in range(100):
        try:
            database.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Another process is making the file: here SQLite does not wait by itself.
            if "locked" not in str(error) or attempt == 99:
                raise
            time.sleep(0.05)
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("BEGIN IMMEDIATE")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != FORMAT and (version or tables):
        database.close()
        raise sqlite3.DatabaseError(f"its format is {version}, expected {FORMAT}")
    for statement in _TABLES.split(";\n"):
        database.execute(statement)
    if not version:
        database.execute(f"PRAGMA application_id={secrets.randbelow(2**31 - 1) + 1}")
    database.execute(f"PRAGMA user_version={FORMAT}")
    database.execute("COMMIT")
    return database


def _totals(database: sqlite3.Connection) -> tuple[Usage, Usage]:
    """Both in one statement, so that no other process comes between."""
    row = database.execute(
        "SELECT s.requests, s.prompt_tokens, s.completion_tokens, u.requests, u.prompt_tokens, u.completion_tokens "
        "FROM spent s, unsettled u"
    ).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("its account is missing")
    return Usage(*row[:3]), Usage(*row[3:])


def _add(database: sqlite3.Connection, table: str, amount: Usage) -> None:
    database.execute(
        f"UPDATE {table} SET requests = requests + ?, prompt_tokens = prompt_tokens + ?, "
        "completion_tokens = completion_tokens + ?",
        (amount.requests, amount.prompt_tokens, amount.completion_tokens),
    )
