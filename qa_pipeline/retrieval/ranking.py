"""Orders texts by a query: BM25 over stems, embeddings, and both fused. Never says whether the best one is good.

BM25 is bm25s in its Lucene form; stems are Snowball's and stop words those of bm25s, each where the language has some.
Scripts without spaces between words are cut into pairs of characters, as Lucene does. Rankings are fused by reciprocal
rank (Cormack, Clarke and Büttcher 2009, https://doi.org/10.1145/1571941.1572114), which needs no common scale.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.text.languages import language_name

K = 60
"""Damps the first ranks in `fuse`; the value of the paper."""
_LITTLE = 8.0
"""Weight of shared terms (two or three rare words) that is half of full evidence, see `coverage`."""

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)")


@dataclass(frozen=True)
class Ranked:
    """A text in a ranking.

    Attributes:
        place: its place among the texts that were given, from 0.
        score: the higher, the nearer to the query; comparable within one ranking only.
    """

    place: int
    score: float


def rank_texts(
    query: str, texts: Sequence[str], language: str = "en", embedder: Embedder | None = None
) -> list[Ranked]:
    """All texts, the nearest to the query first; of equal ones the one that was given first.

    Args:
        query: words or a sentence.
        texts: what is ranked.
        language: code of the language of both, for stems and stop words.
        embedder: with one, words and meaning are fused; without, words alone decide.

    Raises:
        ModelError: the embedder's model cannot be loaded.

    Example:
        >>> texts = ["Bus and train times", "Leave and sick days of employees", "Soups"]
        >>> [ranked.place for ranked in rank_texts("How much leave does an employee get?", texts)]
        [1, 0, 2]
    """
    scores = word_scores(query, texts, language)
    if embedder is not None:
        scores = fuse([scores, meaning_scores(query, texts, embedder)])
    return [Ranked(int(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")]


def word_scores(query: str, texts: Sequence[str], language: str = "en") -> np.ndarray:
    """(num_texts,) BM25 scores; 0 where a text has no word of the query."""
    rows = [terms(text, language) for text in texts]
    vocabulary = {term: number for number, term in enumerate(sorted({term for row in rows for term in row}))}
    known = [vocabulary[term] for term in sorted(set(terms(query, language))) if term in vocabulary]
    if not known:
        return np.zeros(len(texts), dtype=np.float32)
    bm25 = new_bm25()
    bm25.index(([[vocabulary[term] for term in row] for row in rows], vocabulary), show_progress=False)
    return np.asarray(bm25.get_scores_from_ids(known))


def coverage(query: str, texts: Sequence[str], language: str = "en") -> np.ndarray:
    """(num_texts,) how much of the query is in each text, in [0, 1); comparable between queries, unlike a BM25 score.

    The share of the query's terms, a rare one weighing more (its idf), times w / (w + 8), where w is the weight of the
    shared terms: one shared word, however rare, is weak evidence ("leave policy", "privacy policy").
    """
    rows = [set(terms(text, language)) for text in texts]
    wanted = sorted(set(terms(query, language)))
    counts = [sum(term in row for row in rows) for term in wanted]
    weights = np.log(1 + (len(rows) - np.array(counts) + 0.5) / (np.array(counts) + 0.5))
    held = np.array([[term in row for term in wanted] for row in rows], dtype=float).reshape(len(rows), len(wanted))
    shared = held @ weights
    return np.asarray(shared / weights.sum() * shared / (shared + _LITTLE)) if wanted else np.zeros(len(rows))


def meaning_scores(query: str, texts: Sequence[str], embedder: Embedder) -> np.ndarray:
    """(num_texts,) cosines of the query's embedding with each text's, in [-1, 1]."""
    vectors = embedder.embed([query, *texts])
    return np.asarray(vectors[1:] @ vectors[0])


def fuse(rankings: Sequence[np.ndarray]) -> np.ndarray:
    """Scores of several rankings as one: for each text the sum of 1 / (K + rank), rank from 1.

    A ranking says nothing of texts that it scores 0 or less, and equal scores share the better rank.

    >>> fuse([np.array([3.0, 0.0, 1.0]), np.array([0.5, 0.4, 0.1])]).argmax()
    np.int64(0)
    """
    fused = np.zeros(len(rankings[0]), dtype=np.float64)
    for scores in rankings:
        ordered = np.sort(-scores)
        ranks = np.searchsorted(ordered, -scores, side="left") + 1
        fused += np.where(scores > 0, 1 / (K + ranks), 0)
    return fused


def terms(text: str, language: str = "en") -> list[str]:
    """What BM25 counts of a text: stems without stop words; of scripts without spaces, pairs of characters.

    >>> terms("Employees' leave, and the days of it")
    ['employe', 'leav', 'day']
    >>> terms("\u7814\u7a76\u6240", "zh")
    ['\u7814\u7a76', '\u7a76\u6240']
    """
    return list(_terms(text, _code(language)))


@lru_cache(maxsize=4096)  # the same texts are ranked by one query after the other
def _terms(text: str, code: str) -> tuple[str, ...]:
    stemmer, stop_words = _of_language(code)
    kept = [word for word in split_words(text) if word not in stop_words]
    return tuple(stemmer.stemWords(kept) if stemmer is not None else kept)


def split_words(text: str) -> list[str]:
    """The words of a text in small letters; of scripts without spaces, pairs of characters. Not yet stems."""
    if text.isascii():
        return _WORD.findall(text.lower())
    found: list[str] = []
    for piece in _UNSPACED.split(unicodedata.normalize("NFKC", text).casefold()):
        if _UNSPACED.fullmatch(piece):
            found += [piece[place : place + 2] for place in range(max(1, len(piece) - 1))]
        else:
            found += _WORD.findall(piece)
    return found


def stem_function(language: str) -> Callable[[str], str | None]:
    """What turns a word of `split_words` into its term; None for a stop word."""
    stemmer, stop_words = _of_language(_code(language))
    stem = (lambda word: word) if stemmer is None else stemmer.stemWord
    return lambda word: None if word in stop_words else stem(word)


def new_bm25() -> Any:
    """An empty index of bm25s, as all BM25 scores here are computed."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG
    return bm25s.BM25(method="lucene", backend="numpy")


def _code(language: str) -> str:
    return language.lower().split("-")[0].split("_")[0]


@cache
def _of_language(code: str) -> tuple[Any, frozenset[str]]:
    """(Snowball stemmer or None, stop words) of a language."""
    import snowballstemmer
    from bm25s import stopwords

    name = language_name(code).lower()
    stemmer = snowballstemmer.stemmer(name) if name in snowballstemmer.algorithms() else None
    listed = "EN_PLUS" if code == "en" else name.upper()
    return stemmer, frozenset(getattr(stopwords, f"STOPWORDS_{listed}", ()))
