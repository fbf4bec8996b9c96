"""A passage says where it stands in its document."""

from __future__ import annotations

import json

from qa_pipeline.documents.files import source_documents
from qa_pipeline.documents.passages import read_passages
from tests.documents.test_reading import make_pdf
from tests.generation.fakes import document


def test_a_passage_is_a_slice_of_its_document(tmp_path):
    text = "\n\n".join(f"# Part {number}\n\n{document(number)}" for number in range(4))
    (tmp_path / "rules.md").write_text(f"---\ntitle: Rules\n---\n{text}\n")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": 7, "text": f"\ud83d {document(5)}"}) + "\n")
    documents = {found.source: found for found in source_documents([str(tmp_path)], [])}
    passages, _ = read_passages([str(tmp_path)], max_words=60)
    assert {passage.document for passage in passages} == documents.keys() == {"rules.md", "rows.jsonl:7"}
    for passage in passages:
        assert documents[passage.document].text[passage.start : passage.end] == passage.text
        assert passage.page is None
    assert len([passage for passage in passages if passage.document == "rules.md"]) > 1


def test_a_passage_of_a_pdf_knows_its_page(tmp_path):
    (tmp_path / "rules.pdf").write_bytes(make_pdf(*([document(number)] for number in range(3))))
    passages, _ = read_passages([str(tmp_path / "rules.pdf")], max_words=20, min_words=5)
    [whole] = source_documents([str(tmp_path / "rules.pdf")], [])
    assert {passage.page for passage in passages} == {1, 2, 3}
    for passage in passages:
        assert whole.text[passage.start : passage.end] == passage.text
        page = whole.pages[passage.page - 1]
        assert page.start <= passage.start < page.end


def test_contexts_of_labelled_data_have_no_place_in_a_document(tmp_path):
    (tmp_path / "data.jsonl").write_text(json.dumps({"context": document(1), "question": "What?"}) + "\n")
    [passage], _ = read_passages([], [str(tmp_path / "data.jsonl")])
    assert (passage.start, passage.end, passage.page) == (None, None, None)
