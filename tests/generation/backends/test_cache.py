from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import Cache
from qa_pipeline.generation.backends.budget import Usage
from qa_pipeline.generation.backends.protocol import Completion, Message, Request
from tests.generation.backends.made import request, requests
from tests.generation.server import Reply, ScriptedServer

ROOT = Path(__file__).resolve().parents[3]
DONE = Completion("p/step/0", "text", "stop", 3, 4, cached=False)


def test_what_is_put_in_comes_out(tmp_path):
    Cache(tmp_path / "c.sqlite").put("m", request(), DONE, Usage(1, 3, 4))
    cache = Cache(tmp_path / "c.sqlite")
    assert cache.get("m", request()) == Completion("p/step/0", "text", "stop", 3, 4, cached=True)
    assert cache.spent() == Usage(1, 3, 4)


@pytest.mark.parametrize(
    "change",
    [{"key": "p/step/1"}, {"text": "else"}, {"max_tokens": 21}, {"temperature": 0.6}, {"seed": 2}, {"schema": {}}],
    ids=str,
)
def test_every_parameter_is_part_of_the_key(change):
    cache = Cache()
    cache.put("m", request(), DONE, Usage())
    assert cache.get("m", request(**change)) is None
    assert cache.get("other", request()) is None


def test_turns_cannot_be_mistaken_for_one_another():
    cache = Cache()
    one = Request("k", (Message("user", "a"), Message("user", "b")), 1, 0.0, None, None)
    other = Request("k", (Message("user", "a\nb"),), 1, 0.0, None, None)
    cache.put("m", one, DONE, Usage())
    assert cache.get("m", other) is None


def test_the_first_of_two_completions_stays():
    cache = Cache()
    cache.put("m", request(), DONE, Usage())
    cache.put("m", request(), Completion("p/step/0", "later", "stop", 3, 4, False), Usage())
    assert cache.get("m", request()).text == "text" and len(cache) == 1


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database at all, but long enough to look at " * 30)
    with pytest.raises(BackendError, match="cannot be used"):
        Cache(tmp_path / "text")
    database = sqlite3.connect(tmp_path / "other")
    database.execute("CREATE TABLE theirs (x)")
    database.commit()
    with pytest.raises(BackendError, match="its format is 0, expected 1"):
        Cache(tmp_path / "other")


def test_a_file_from_before_open_bookings_were_told_apart_goes_on(tmp_path):
    """Its bookings beyond what completions account for are those that nobody knows about."""
    cache = Cache(tmp_path / "c.sqlite")
    cache.put("m", request(), DONE, Usage(1, 3, 4))
    assert cache.reserve(Usage(1, 10, 20), lambda booked, unsettled: None) is None
    cache.close()
    with sqlite3.connect(tmp_path / "c.sqlite") as database:
        database.execute("DROP TABLE unsettled")
    database.close()
    for _ in range(2):
        cache = Cache(tmp_path / "c.sqlite")
        booked, unsettled = cache.totals()
        assert booked == Usage(2, 13, 24) and (unsettled.prompt_tokens, unsettled.completion_tokens) == (10, 20)
        assert cache.get("m", request()).text == "text"
        cache.close()


def damaged(path: Path, where: int | bytes) -> Cache:
    """A cache of many pages, of which a part was overwritten after it was opened."""
    cache = Cache(path)
    for one in requests(300):
        cache.put("m", one, DONE, Usage(1, 3, 4))
    cache.close()
    cache = Cache(path)
    content = bytearray(path.read_bytes())
    start = content.index(where) if isinstance(where, bytes) else where
    stop = start + 4 if isinstance(where, bytes) else len(content)
    content[start:stop] = b"\xff" * (stop - start)
    path.write_bytes(content)
    cache._database.execute("PRAGMA shrink_memory")  # nothing is known by heart
    return cache


@pytest.mark.parametrize("where", [4096, b"textstop"], ids=["pages", "characters"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, where):
    cache = damaged(tmp_path / "c.sqlite", where)
    uses = [lambda: [cache.get("m", one) for one in requests(300)]]
    if where == 4096:
        uses += [cache.totals, lambda: len(cache), lambda: cache.settle(Usage(), Usage(1)),
                 lambda: cache.reserve(Usage(1), lambda booked, unsettled: None),
                 lambda: cache.put("m", request("new"), DONE, Usage())]  # fmt: skip
    for use in uses:
        with pytest.raises(BackendError, match=r"c\.sqlite: cannot be (read|written) \(.*it is damaged: move it away"):
            use()


def test_a_file_without_its_account_is_damaged(tmp_path):
    cache = Cache(tmp_path / "c.sqlite")
    with sqlite3.connect(tmp_path / "c.sqlite") as database:
        database.execute("DELETE FROM spent")
    database.close()
    with pytest.raises(BackendError, match="its account is missing.*move it away"):
        cache.totals()


def test_a_file_that_cannot_be_written_is_not_called_damaged(tmp_path):
    cache = Cache(tmp_path / "c.sqlite")
    cache._database.execute("PRAGMA query_only = 1")
    with pytest.raises(BackendError, match=r"cannot be written \(.*readonly.*see that its disk has room") as caught:
        cache.put("m", request(), DONE, Usage(1))
    assert "damaged" not in str(caught.value)


def test_half_characters_are_kept_as_replacement_marks():
    cache = Cache()
    cache.put("m\ud800", request("k\ud800"), Completion("k", "a\ud83d b\udc00", "stop\ud800", 3, 4, False), Usage())
    found = cache.get("m\ud800", request("k\ud800"))
    assert (found.text, found.finish_reason) == ("a\ufffd b\ufffd", "stop\ufffd")


CLIENT = """
import sys
from tests.generation.backends.made import backend, requests
print("started", flush=True)
for result in backend(sys.argv[1], sys.argv[2], concurrency=4, max_requests=10000).complete(requests(int(sys.argv[3]))):
    pass
print("finished", flush=True)
"""


def test_killed_at_random_moments_nothing_that_is_kept_is_asked_again(tmp_path):
    rng = random.Random(3)
    number = 60
    file = tmp_path / "c.sqlite"
    with ScriptedServer(lambda n, body: Reply("fine", seconds=0.02)) as server:
        known: set[str] = set()
        finished = False
        for turn in range(12):
            before = len(server.log)
            client = subprocess.Popen(
                [sys.executable, "-c", CLIENT, server.url, str(file), str(number)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert client.stdout.readline() == "started\n"
            if turn < 4:
                # At some moment while requests are under way.
                while len(server.log) < before + rng.randrange(1, 12) and client.poll() is None:
                    time.sleep(0.005)
                time.sleep(rng.random() * 0.03)
                client.send_signal(signal.SIGKILL)
            finished = client.stdout.read().endswith("finished\n")
            client.wait()
            asked = [entry.body["messages"][0]["content"] for entry in server.log[before:]]
            assert not known & set(asked)
            assert len(asked) == len(set(asked))
            rows = sqlite3.connect(file).execute("SELECT request FROM completions").fetchall()
            known = {f"Say {row[0].split('/')[0][1:]}." for row in rows}
            if finished:
                break
        assert finished and len(known) == number
        assert len(server.log) <= number + 4 * 4  # no more than was under way at each kill
        assert Cache(file).spent().requests >= len(server.log)
        assert os.path.getsize(file) > 0
