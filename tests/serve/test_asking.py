from __future__ import annotations

import os

import pytest

from qa_pipeline.documents.reading import Document, read_document
from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.serve import asking
from qa_pipeline.serve.asking import (
    MOST_ANSWERS,
    MOST_FILES,
    MOST_MEGABYTES,
    MOST_QUESTION,
    MOST_TEXT,
    ask_models,
    file_documents,
    folder_index,
    reply_of,
    text_document,
)
from tests.serve.fakes import LEAVE, PhraseFinder


def find(question, *documents, **model):
    [finding] = ask_models([PhraseFinder(**model)], question, documents or text_document(LEAVE))
    return finding


def test_no_runner_up_says_the_same_as_one_before():
    documents = [Document(LEAVE, "a.md"), Document("Leave: 28 Days. Notice: 14 days.", "b.md")]
    finding = find("Which: 28 days | 28 Days | 14 days", *documents)
    assert [answer.text for answer in finding.answers] == ["28 days", "14 days"]
    assert len(finding.reply.spans) > 2


def test_runners_up_are_few_and_none_is_hardly_likely():
    words = [letter * 3 for letter in "abcdefghijkl"]
    finding = find("Which: " + " | ".join(words), Document(" ".join(words), ""))
    assert [answer.text for answer in finding.answers] == words[:MOST_ANSWERS]
    weak = find("Which: aaa | bbb | ccc", Document(" ".join(words), ""), sure=0.03, none=0.0)
    assert [answer.text for answer in weak.answers] == ["aaa", "bbb"]


def test_the_best_answer_stays_however_unlikely_it_is():
    assert [answer.text for answer in find("Which: 14 days", sure=0.001, none=0.0).answers] == ["14 days"]


def test_what_is_likelier_not_there_is_not_found_and_the_rest_are_guesses():
    assert find("Which: 14 days").found
    unlikely = find("Which: 14 days", sure=0.2, none=0.7)
    assert not unlikely.found and [answer.text for answer in unlikely.answers] == ["14 days"]
    assert find("Which: 14 days", sure=0.005, none=0.7).answers == []  # hardly a guess
    nothing = find("Which: zebra")
    assert not nothing.found and nothing.answers == []


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", "no question yet"),
        (" \n ", "no question yet"),
        ("x" * (MOST_QUESTION + 1), "1,001 characters; 1,000 are the most"),
        (None, "must be a text, found None"),
        (["x"], r"must be a text, found \['x'\]"),
    ],
)
def test_a_question_that_cannot_be_asked_is_said_in_words(question, words):
    with pytest.raises(DataError, match=words):
        find(question)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no text to search yet"), (" \t", "no text"), ("x" * (MOST_TEXT + 1), "500,001 characters"), (7, "found 7")],
)
def test_a_text_that_cannot_be_asked_is_said_in_words(text, words):
    with pytest.raises(DataError, match=words):
        text_document(text)


def test_a_longest_question_and_a_longest_text_are_asked():
    question = "Which: needle".ljust(MOST_QUESTION, "?")
    assert not find(question, *text_document("x" * MOST_TEXT)).found


def test_an_error_of_the_model_is_its_own():
    with pytest.raises(ModelError, match="NaN"):
        find("crash: x")


def files(tmp_path, **contents):
    paths = []
    for name, content in contents.items():
        paths.append(tmp_path / name.replace("_", "."))
        paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return paths


def test_files_have_the_names_that_their_visitor_knows(tmp_path):
    paths = files(tmp_path, a_md=f"# Leave\n\n{LEAVE}", b_html="<p>Notice: <b>14 days</b>.</p>")
    documents = file_documents(paths, ["handbook.md", "notice.html"])
    assert [document.source for document in documents] == ["handbook.md", "notice.html"]
    assert documents[1].text.strip() == "Notice: 14 days."


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pdf", b"%PDF-1.4 damaged", r"^notes\.pdf: "),
        ("a.docx", b"PK\x03\x04 damaged", r"^notes\.docx: "),
        ("a.txt", b"  ", r"^notes\.txt: is empty"),
        ("a.exe", b"MZ", r"^notes\.exe: files of this kind are not read"),
        ("a", b"text", "files of this kind are not read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_as_its_visitor_knows_it(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        file_documents([path], ["notes" + path.suffix])
    assert str(tmp_path) not in str(raised.value)


def test_files_that_are_gone_too_large_or_too_many_are_refused(tmp_path):
    [path] = files(tmp_path, a_txt="words")
    with pytest.raises(DataError, match="no file yet"):
        file_documents([], [])
    with pytest.raises(DataError, match="11 files were chosen; 10 are the most"):
        file_documents([path] * (MOST_FILES + 1), ["a.txt"] * (MOST_FILES + 1))
    with pytest.raises(DataError, match=r"^b\.txt: the file is no longer here"):
        file_documents([tmp_path / "gone.txt"], ["b.txt"])
    os.truncate(path, MOST_MEGABYTES * 10**6 + 1)
    with pytest.raises(DataError, match=r"^a\.txt: has 20 MB; 20 MB are the most"):
        file_documents([path], ["a.txt"])


def test_the_text_of_all_files_counts(tmp_path):
    paths = files(tmp_path, a_txt="x" * 300_000, b_txt="y" * 300_000)
    with pytest.raises(DataError, match="together 600,000 characters; 500,000 are the most"):
        file_documents(paths, ["a.txt", "b.txt"])


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(asking, "read_document", lambda path: read.append(path) or read_document(path))
    [path] = files(tmp_path, a_txt="first")
    for _ in range(3):
        assert file_documents([path], ["a.txt"])[0].text == "first"
    assert len(read) == 1
    path.write_text("second")
    os.utime(path, ns=(1, 1))
    assert file_documents([path], ["a.txt"])[0].text == "second"


def test_documents_of_a_folder_are_named_by_their_path_in_it(tmp_path, caplog):
    (tmp_path / "old").mkdir()
    (tmp_path / "new.md").write_text(LEAVE)
    (tmp_path / "old" / "b.txt").write_text(LEAVE)
    (tmp_path / "old" / "scan.pdf").write_bytes(b"%PDF-1.4 damaged")
    assert folder_index(tmp_path).names() == ["new.md", "old/b.txt"]
    assert "scan.pdf" in caplog.text
    assert folder_index(tmp_path / "new.md").names() == ["new.md"]


def test_a_reply_says_where_each_answer_stands():
    documents = [Document("Nothing is here.", "empty.md"), Document(LEAVE, "leave.md")]
    models = [PhraseFinder("tuned"), PhraseFinder("base", sure=0.2, none=0.7)]
    reply = reply_of(ask_models(models, " Which: 28 days | 14 days ", documents))
    assert reply["question"] == "Which: 28 days | 14 days"
    assert (reply["model"], reply["found"], reply["document"]) == ("tuned", True, "leave.md")
    for answer in (reply, *reply["runner_ups"]):
        assert LEAVE[answer["start"] : answer["end"]] == answer["answer"]
    assert [one["answer"] for one in reply["runner_ups"]] == ["14 days"]
    base = reply["base"]
    assert (base["model"], base["found"], base["answer"], base["start"], base["page"]) == (
        "base",
        False,
        "",
        None,
        None,
    )
    assert base["confidence"] == base["no_answer_confidence"] == 0.7
    assert [one["answer"] for one in base["runner_ups"]] == ["28 days", "14 days"]
    assert reply_of(ask_models(models[:1], "Which: zebra", documents))["base"] is None


def test_a_page_of_a_document_is_said(tmp_path):
    from qa_pipeline.documents.reading import Page

    text = "First page.\n\n14 days of notice."
    document = Document(text, "a.pdf", [Page(1, 0, 11), Page(2, 13, len(text))])
    assert reply_of([find("Which: 14 days", document)])["page"] == 2
