"""Passages in a search engine, through the real clients of OpenSearch and Elasticsearch; the engine is our own."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.retrieval import Index, PassageIndex, SearchEngineIndex, embeddings, engine
from tests.retrieval.search_engine import SearchEngine, serve

TEXTS = {
    "boats.md": "# Boats\n\nA berth in the harbour costs 40 EUR a year. Fees are due in March.\n",
    "leave.txt": "Employees have 30 days of annual leave. Sick days do not count as leave.\n",
    "rows.jsonl": '{"text": "Kayaks are free of charge."}\n{"text": "Canoes cost 5 EUR."}\n',
}


@pytest.fixture(params=["opensearch", "elasticsearch"])
def fake(request):
    one = SearchEngine(request.param)
    server = serve(one)
    one.url = f"http://127.0.0.1:{server.server_port}"
    yield one
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(fake):
    if fake.kind == "opensearch":
        made = pytest.importorskip("opensearchpy").OpenSearch(fake.url)
    else:
        made = pytest.importorskip("elasticsearch").Elasticsearch(fake.url)
    yield made
    made.close()


@pytest.fixture
def documents(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def filled(client, documents, embedder, monkeypatch) -> SearchEngineIndex:
    monkeypatch.setattr(embeddings, "shared_embedder", lambda model: embedder)
    one = SearchEngineIndex(client, "rules")
    one.update(documents)
    return one


def found(one: PassageIndex, question: str) -> list[str]:
    return [hit.passage.document for hit in one.search(question)]


def test_it_holds_what_an_index_of_the_same_documents_holds(filled, documents):
    index = Index.build(documents, dense=False)
    assert isinstance(filled, PassageIndex)
    assert filled.names() == sorted(index.names()) and len(filled) == len(index)
    assert [filled.document(name) for name in filled.names()] == [index.document(name) for name in filled.names()]


def test_a_passage_is_found_by_its_words_and_by_its_meaning(filled, embedder):
    hit = filled.search("What does a berth cost?")[0]
    assert hit.passage.document == "boats.md" and hit.words > 0
    assert hit.passage.text == filled.document("boats.md").text[hit.passage.start : hit.passage.end]
    vector, other = embedder.embed(["What does a berth cost?", hit.passage.search_text])
    assert hit.meaning == pytest.approx(vector @ other, abs=0.01)
    by_meaning = filled.search("vacation of the staff")[0]
    assert by_meaning.passage.document == "leave.txt" and by_meaning.words == 0


def test_without_embeddings_words_alone_decide(client, documents):
    one = SearchEngineIndex(client, "rules", dense=False)
    assert one.update(documents).embedded is None
    assert found(one, "annual leave") == ["leave.txt"] and one.search("vacation of the staff") == []
    assert one.search("annual leave")[0].meaning is None
    assert one.search(" ") == []
    with pytest.raises(ConfigError, match="top_k: expected at least 1, found 0"):
        one.search("leave", 0)


def test_only_what_changed_is_read_and_written(filled, documents, fake):
    fake.requests.clear()
    report = filled.update(documents)
    assert not report.anything_new and report.embedded == 0
    assert ("POST", "/_bulk") not in fake.requests and len(filled) == report.passages
    (documents / "leave.txt").write_text("Employees have 28 days of annual leave.\n")
    (documents / "rows.jsonl").write_text('{"text": "Kayaks are free of charge."}\n')
    (documents / "boats.md").unlink()
    (documents / "new.txt").write_text("The sauna opens at noon.\n")
    report = filled.update(documents)
    assert (report.added, report.changed, report.removed) == (["new.txt"], ["leave.txt", "rows.jsonl"], ["boats.md"])
    assert filled.names() == ["leave.txt", "new.txt", "rows.jsonl:1"] and report.passages == 3
    assert "28 days" in filled.search("annual leave")[0].passage.text


@pytest.mark.parametrize("index", ["rules", "rules-documents"])
def test_an_update_that_broke_off_is_run_again(filled, documents, fake, index):
    (documents / "leave.txt").write_text("Employees have 28 days of annual leave.\n")
    fake.fail_bulk_of = index
    with pytest.raises(DataError, match=f"{index}: the search engine refused 1 of 1: .*failed to parse"):
        filled.update(documents)
    fake.fail_bulk_of = None
    filled.update(documents)
    texts = [hit.passage.text for hit in filled.search("annual leave") if hit.passage.document == "leave.txt"]
    assert texts == ["Employees have 28 days of annual leave."]
    assert filled.names() == sorted(Index.build(documents, dense=False).names())


def test_another_version_of_the_package_cuts_anew(filled, documents, monkeypatch):
    monkeypatch.setattr("qa_pipeline.__version__", "99.0")
    assert filled.update(documents).changed == ["boats.md", "leave.txt", "rows.jsonl"]
    assert len(filled) == len(Index.build(documents, dense=False))


def test_many_documents_are_named_page_by_page(client, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_PAGE", 2)
    monkeypatch.setattr(engine, "_BULK", 2)
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": f"Rule {n}", "id": n}) for n in range(7)))
    one = SearchEngineIndex(client, "rules", dense=False)
    one.update(tmp_path)
    assert one.names() == [f"rows.jsonl:{n}" for n in range(7)] and len(one) == 7
    assert not one.update(tmp_path).anything_new


def test_pages_come_back_with_a_document(client):
    one = SearchEngineIndex(client, "rules", dense=False)
    document = Document("one\n\ntwo fish", "d", pages=[Page(1, 0, 3), Page(2, 5, 13)], title="T")
    one.update(document)
    assert one.document("d") == document
    with pytest.raises(DataError, match="rules-documents: the search engine holds no document 'e'"):
        one.document("e")


@pytest.mark.parametrize(
    ("language", "analyzer"), [("en", "english"), ("de-AT", "german"), ("zh", "cjk"), ("sw", "standard")]
)
def test_texts_are_analysed_in_their_language(client, fake, language, analyzer):
    SearchEngineIndex(client, "rules", language=language, dense=False).update(Document("Text", "d"))
    assert fake.bodies["rules"]["mappings"]["properties"]["text"]["analyzer"] == analyzer


def test_other_languages_than_english_have_no_embeddings_unless_a_model_is_named(client, tiny_bert):
    assert SearchEngineIndex(client, "a", language="de").update(Document("Text", "d")).embedded is None
    named = SearchEngineIndex(client, "b", language="de", model=str(tiny_bert))
    assert named.update(Document("Text", "d")).embedded == 1


def test_other_settings_need_another_name(filled, client, documents):
    with pytest.raises(DataError, match="was made with .*'max_words': 200.*expected .*'max_words': 50.*another name"):
        SearchEngineIndex(client, "rules", max_words=50).update(documents)


def test_what_the_engine_says_ends_in_words(client, fake):
    with pytest.raises(DataError, match=r"nowhere: the search engine: .*index_not_found_exception"):
        SearchEngineIndex(client, "nowhere", dense=False).search("leave")


def test_an_engine_that_cannot_be_reached_is_said_in_words():
    opensearchpy = pytest.importorskip("opensearchpy")
    client = opensearchpy.OpenSearch("http://127.0.0.1:9", max_retries=0)
    with pytest.raises(DataError, match="rules: the search engine: Connection"):
        SearchEngineIndex(client, "rules", dense=False).search("leave")


def test_a_client_of_something_else_is_refused():
    with pytest.raises(ConfigError, match="expected opensearchpy.OpenSearch or elasticsearch.Elastic.*found dict"):
        SearchEngineIndex({}, "rules")
