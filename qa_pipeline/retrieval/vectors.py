"""Embeddings of many texts, kept as a file of bfloat16 numbers and mapped into memory.

bfloat16 has the range of float32 and half its size. Where torch is loaded it multiplies bfloat16 itself; without it
NumPy multiplies float32, a block that fits into the cache of a core at a time, in about twice the time. Both are right
to some thousandths; the cosines of the few texts that matter are computed once more.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.retrieval.embeddings import Embedder

logger = logging.getLogger(__name__)

_ROWS = 512
"""Vectors that are multiplied at once: as float32 they fit into the cache that a core has for itself."""
_BLOCK = 2048
"""Texts that are embedded together, sorted by length; their vectors are in memory once more."""
_DIGEST_BYTES = 16
_PROBE = "What must be said, in which order, and to whom?"
"""A text whose vector says whether a model is the one that the other vectors came from."""
_SAME = 0.999
"""Least cosine of the probe's vectors from one model: machines round differently (0.9999), models do not agree."""
_VECTORS, _DIGESTS, _PROBE_FILE = "vectors.bf16", "digests.npy", "probe.npy"


def digest(text: str) -> bytes:
    """What a text's vector is known by."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


class VectorIndex:
    """Texts by their meaning.

    Args:
        folder: where `write_vectors` wrote.
        count: how many texts there are.

    Raises:
        OSError, ValueError: the files are not there, or damaged.
    """

    def __init__(self, folder: Path, count: int):
        self._folder = folder
        self._digests = np.load(folder / _DIGESTS, mmap_mode="r")
        self._probe = np.load(folder / _PROBE_FILE)
        self._checked: Embedder | None = None
        size, expected = (folder / _VECTORS).stat().st_size, 2 * count * len(self._probe)
        if len(self._digests) != count or size != expected:
            raise ValueError(f"{_VECTORS} has {size} bytes, expected {expected}")
        shape = (count, len(self._probe))
        # Copy on write, as torch takes no array that cannot be written; nothing is ever written into it.
        if size:
            self._bits: np.ndarray = np.memmap(folder / _VECTORS, dtype=np.int16, mode="c", shape=shape)
        else:
            self._bits = np.empty(shape, dtype=np.int16)

    def of_question(self, question: str, embedder: Embedder) -> np.ndarray:
        """(dim,) the question's embedding.

        Raises:
            ModelError: the embedder's model cannot be loaded, or it is not the one that embedded the texts.
        """
        if self._checked is not embedder:
            self.check_model(embedder)
        return np.asarray(embedder.embed_many([question])[0])

    def cosines(self, question: np.ndarray) -> np.ndarray:
        """(num_texts,) cosines with a question's embedding, right to about 0.003.

        Where torch is loaded already, it computes them.
        """
        torch = sys.modules.get("torch")
        if torch is not None and len(self._bits):
            matrix = torch.from_numpy(self._bits).view(torch.bfloat16)
            vector = torch.from_numpy(np.ascontiguousarray(question)).to(torch.bfloat16)
            return np.asarray(torch.mv(matrix, vector).float().numpy())
        count, dim = self._bits.shape
        if dim % 2:
            parts = (self._bits[begin : begin + _ROWS] for begin in range(0, count, _ROWS))
            return np.concatenate([np.zeros(0, np.float32), *(_as_float32(part) @ question for part in parts)])
        # Two numbers stand in each 32 bits: a shift gives the first as float32, a mask the second, without a copy.
        pairs = self._bits.view(np.uint32)
        first, second = np.ascontiguousarray(question[0::2]), np.ascontiguousarray(question[1::2])
        found, block = np.empty(count, dtype=np.float32), np.empty((_ROWS, dim // 2), dtype=np.uint32)
        for begin in range(0, count, _ROWS):
            part = pairs[begin : begin + _ROWS]
            room = block[: len(part)]
            np.left_shift(part, 16, out=room)
            sums = room.view(np.float32) @ first
            np.bitwise_and(part, 0xFFFF0000, out=room)
            found[begin : begin + _ROWS] = sums + room.view(np.float32) @ second
        return found

    def exact_cosines(self, question: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(len(numbers),) cosines of a few texts, right to about 0.0005."""
        return np.asarray(_as_float32(self._bits[numbers]) @ question)

    def check_model(self, embedder: Embedder) -> None:
        """Raises ModelError where the embedder's model is another one than that of the texts."""
        if not _agrees(self._probe, embedder):
            raise ModelError(
                f"{embedder.name}: is not the model that embedded the passages of {self._folder}: the same "
                "name, other weights; make the index anew, or without embeddings (--no_dense)"
            )
        self._checked = embedder

    def known(self, embedder: Embedder) -> Mapping[bytes, int]:
        """The row of each text by its digest; empty where its vectors are of another model than `embedder`'s."""
        if not _agrees(self._probe, embedder):
            return {}
        return {bytes(row): number for number, row in enumerate(self._digests)}

    def raw(self, rows: list[int]) -> np.ndarray:
        """(len(rows), dim) int16: vectors as they stand in the file."""
        return np.asarray(self._bits[rows])


def write_vectors(
    folder: Path,
    digests: np.ndarray,
    text_of: Callable[[int], str],
    embedder: Embedder,
    old: VectorIndex | None = None,
) -> int:
    """Writes the embeddings of texts; a text that is there twice is embedded once.

    Args:
        folder: is made.
        digests: (num_texts, 16) uint8, `digest` of each text.
        text_of: gives a text by its number.
        embedder: computes what `old` does not have.
        old: vectors of earlier texts.

    Returns:
        How many texts were embedded.

    Raises:
        ModelError: the embedder's model cannot be loaded.
    """
    folder.mkdir()
    probe = embedder.embed([_PROBE])[0]
    np.save(folder / _PROBE_FILE, probe)
    np.save(folder / _DIGESTS, digests)
    path = folder / _VECTORS
    if not len(digests):
        path.touch()
        return 0
    matrix = np.memmap(path, dtype=np.int16, mode="w+", shape=(len(digests), len(probe)))
    places: dict[bytes, list[int]] = {}
    for number, row in enumerate(digests):
        places.setdefault(bytes(row), []).append(number)
    known = old.known(embedder) if old is not None else {}
    have = [each for each in places if each in known]
    for block in _blocks(have):
        assert old is not None
        _spread(matrix, old.raw([known[each] for each in block]), [places[each] for each in block])
    missing = [each for each in places if each not in known]
    done = 0
    for block in _blocks(missing):
        _spread(matrix, _as_bfloat16(embedder.embed_many([text_of(places[each][0]) for each in block])),
                [places[each] for each in block])  # fmt: skip
        done += len(block)
        if len(missing) > _BLOCK:
            logger.info("embedded %s of %s passages", f"{done:,}", f"{len(missing):,}")
    matrix.flush()
    return len(missing)


def _blocks(items: list[bytes]) -> Iterable[list[bytes]]:
    return (items[begin : begin + _BLOCK] for begin in range(0, len(items), _BLOCK))


def _spread(matrix: np.ndarray, rows: np.ndarray, places: list[list[int]]) -> None:
    """Writes each row to all of its places."""
    matrix[[place for each in places for place in each]] = np.repeat(rows, [len(each) for each in places], axis=0)


def _as_bfloat16(vectors: np.ndarray) -> np.ndarray:
    """The bits of finite float32 numbers as the nearest bfloat16 (of two as near the even one), as int16."""
    bits = np.ascontiguousarray(vectors, dtype=np.float32).view(np.uint32)
    return np.asarray(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).view(np.int16))


def _as_float32(bits: np.ndarray) -> np.ndarray:
    """The float32 numbers of which these are the bits as bfloat16."""
    return np.asarray((bits.view(np.uint16).astype(np.uint32) << 16).view(np.float32))


def _agrees(probe: np.ndarray, embedder: Embedder) -> bool:
    vector = embedder.embed([_PROBE])[0]
    return vector.shape == probe.shape and bool(vector @ probe > _SAME)
