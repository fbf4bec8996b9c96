"""Asking documents: texts, documents and paths, what is ranked, and what is said of anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.predictor import DocumentAnswer, QuestionError
from tests.predictor.fakes import CONTEXT, WordFinder
from tests.predictor.made import lookup

BRIDGE = "The bridge of London is old."


def test_a_text_a_document_and_paths_are_asked_together(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, text in (
        ("folder/one.txt", "London has a bridge."),
        ("folder/two.md", "About Paris."),
        ("b.txt", BRIDGE),
    ):
        (tmp_path / name).write_text(text)
    given = [CONTEXT, Document("London again.", "c"), tmp_path / "folder", tmp_path / "b.txt"]
    reply = WordFinder().ask("Where is London?", given, top_k=9)
    sources = {answer.document and Path(answer.document.source).name for answer in reply.answers}
    assert sources == {None, "c", "one.txt", "b.txt"}
    for answer in reply.answers:
        assert answer.context[answer.start : answer.end] == answer.text == "London"
        assert answer.document is None or answer.document.text == answer.context
    assert [a.confidence for a in reply.answers] == sorted((a.confidence for a in reply.answers), reverse=True)


def test_a_string_is_a_text_even_where_a_file_or_folder_has_that_name_and_that_is_said(tmp_path, monkeypatch, caplog):
    (tmp_path / "London.txt").write_text(BRIDGE)
    (tmp_path / "London").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("London.txt", "London", "../" + tmp_path.name + "/London/"):
        assert WordFinder().ask("And London?", name).answers[0].context == name
        assert f'Path("{name}") reads it' in caplog.text
        caplog.clear()
    assert WordFinder().ask("And London?", "London is large.").found and not caplog.text
    assert WordFinder().ask("And London?", Path("London.txt")).answers[0].context == BRIDGE
    assert not caplog.text


def test_the_best_answer_is_at_hand():
    reply = lookup({"contract": 9.0}).ask("what?", "please bring the contract")
    assert (reply.text, reply.start, reply.end) == ("contract", 17, 25) and reply.confidence > 0.9
    silent = lookup({"contract": 9.0}, version_2_with_negative=True).ask("what?", "please come early")
    assert (silent.text, silent.start, silent.end) == ("", None, None)
    assert silent.confidence == silent.no_answer_confidence > 0.9
    none = WordFinder().ask("And London?", BRIDGE, min_confidence=0.99)
    assert (none.answers, none.text, none.start, none.end) == ([], "", None, None)


def test_the_page_of_an_answer_is_known():
    document = Document("One page.\n\nLondon is here.", "a.pdf", [Page(1, 0, 9), Page(2, 11, 26)])
    (found,) = WordFinder().ask("Where is London?", document).answers
    assert (found.page, found.document) == (2, document)


def test_spans_follow_where_no_answer_won():
    reply = WordFinder(speaks=False).ask("Where is London?", CONTEXT, top_k=2)
    assert [found.start for found in reply.answers] == [None, 22]


def test_no_answer_in_one_of_two_documents_says_nothing_of_the_other():
    texts = [Document(BRIDGE, "a"), Document("Nothing of interest stands here. " * 20, "b")]
    reply = WordFinder().ask("Where is London?", texts)
    assert reply.no_answer_confidence < 0.2 and not reply.none_likelier
    assert WordFinder(sure=0.2).ask("Where is London?", texts).none_likelier


def test_all_answers_have_a_least_confidence_of_their_own():
    predictor = WordFinder()
    assert len(predictor.ask("Where is London?", CONTEXT, all_answers=True).answers) == 2
    assert len(predictor.ask("Where is London?", CONTEXT, all_answers=True, min_confidence=0.6).answers) == 1
    unsure = WordFinder(sure=0.09)  # of the second place: 0.042
    assert len(unsure.ask("Where is London?", CONTEXT, all_answers=True).answers) == 1
    assert len(unsure.ask("Where is London?", CONTEXT, top_k=2).answers) == 2
    assert [asked["n_best_size"] for asked in predictor.decoded_with] == [20, 20]
    predictor.ask("Where is London?", CONTEXT, all_answers=True, min_confidence=0.01)
    assert predictor.decoded_with[-1]["n_best_size"] == 100


def test_limits_of_a_call_are_those_of_predict():
    predictor = lookup({"contract": 9.0, "signed": 8.0})
    text = "please bring the contract signed"
    assert len(predictor.ask("what?", text, max_answer_length=1).text) < len(predictor.ask("what?", text).text)
    assert predictor.ask("what?", text, n_best_size=3, temperature=50.0).confidence < 0.9
    with pytest.raises(ConfigError, match="max_answer_len is not known; did you mean max_answer_length"):
        predictor.ask("what?", text, max_answer_len=1)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (3, r"documents: expected a text, a Document, or a pathlib\.Path of a file or folder, or several.*found int"),
        ({"a": "b"}, "documents: expected a text.* found dict"),
        (b"London", "documents: expected a text.* found bytes"),
        (["London", 3], "document 1: expected a text.* found int"),
        ([], "documents: nothing to ask; give a text"),
        ([" "], "row 0: context is blank"),
        ("", "row 0: context is empty"),
    ],
)
def test_anything_else_is_one_message(documents, message):
    for asked in (lambda: lookup({}).ask("who?", documents), lambda: list(lookup({}).ask_many(["who?"], documents))):
        with pytest.raises(QuestionError, match=message.replace("row 0", "row 0.*")):
            asked()


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.pdf"):
        WordFinder().ask("who?", tmp_path / "none.pdf")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"top_k": 0}, "top_k must be a whole number, 1 or more, found 0"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"min_confidence": 2}, "min_confidence must be a number, from 0 to 1, found 2"),
        ({"min_confidence": True}, "min_confidence must be a number"),
        ({"n_best_size": "x"}, "n_best_size must be a whole number"),
    ],
)
def test_wishes_that_cannot_be_are_refused_before_anything_is_asked(wanted, message):
    predictor = WordFinder()
    with pytest.raises(ConfigError, match=message):
        predictor.ask("Where is London?", CONTEXT, **wanted)
    assert predictor.decoded_with == []


def test_many_questions_have_the_answers_of_one_by_one():
    predictor = lookup({"contract": 9.0, "clinic": 7.0}, version_2_with_negative=True)
    texts = [Document("please bring the contract", "a"), Document("the clinic opens early", "b")]
    rows = [{"id": f"q{number}", "question": question} for number, question in enumerate(("what?", "when?", "who?"))]
    found = list(predictor.ask_many(rows, texts, top_k=2))
    for row, reply in zip(rows, found, strict=True):
        alone = predictor.ask(row["question"], texts, top_k=2)
        assert (reply.id, reply.question) == (row["id"], row["question"])
        assert [(one.text, one.start, one.document) for one in reply.answers] == [
            (one.text, one.start, one.document) for one in alone.answers
        ]
        assert [one.confidence for one in reply.answers] == pytest.approx([one.confidence for one in alone.answers])
        assert reply.null_odds == pytest.approx(alone.null_odds)
    assert list(predictor.ask_many(rows, texts, top_k=2, skip=2)) == found[2:]
    assert [reply.id for reply in predictor.ask_many(["what?", "who?"], texts)] == ["0", "1"]
    (nothing,) = predictor.ask_many(["what?"], ["come early", "or late"], top_k=1)
    assert nothing.text == "" and nothing.answers[0].document is None


def answer_in(text, words, headings=()):
    start = text.index(words)
    passage = Passage("1", "rules.md", text, start=0, end=len(text), headings=headings)
    return DocumentAnswer(words, start, start + len(words), 0.9, text, Document(text, "rules.md"), passage)


@pytest.mark.parametrize(
    ("text", "words", "headings", "sentence"),
    [
        ("## Keys\nA key costs 85 euros. Ask Ingrid.", "85 euros", (), "A key costs 85 euros."),
        ("Keys\nA key costs 85 euros.", "85 euros", ("Rules", "Keys"), "A key costs 85 euros."),
        ("Rules\nKeys\nA key costs 85 euros.", "85 euros", ("Rules", "Keys"), "A key costs 85 euros."),
        ("Keys\nare kept by Ingrid.", "Ingrid", (), "Keys\nare kept by Ingrid."),
        ("## Keys of\nIngrid.", "Keys of", (), "## Keys of\nIngrid."),
        ("## Prices\n| Boat | Day |\n|---|---|\n| Canoe | 30 |\n| Raft | 18 |", "30", (), "| Canoe | 30 |"),
        ("Berth | Fee\nA1 | 420\nB7 | 300", "420\nB7", (), "A1 | 420\nB7 | 300"),
    ],
)
def test_the_sentence_of_an_answer_is_no_heading_and_of_a_table_its_row(text, words, headings, sentence):
    found = answer_in(text, words, headings)
    low, high = found.sentence_place()
    assert found.sentence == sentence == text[low:high]
    assert low <= found.start and found.end <= high
