"""BM25 that is kept gives what BM25 over the same texts gives; records are read one by one as they were written."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.retrieval.ranking import split_words, stem_function, terms, word_scores
from qa_pipeline.retrieval.records import Records, RecordWriter
from qa_pipeline.retrieval.words import WordIndex, read_stems

WORDS = st.sampled_from(
    [*("Fees", "fee", "of", "the", "boats", "Boat's", "Straße", "研究所", "漢字abc", "10", "é", "ﬁsh", "--")]
)
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=8)
LANGUAGES = st.sampled_from(["en", "de", "zh", "xx"])


@given(TEXTS, st.lists(WORDS, max_size=5).map(" ".join), LANGUAGES)
@settings(deadline=None, max_examples=60)
def test_kept_scores_are_those_of_the_texts(texts, question, language):
    expected = word_scores(question, texts, language)
    with TemporaryDirectory() as folder:
        built = WordIndex.build(iter(texts), language)
        built.save(Path(folder) / "words")
        opened = WordIndex.open(Path(folder) / "words", len(texts), language)
        again = WordIndex.build(texts, language, read_stems(Path(folder) / "words"))
        for one in (built, opened, again):
            assert one.scores(question) == pytest.approx(expected)


@given(st.text(max_size=60), LANGUAGES)
@settings(deadline=None)
def test_terms_are_the_stems_of_the_words_that_are_no_stop_words(text, language):
    stem = stem_function(language)
    assert terms(text, language) == [term for term in map(stem, split_words(text)) if term is not None]


def test_each_word_is_stemmed_once_and_not_again_where_its_stem_is_known(tmp_path, monkeypatch):
    from qa_pipeline.retrieval import words

    stemmed = []
    monkeypatch.setattr(words, "stem_function", lambda language: lambda word: stemmed.append(word) or word[:4])
    built = WordIndex.build(["boats boats fees", "boats"], "en")
    assert stemmed == ["boats", "fees"]
    built.save(tmp_path / "words")
    WordIndex.build(["boats kayaks"], "en", read_stems(tmp_path / "words"))
    assert stemmed == ["boats", "fees", "kayaks"]


def test_damaged_stems_are_no_stems(tmp_path):
    (tmp_path / "stems.json").write_text("[1")
    assert read_stems(tmp_path) == {} == read_stems(tmp_path / "nowhere")


def test_a_folder_of_other_texts_is_refused(tmp_path):
    WordIndex.build(["boats", "fees"], "en").save(tmp_path / "words")
    with pytest.raises(ValueError, match="words has 2 texts, expected 3"):
        WordIndex.open(tmp_path / "words", 3, "en")


VALUES = st.lists(st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=9)), max_size=6)


@given(VALUES, VALUES)
@settings(deadline=None, max_examples=40)
def test_records_are_read_as_they_were_written_and_copied(first, second):
    with TemporaryDirectory() as name:
        folder = Path(name)
        with RecordWriter(folder, "one") as one:
            for value in first:
                one.append(value)
        records = Records(folder, "one")
        assert [records[number] for number in range(len(records))] == first
        with RecordWriter(folder, "two") as two:
            for value in second:
                two.append(value)
            two.append_lines(*records.lines(len(first) // 2, len(first)))
        copied = Records(folder, "two")
        assert [copied[number] for number in range(len(copied))] == second + first[len(first) // 2 :]
        lines = (folder / "two.jsonl").read_bytes().decode("utf-8", "surrogatepass").split("\n")[:-1]
        assert [json.loads(line) for line in lines] == second + first[len(first) // 2 :]


def test_records_that_do_not_fit_their_offsets_are_refused(tmp_path):
    with RecordWriter(tmp_path, "one") as one:
        one.append({})
    (tmp_path / "one.jsonl").write_bytes(b"{}\n{}\n")
    with pytest.raises(ValueError, match="do not fit together"):
        Records(tmp_path, "one")
    with RecordWriter(tmp_path, "one") as one:
        one.append(1)
    with pytest.raises(IndexError):
        Records(tmp_path, "one")[1]
    np.save(tmp_path / "one.offsets.npy", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        Records(tmp_path, "one")
