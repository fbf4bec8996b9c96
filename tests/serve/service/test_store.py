"""Documents that are added to a service and removed from it while it is asked."""

from __future__ import annotations

import pytest

from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.retrieval.index import Index
from qa_pipeline.serve.refusals import NameTakenError, NoSuchDocumentError, NotAllowedError
from qa_pipeline.serve.service.store import DocumentStore, document_name

LEAVE = b"Every employee has 28 days of leave a year."


@pytest.fixture
def policies(tmp_path):
    folder = tmp_path / "policies"
    (folder / "old").mkdir(parents=True)
    (folder / "fees.md").write_text("A boat costs 40 EUR a year.")
    (folder / "old" / "dogs.txt").write_text("Dogs are kept on a lead.")
    return folder


@pytest.fixture
def store(policies):
    opened = DocumentStore.open([str(policies)], dense=False)
    yield opened
    opened.close()


def found(store, question):
    """The document of the nearest passage."""
    hits = store.current().search(question, 1)
    return hits[0].passage.document if hits else None


def test_what_is_added_is_found_until_it_is_removed(store, policies):
    before = sorted(policies.rglob("*"))
    assert store.add("leave.md", LEAVE) == {"name": "leave.md", "characters": 43, "pages": None, "added": True}
    assert found(store, "days of leave") == "leave.md" and found(store, "a boat") == "fees.md"
    assert store.page() == {
        "documents": [
            {"name": "fees.md", "characters": 27, "pages": None, "added": False},
            {"name": "old/dogs.txt", "characters": 24, "pages": None, "added": False},
            {"name": "leave.md", "characters": 43, "pages": None, "added": True},
        ],
        "total": 3,
    }
    store.remove("leave.md")
    assert found(store, "days of leave") is None and store.count() == 2
    assert sorted(policies.rglob("*")) == before, "the owner's folder stays as it is"


def test_adding_reads_nothing_anew_and_leaves_the_owners_index_as_it_is(store, policies):
    base = store.index
    store.add("leave.md", LEAVE)
    assert (store.index.report.added, store.index.report.changed) == (["leave.md"], [])
    store.add("more.txt", b"More of this.")
    assert store.index.report.added == ["more.txt"]
    assert Index.open(base.folder).names() == ["fees.md", "old/dogs.txt"]


def test_who_searches_meanwhile_sees_the_old_documents_whole(store):
    store.add("leave.md", LEAVE)
    old = store.current()
    store.remove("leave.md")
    [hit] = old.search("days of leave", 1)
    assert old.document(hit.passage.document).text == LEAVE.decode()


def test_a_library_may_begin_empty_and_become_so(tmp_path):
    store = DocumentStore(uploads=tmp_path / "added")
    assert store.current() is None and store.page() == {"documents": [], "total": 0}
    store.add("leave.md", LEAVE)
    assert found(store, "days of leave") == "leave.md"
    store.remove("leave.md")
    assert store.current() is None and store.count() == 0


def test_a_folder_for_uploads_keeps_them_and_another_process_sees_each_change(policies, tmp_path):
    uploads = str(tmp_path / "added")
    one = DocumentStore.open([str(policies)], uploads=uploads, dense=False)
    other = DocumentStore.open([str(policies)], uploads=uploads, dense=False)
    one.add("leave.md", LEAVE)
    assert found(other, "days of leave") == "leave.md"
    one.close()
    later = DocumentStore.open([str(policies)], uploads=uploads, dense=False)
    assert found(later, "days of leave") == "leave.md"
    later.remove("leave.md")
    assert found(other, "days of leave") is None and found(other, "a boat") == "fees.md"


def test_a_temporary_folder_is_gone_at_the_end(policies, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    store = DocumentStore.open([str(policies)], dense=False)
    store.add("leave.md", LEAVE)
    assert list((tmp_path / "temporary").rglob("leave.md"))
    store.close()
    assert not list((tmp_path / "temporary").iterdir())


def test_names_that_are_taken_are_refused_unless_one_is_to_be_replaced(store):
    with pytest.raises(NameTakenError, match="fees.md: is the name of a document of this server's owner"):
        store.add("fees.md", LEAVE, replace=True)
    store.add("leave.md", LEAVE)
    with pytest.raises(NameTakenError, match="leave.md: is there already.*replace=true"):
        store.add("leave.md", b"Nobody has leave.")
    assert store.current().document("leave.md").text == LEAVE.decode()
    store.add("leave.md", b"Everybody has 30 days of leave.", replace=True)
    assert store.current().document("leave.md").text == "Everybody has 30 days of leave."


def test_what_cannot_be_removed_is_said(store):
    with pytest.raises(NotAllowedError, match="old/dogs.txt: belongs to the documents that the server was started"):
        store.remove("old/dogs.txt")
    for name in ("none.md", "../policies/fees.md", ".index", ""):
        with pytest.raises(NoSuchDocumentError, match="there is no such document"):
            store.remove(name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pdf", b"%PDF-1.4 damaged", r"^a\.pdf: .*damaged"),
        ("a.md", b"  \n", r"^a\.md: is empty"),
        ("a.docx", b"no archive", r"^a\.docx: "),
    ],
)
def test_what_cannot_be_read_changes_nothing(store, tmp_path, name, content, words):
    index = store.index
    with pytest.raises(DataError, match=words) as refused:
        store.add(name, content)
    assert str(tmp_path) not in str(refused.value) and "/" not in str(refused.value).replace("and/or", "")
    assert store.index is index and store.count() == 2


def test_an_index_that_cannot_be_made_leaves_the_documents_as_they_were(store, monkeypatch):
    store.add("leave.md", LEAVE)

    def fails(*_, **__):
        raise DataError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Index, "build", fails)
        for change in (
            lambda: store.add("new.md", b"New."),
            lambda: store.add("leave.md", b"Other.", replace=True),
            lambda: store.add("new.md", b"New."),
        ):
            with pytest.raises(DataError, match="the disk is full"):
                change()
    assert [one["name"] for one in store.page()["documents"]] == ["fees.md", "old/dogs.txt", "leave.md"]
    store.add("new.md", b"New words.")
    assert store.current().document("leave.md").text == LEAVE.decode()
    with monkeypatch.context() as patch:
        patch.setattr(Index, "build", fails)
        with pytest.raises(DataError, match="the disk is full"):
            store.remove("new.md")
    assert found(store, "new words") == "new.md"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/rules.txt", "rules.txt"),
        ("C:\\texts\\Leave of absence.MD", "Leave of absence.MD"),
        ("Urlaub für alle.md", "Urlaub für alle.md"),
        ("Urlaub fu\u0308r alle.md", "Urlaub für alle.md"),
        ("休暇.pdf", "休暇.pdf"),
        (" a.txt ", "a.txt"),
    ],
)
def test_a_name_is_that_of_a_file_in_no_folder(name, kept):
    assert document_name(name) == kept


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "expected the name of a file such as rules.pdf, found ''"),
        ("..", "expected the name of a file"),
        ("folder/", "expected the name of a file"),
        (".index.md", "expected the name of a file"),
        ("a\x00.md", "characters that names of files must not have"),
        ("a\n.md", "characters that names of files must not have"),
        ("a\u202egnp.md", "characters that names of files must not have"),
        ("a.exe", r"files of this kind are not read; \.txt"),
        ("a.jsonl", "files of this kind are not read"),
        ("a", "files of this kind are not read"),
        ("ä" * 150 + ".md", "has 303 bytes; 200 are the most"),
        ("\ud800.md", "not valid Unicode"),
        (7, "expected the name of a file, found int 7"),
    ],
)
def test_what_is_no_name_is_refused_in_words(name, words):
    with pytest.raises(DataError, match=words):
        document_name(name)


def test_documents_cannot_be_added_to_an_index_that_is_of_no_files(tmp_path):
    index = Index.build([Document("A boat costs 40 EUR.", "fees")], dense=False)
    with pytest.raises(NotAllowedError, match="documents cannot be added to this service"):
        DocumentStore(index).add("leave.md", LEAVE)
    with pytest.raises(NotAllowedError, match="is not one of files"):
        DocumentStore(index, tmp_path / "added").add("leave.md", LEAVE)
    assert not (tmp_path / "added" / "leave.md").exists()


@pytest.mark.parametrize(("offset", "limit"), [(-1, 1), (0, 0), (0, 1001), (True, 1), (0, "all")])
def test_a_page_of_documents_has_bounds(store, offset, limit):
    with pytest.raises(ConfigError, match="expected a whole number"):
        store.page(offset, limit)


def test_pages_follow_each_other(store):
    names = [one["name"] for offset in range(3) for one in store.page(offset, 1)["documents"]]
    assert names == ["fees.md", "old/dogs.txt"]


def test_quotations_are_verified_against_the_documents_of_the_moment(store):
    before = store.quote_sources()
    assert store.quote_sources() is before and len(before) == 2
    store.add("leave.md", LEAVE)
    assert len(store.quote_sources()) == 3
