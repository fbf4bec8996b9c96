"""The queue and its one thread: who is computed with whom, who is not computed at all, and that each gets his own."""

from __future__ import annotations

import random
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from qa_pipeline.serve.refusals import BusyError, OutOfTimeError, StoppingError
from qa_pipeline.serve.service.batching import Batcher, wait_for


class Gate:
    """Computes nothing until it is opened; keeps the batches that it was given."""

    def __init__(self):
        self.batches = []
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, key, items):
        self.batches.append((key, list(items)))
        self.entered.set()
        assert self.opened.wait(30)
        return [f"{key}{item}" for item in items]


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def held(gate, **options):
    """A batcher whose thread is busy with a first job, so that what is submitted next waits."""
    batcher = Batcher(gate, **{"most_tokens": 100, **options})
    first = batcher.submit("first", 0, tokens=1)
    assert gate.entered.wait(30)
    return batcher, first


def test_what_waits_is_computed_together_with_its_like_and_the_oldest_first(gate):
    batcher, first = held(gate)
    futures = [batcher.submit(key, item, tokens=10) for key, item in [("a", 1), ("b", 2), ("a", 3), ("b", 4)]]
    assert batcher.waiting == 4
    gate.opened.set()
    assert [one.result(30) for one in futures] == ["a1", "b2", "a3", "b4"]
    assert gate.batches == [("first", [0]), ("a", [1, 3]), ("b", [2, 4])]
    assert first.result() == "first0"
    batcher.close()


def test_a_batch_ends_where_the_token_budget_does_and_a_larger_job_is_one_of_its_own(gate):
    batcher, _ = held(gate)
    sizes = [60, 30, 20, 500, 10]
    futures = [batcher.submit("a", number, tokens=size) for number, size in enumerate(sizes)]
    gate.opened.set()
    assert [one.result(30) for one in futures] == ["a0", "a1", "a2", "a3", "a4"]
    assert [items for _, items in gate.batches[1:]] == [[0, 1, 4], [2], [3]]
    batcher.close()


def test_a_full_queue_says_when_to_come_back_and_what_nobody_waits_for_makes_room(gate):
    batcher, _ = held(gate, most_waiting=2)
    waiting = [batcher.submit("a", number, tokens=1) for number in range(2)]
    with pytest.raises(BusyError, match="2 requests wait already, which is the most; ask again in 1 s") as refused:
        batcher.submit("a", 2, tokens=1)
    assert refused.value.retry_after > 0
    waiting[0].cancel()
    replacing = batcher.submit("a", 3, tokens=1)
    gate.opened.set()
    assert (waiting[1].result(30), replacing.result(30)) == ("a1", "a3")
    assert gate.batches[1:] == [("a", [1, 3])]
    batcher.close()


def test_what_nobody_waits_for_any_more_is_never_computed(gate):
    batcher, _ = held(gate)
    cancelled, late, wanted = (batcher.submit("a", item, tokens=1, seconds=s) for item, s in [(1, 9), (2, 0), (3, 9)])
    cancelled.cancel()
    gate.opened.set()
    assert wanted.result(30) == "a3"
    with pytest.raises(OutOfTimeError, match="no answer within 0 s"):
        late.result(30)
    with pytest.raises(CancelledError):
        cancelled.result(30)
    assert gate.batches[1:] == [("a", [3])]
    batcher.close()


def test_whoever_waits_too_long_gives_his_job_up(gate):
    batcher, _ = held(gate)
    waiting = batcher.submit("a", 1, tokens=1)
    with pytest.raises(OutOfTimeError, match=r"within 0\.01 s"):
        wait_for(waiting, 0.01)
    gate.opened.set()
    batcher.close()
    assert gate.batches == [("first", [0])]


def test_an_item_that_fails_fails_alone():
    def compute(key, items):
        for item in items:
            if item == "bad":
                raise ValueError("this one")
            yield item.upper()

    entered, opened = threading.Event(), threading.Event()

    def held_compute(key, items):
        entered.set()
        opened.wait(30)
        return compute(key, items)

    with Batcher(held_compute, most_tokens=100) as batcher:
        batcher.submit("first", "x", tokens=1)
        assert entered.wait(30)
        futures = [batcher.submit("a", item, tokens=1) for item in ("one", "bad", "two", "three")]
        opened.set()
        assert [futures[place].result(30) for place in (0, 2, 3)] == ["ONE", "TWO", "THREE"]
        with pytest.raises(ValueError, match="this one"):
            futures[1].result(30)
        assert batcher.submit("a", "later", tokens=1).result(30) == "LATER", "the thread lives on"


def test_results_come_as_they_are_computed():
    second = threading.Event()
    entered, opened = threading.Event(), threading.Event()

    def compute(key, items):
        entered.set()
        opened.wait(30)
        for item in items:
            if item == 2:
                second.wait(30)
            yield item

    with Batcher(compute, most_tokens=100) as batcher:
        batcher.submit("first", 0, tokens=1)
        entered.wait(30)
        one, two = (batcher.submit("a", item, tokens=1) for item in (1, 2))
        opened.set()
        assert one.result(30) == 1 and not two.done()
        second.set()
        assert two.result(30) == 2


@pytest.mark.parametrize("results", [[], ["a", "b"]])
def test_results_that_are_not_one_for_each_item_are_a_fault(results):
    with Batcher(lambda key, items: results, most_tokens=10) as batcher:
        future = batcher.submit("a", 1, tokens=1)
        if results:
            assert future.result(30) == "a"
        else:
            with pytest.raises(RuntimeError, match="1 items were given, and 0 results came back"):
                future.result(30)


def test_closing_computes_what_waits_and_takes_nothing_more(gate):
    batcher, _ = held(gate)
    waiting = batcher.submit("a", 1, tokens=1)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while batcher.alive:
        pass
    with pytest.raises(StoppingError, match="being stopped"):
        batcher.submit("a", 2, tokens=1)
    gate.opened.set()
    closing.join(30)
    assert waiting.result(0) == "a1"


def test_of_a_thousand_jobs_of_many_threads_each_gets_its_own():
    seen = []

    def compute(key, items):
        for item in items:
            if item % 97 == 0:
                raise ValueError(f"fails: {item}")
            yield (key, item)

    def ask(number):
        key = random.Random(number).choice("abc")
        try:
            return batcher.submit(key, number, tokens=random.Random(number).randint(1, 30)).result(60) == (key, number)
        except ValueError as error:
            return str(error) == f"fails: {number}" and number % 97 == 0

    batcher = Batcher(compute, most_tokens=64, on_batch=lambda *told: seen.append(told), most_waiting=1000)
    with ThreadPoolExecutor(32) as threads, batcher:
        assert all(threads.map(ask, range(1000)))
    assert sum(jobs for jobs, _, _ in seen) == 1000
    assert all(tokens <= 64 for _, tokens, _ in seen)
