"""Inputs that were good and are damaged at random: none ends in a traceback, a wrong label, a hang or a full memory.

A few hundred inputs always, the same ones each time; 100,000 with `-m slow`, others by FUZZ_SEED. An input that fails
is named and kept: FUZZ_KEEP names a folder for it.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fuzz.surfaces import SURFACES, Surface

QUICK, MANY = 1000, 100_000
MOST_SECONDS = 20.0  # of one input, on a busy machine
MOST_MEMORY = 400 * 2**20  # bytes that one input may add to the most that the process ever took
TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b"'", b",", b":", b"\n", b"\r\n", b"\t", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e400", b"9" * 30, b"9" * 5000, b"0x" + b"f" * 5000),
    *("\u202e\u0301\U0001f600\u2028\u00a0".encode(), "\ufdfa\u0130".encode(), b"\xed\xa0\x80", b"\\ud800"),
    *(b"[" * 700, b"]" * 700, b'{"a":' * 700, b" " * 5000, b"'a' " * 2000, b"=1+1", b"<html>"),
)


def mutated(rng: random.Random, content: bytes, other: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """The content with up to four random damages."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        begin = rng.randrange(len(data) + 1)
        end = min(len(data), begin + rng.choice((1, 2, 8, 40, 400)))
        kind = rng.randrange(8)
        if kind == 0:
            data[begin:end] = b""
        elif kind == 1:
            data[begin:begin] = rng.choice(tokens)
        elif kind == 2:
            data[begin:end] = rng.choice(tokens)
        elif kind == 3:
            data[begin:begin] = data[begin:end] * rng.choice((1, 2, 50))
        elif kind == 4 and data:
            data[min(begin, len(data) - 1)] = rng.randrange(256)
        elif kind == 5:
            del data[begin:]
        elif kind == 6:
            cut = rng.randrange(len(other) + 1)
            data[begin:end] = other[cut : cut + 400]
        else:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


@contextmanager
def bounded() -> Iterator[None]:
    """Fails where one input takes too long or too much memory; breaks off what hangs."""

    def hang(*_: object) -> None:
        raise AssertionError(f"no answer within {3 * MOST_SECONDS:.0f} s")

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    usual = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, 3 * MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    assert time.process_time() - began < MOST_SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_MEMORY


def try_inputs(surface: Surface, count: int, seed: int, folder: Path) -> int:
    """Reads `count` mutated inputs; returns how many were accepted.

    Raises:
        AssertionError: one of them failed; says which, and where it lies.
    """
    rng = random.Random(f"{surface.name} {seed}")
    seeds = surface.seeds()
    accepted = 0
    for number in range(count):
        name, content = rng.choice(seeds)
        path = folder / f"{number}-{name}"
        path.write_bytes(mutated(rng, content, rng.choice(seeds)[1], TOKENS + surface.tokens))
        try:
            with bounded():
                accepted += surface.read(path)
        except Exception as error:
            kept = Path(os.environ.get("FUZZ_KEEP", folder)) / f"{surface.name}-{path.name}"
            kept.write_bytes(path.read_bytes())
            raise AssertionError(f"{surface.name}, seed {seed}, input {number}: {kept}") from error
        path.unlink()
    return accepted


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_good_inputs_are_accepted(surface, tmp_path):
    """Else the mutations would begin from what is refused at once."""
    accepted = 0
    for number, (name, content) in enumerate(surface.seeds()):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        accepted += surface.read(path)
    assert accepted >= len(surface.seeds()) * 0.6


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_damaged_inputs_are_read_or_refused(surface, tmp_path):
    accepted = try_inputs(surface, QUICK * surface.share // 100, 0, tmp_path)
    assert 0 < accepted < QUICK * surface.share // 100


@pytest.mark.slow
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_a_hundred_thousand_damaged_inputs_are_read_or_refused(surface, tmp_path):
    assert try_inputs(surface, MANY * surface.share // 100, int(os.environ.get("FUZZ_SEED", "1")), tmp_path)


def test_mutations_are_the_same_each_time():
    assert sum(surface.share for surface in SURFACES) == 100
    first, second = (mutated(random.Random(3), b"abc\ndef" * 9, b"other", TOKENS) for _ in range(2))
    assert first == second != b"abc\ndef" * 9
