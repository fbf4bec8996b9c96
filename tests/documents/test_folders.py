"""Folders of documents: which files are read, in which order, and what is said of the others."""

from __future__ import annotations

import logging

import pytest

from qa_pipeline.documents.reading import (
    list_files,
    read_documents,
)
from qa_pipeline.errors import DataError
from tests.data.made import write_document


def test_a_folder_gives_its_documents_by_name(tmp_path):
    for name in ("b.md", "a.txt", "deep/c.TXT", "notes.rst", ".hidden/d.txt", "data.csv", "~$lock.txt"):
        write_document(tmp_path, name, f"text of {name}")
    found: list[str] = []
    documents = list(read_documents([tmp_path, tmp_path / "a.txt"], found=found))
    names = ("a.txt", "b.md", "deep/c.TXT", "notes.rst")
    assert [document.text for document in documents] == [f"text of {name}" for name in names]
    assert found == [document.source for document in documents]
    assert next(read_documents(str(tmp_path / "b.md"))).text == "text of b.md"


def test_a_listing_names_what_a_folder_holds_beside_documents_but_no_hidden_file(tmp_path):
    for name in ("a.txt", "deep/photo.png", "data.csv", ".hidden/d.txt", ".DS_Store", "~$lock.txt"):
        write_document(tmp_path, name, "x")
    listing = list_files([tmp_path, tmp_path / "data.csv"])
    assert listing.files == [(tmp_path / "a.txt", False), (tmp_path / "data.csv", True)]
    assert listing.others == [tmp_path / "deep" / "photo.png"]


def test_bad_files_of_a_folder_may_be_left_out_but_named_ones_not(tmp_path, caplog):
    write_document(tmp_path, "a.txt", "good")
    bad = write_document(tmp_path, "b.txt", "")
    with caplog.at_level(logging.WARNING):
        assert [d.text for d in read_documents(tmp_path, skip_bad=True)] == ["good"]
    assert "left out" in caplog.text and "is empty" in caplog.text
    with pytest.raises(DataError, match="is empty"):
        list(read_documents(tmp_path))
    with pytest.raises(DataError, match="is empty"):
        list(read_documents([bad], skip_bad=True))


def test_a_folder_without_documents_is_an_error(tmp_path):
    write_document(tmp_path, "data.csv", "x")
    with pytest.raises(DataError, match=r"holds no document; expected .*\.docx.*, found data\.csv$"):
        list(read_documents(tmp_path))
    write_document(tmp_path, "a.txt", "")
    with pytest.raises(DataError, match="none of 1 documents can be read"):
        list(read_documents(tmp_path, skip_bad=True))
    with pytest.raises(DataError, match="no document was given"):
        list(read_documents([]))
