"""An index as a user sees it: what is found, kept, brought up to date, and said when something is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import qa_pipeline
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.retrieval import Index, PassageIndex, embeddings, index, open_index, updating, vectors
from qa_pipeline.retrieval.embeddings import Embedder
from qa_pipeline.retrieval.layout import LOCK, MANIFEST

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    "boats.md": "# Boats\n\nA berth in the harbour costs 40 EUR a year. Fees are due in March.\n",
    "leave.txt": "Employees have 30 days of annual leave. Sick days do not count as leave.\n",
    "deep/library.md": "# Library\n\n## Opening hours\n\nThe library opens at nine and closes at six.\n",
}


@pytest.fixture(autouse=True)
def one_embedder(embedder, monkeypatch):
    """The model of the session, whose vectors are computed anew for each test that counts them."""
    monkeypatch.setattr(embeddings, "shared_embedder", lambda model: embedder if model is None else Embedder(model))


@pytest.fixture
def documents(tmp_path) -> Path:
    folder = tmp_path / "documents"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def built(documents, tmp_path) -> Index:
    return Index.build(documents, tmp_path / "index", dense=False)


def found(one: PassageIndex, question: str, top_k: int = 10) -> list[str]:
    return [hit.passage.document for hit in one.search(question, top_k)]


def generations(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def contents(one: Index) -> list[object]:
    """All that a search can give, without where it lies."""
    questions = ["What does a berth cost?", "annual leave", "When does the library close?", "harbour"]
    return [one.names(), [one.passage(number) for number in range(len(one))], [one.search(each) for each in questions]]


# What is found.


def test_a_question_finds_the_passage_with_its_words_and_where_it_stands(built):
    (hit, *_) = built.search("What does a berth cost?")
    passage = hit.passage
    assert passage.document == "boats.md" and "40 EUR" in passage.text
    assert built.document("boats.md").text[passage.start : passage.end] == passage.text
    assert hit.words > 0 and hit.meaning is None and hit.score > 0


def test_an_opened_index_finds_the_same_as_the_one_that_was_built(built):
    assert contents(Index.open(built.folder)) == contents(built)


def test_an_index_in_no_folder_leaves_none_behind(documents):
    one = Index.build(documents, dense=False)
    folder = one.folder
    assert found(one, "annual leave") == ["leave.txt"] and folder.exists()
    one._temporary.cleanup()
    assert not folder.exists()


def test_it_is_a_passage_index(built):
    assert isinstance(built, PassageIndex)
    assert built.names() == ["boats.md", "deep/library.md", "leave.txt"] and len(built) == built.report.passages


def test_meaning_finds_what_no_word_says(documents):
    words, both = Index.build(documents, dense=False), Index.build(documents)
    question = "vacation of the staff"
    assert words.search(question) == []
    hits = both.search(question)
    assert hits[0].passage.document == "leave.txt" and hits[0].words == 0
    assert hits[0].meaning == max(hit.meaning for hit in hits)


def test_the_cosine_of_a_hit_is_that_of_its_search_text(documents, embedder):
    both = Index.build(documents)
    question = "When does the library open?"
    for hit in both.search(question):
        vector, other = embedder.embed([question, hit.passage.search_text])
        assert hit.meaning == pytest.approx(vector @ other, abs=0.01)


def test_scores_fall_and_top_k_takes_the_first(documents):
    both = Index.build(documents)
    hits = both.search("fees of the library and of leave")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert both.search("fees of the library and of leave", 2) == hits[:2]


def test_headings_and_titles_are_searched_too(tmp_path):
    (tmp_path / "zebra.txt").write_text("Nothing but this.")
    (tmp_path / "other.txt").write_text("Nothing but that.")
    assert found(Index.build(tmp_path, dense=False), "zebra") == ["zebra.txt"]


@pytest.mark.parametrize("question", ["", "  \n", "the of and", "qwertz", "??!"])
def test_a_question_without_a_known_word_finds_nothing_by_words(built, question):
    assert built.search(question) == []


def test_a_question_in_another_language_finds_the_names_and_numbers_that_it_shares(built):
    assert found(built, "Was kostet ein Platz im harbour, 40 EUR?")[0] == "boats.md"


@pytest.mark.parametrize("top_k", [0, -3])
def test_less_than_one_passage_cannot_be_asked_for(built, top_k):
    with pytest.raises(ConfigError, match=f"top_k: expected at least 1, found {top_k}"):
        built.search("leave", top_k)


def test_a_single_passage_can_be_searched():
    one = Index.build(Document("Ferries leave at noon.", "ferry"))
    assert len(one) == 1 and found(one, "When does the ferry leave?") == ["ferry"]


def test_texts_without_any_word_can_be_indexed():
    one = Index.build(Document("... !!! ---", "marks"), dense=False)
    assert found(one, "marks") == [] and len(one) == 1


def test_copies_of_a_file_are_each_found_and_embedded_once(tmp_path):
    for name in ("a/leave.txt", "b/leave.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(TEXTS["leave.txt"])
    one = Index.build(tmp_path)
    assert one.report.embedded == 1 and len(one) == 2
    hits = one.search("annual leave")
    assert [hit.passage.document for hit in hits] == ["a/leave.txt", "b/leave.txt"]
    assert hits[0].score == hits[1].score


def test_rows_of_one_name_are_told_apart(tmp_path):
    rows = [{"text": "Boats cost 40 EUR.", "id": "x"}, {"text": "Leave is 30 days.", "id": "x"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    one = Index.build(tmp_path, dense=False)
    assert one.names() == ["rows.jsonl:x", "rows.jsonl:x (2)"]
    assert one.document(found(one, "leave")[0]).text == "Leave is 30 days."


def test_pages_and_half_characters_survive_the_folder(tmp_path):
    document = Document("one \ud83d\n\ntwo fish", "d", pages=[qa_pipeline.documents.reading.Page(1, 0, 5)], title="T")
    Index.build(document, tmp_path / "index", dense=False)
    opened = Index.open(tmp_path / "index")
    assert opened.document("d") == document and opened.search("fish")[0].passage.title == "T"


def test_best_takes_the_highest_and_of_equal_ones_the_first():
    scores = np.array([1.0, 3.0, 3.0, 0.0, 3.0, 2.0])
    assert sorted(index._best(scores, 2)) == [1, 2]
    assert sorted(index._best(scores, 4)) == [1, 2, 4, 5]
    assert sorted(index._best(scores, 10, above=0.0)) == [0, 1, 2, 4, 5]


# Languages.

GERMAN = (
    "Die Kündigung eines Mietvertrages ist schriftlich zu erklären und wird mit einer Frist von drei Monaten wirksam, "
    "wenn sie nicht durch einen Vertrag anders geregelt ist."
)


def test_the_language_is_that_of_most_documents_and_decides_stems_and_embeddings():
    one = Index.build([Document(GERMAN, "a"), Document(GERMAN.replace("drei", "vier"), "b"), Document("Fees.", "c")])
    assert one.report.language == "de" and not one.embedded and one.report.embedded is None
    assert set(found(one, "Wie kündige ich Mietverträge?")) == {"a", "b"}


def test_a_model_that_is_named_embeds_in_any_language(tiny_bert):
    one = Index.build(Document(GERMAN, "a"), model=str(tiny_bert))
    assert one.embedded and one.search("Miete")[0].meaning is not None


def test_a_language_that_is_given_is_used():
    one = Index.build(Document("Die Kündigungen", "a"), language="de-AT", dense=False)
    assert one.report.language == "de" and found(one, "Kündigung") == ["a"]


def test_a_wrong_setting_is_said_with_all_others():
    with pytest.raises(ConfigError, match="(?s)max_words: .* 0.*language: .*'klingon'.*encoding: "):
        Index.build(Document("a", "a"), max_words=0, language="klingon", encoding="utf-99")


# Updates.


def test_only_files_that_changed_are_read_and_embedded_again(documents, tmp_path, monkeypatch):
    built = Index.build(documents, tmp_path / "index")
    (documents / "leave.txt").write_text("Employees have 28 days of annual leave.\n")
    (documents / "new.txt").write_text("Kayaks are free of charge.\n")
    (documents / "boats.md").unlink()
    read = []
    real = qa_pipeline.retrieval.sources.read_source
    monkeypatch.setattr(
        qa_pipeline.retrieval.sources, "read_source", lambda file, *rest: read.append(file.name) or real(file, *rest)
    )
    report = built.update()
    assert (report.added, report.changed, report.removed) == (["new.txt"], ["leave.txt"], ["boats.md"])
    assert read == ["leave.txt", "new.txt"] and report.embedded == 2
    assert built.names() == ["deep/library.md", "leave.txt", "new.txt"]
    assert "28 days" in built.search("annual leave")[0].passage.text


def test_an_updated_index_is_the_one_that_would_be_built_anew(documents, tmp_path):
    words = Index.build(documents, tmp_path / "words", dense=False)
    both = Index.build(documents, tmp_path / "both")
    (documents / "leave.txt").write_text("Employees have 28 days of annual leave in the harbour.\n")
    (documents / "aaa.jsonl").write_text('{"text": "Berths for kayaks"}\n{"text": "Berths for canoes"}\n')
    assert words.update() and both.update()
    anew = Index.build(documents, tmp_path / "anew", dense=False)
    assert contents(words) == contents(anew) and words.fingerprint == anew.fingerprint
    anew = Index.build(documents, tmp_path / "anew both")
    meanings = [{hit.passage.id: hit.meaning for hit in one.search("What does a berth cost?")} for one in (both, anew)]
    assert meanings[0] == pytest.approx(meanings[1], abs=0.01)  # batches of other texts round differently
    assert both.fingerprint == anew.fingerprint != words.fingerprint


def test_a_file_that_was_only_touched_changes_nothing(built, documents):
    before = generations(built.folder)
    (documents / "leave.txt").touch()
    assert not built.update().anything_new and generations(built.folder) == before


def test_documents_that_have_moved_are_looked_for_where_they_are_now(built, documents):
    moved = documents.rename(documents.with_name("moved"))
    assert not Index.build(moved, built.folder, dense=False).report.anything_new
    (moved / "new.txt").write_text("Kayaks are free.")
    assert Index.open(built.folder).update().added == ["new.txt"]


def test_a_change_that_keeps_size_and_time_is_seen_where_the_time_is_too_young(documents, tmp_path):
    import os

    path = documents / "leave.txt"
    built = Index.build(documents, tmp_path / "index", dense=False)
    times = path.stat()
    path.write_text(TEXTS["leave.txt"].replace("30", "31"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert built.update().changed == ["leave.txt"]


def test_an_old_file_is_not_hashed_again(documents, tmp_path, monkeypatch):
    import hashlib
    import os

    for path in documents.rglob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    built = Index.build(documents, tmp_path / "index", dense=False)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert not built.update().anything_new


def test_other_settings_make_the_index_anew_but_embed_nothing_twice(documents, tmp_path):
    first = Index.build(documents, tmp_path / "index")
    second = Index.build(documents, tmp_path / "index", max_words=150)
    assert first.fingerprint != second.fingerprint
    assert second.report.added and second.report.embedded == 0


def test_another_version_of_the_package_cuts_anew(documents, tmp_path, monkeypatch):
    Index.build(documents, tmp_path / "index", dense=False)
    monkeypatch.setattr(qa_pipeline, "__version__", "99.0")
    assert len(Index.build(documents, tmp_path / "index", dense=False).report.added) == 3


def test_documents_that_are_given_themselves_are_updated_by_their_text(tmp_path):
    one = Index.build([Document("Boats cost 40.", "a"), Document("Leave is 30.", "b")], tmp_path / "i", dense=False)
    report = one.update([Document("Boats cost 50.", "a"), Document("Leave is 30.", "b")])
    assert (report.changed, report.added, report.removed) == (["a"], [], [])
    with pytest.raises(ConfigError, match="documents that are in no file; give them all"):
        Index.open(tmp_path / "i").update()


def test_an_update_that_fails_leaves_the_old_index(built, documents, monkeypatch):
    before = contents(built)
    (documents / "new.txt").write_text("Kayaks.")
    monkeypatch.setattr(updating, "put_in_force", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        built.update()
    assert len(generations(built.folder)) == 1
    assert contents(Index.open(built.folder)) == before


def test_a_full_disk_is_said_in_words(built, documents, monkeypatch):
    (documents / "new.txt").write_text("Kayaks.")
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(updating, "write_generation", lambda *_, **__: (_ for _ in ()).throw(full))
    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        built.update()


def test_a_killed_update_leaves_the_old_index_and_its_rest_is_swept(built, documents):
    (documents / "new.txt").write_text("Kayaks are free.")
    code = (
        "import os, sys; from qa_pipeline.retrieval import Index, updating; "
        "updating.put_in_force = lambda *_, **__: os.kill(os.getpid(), 9); Index.open(sys.argv[1]).update()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(built.folder)], cwd=ROOT, check=False)
    assert done.returncode == -9 and len(generations(built.folder)) == 2
    assert found(Index.open(built.folder), "kayaks") == []
    built.update()
    assert found(built, "kayaks") == ["new.txt"] and len(generations(built.folder)) == 1


def test_two_that_write_at_once_wait_for_each_other(documents, tmp_path):
    folder = tmp_path / "index"
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            (documents / f"new{number}.txt").write_text(f"Kayak {number}")
            assert found(Index.build(documents, folder, dense=False), "kayak")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(generations(folder)) == 1
    assert len(found(Index.open(folder), "kayak")) == 6


def test_an_index_that_is_open_goes_on_while_another_process_replaces_it(built, documents):
    Index.build(documents, built.folder)
    reader = Index.open(built.folder)
    (documents / "leave.txt").unlink()
    built.update()
    assert found(reader, "annual leave")[0] == "leave.txt" and reader.document("leave.txt").text == TEXTS["leave.txt"]
    assert reader.names() == ["boats.md", "deep/library.md", "leave.txt"]
    assert found(Index.open(built.folder), "annual leave") == []


def test_the_index_may_lie_in_the_folder_of_the_documents(documents):
    one = Index.build(documents, documents / "index", dense=False)
    assert one.report.notes == [] and not one.update().anything_new


# What is wrong.


def test_a_folder_without_documents_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no document"):
        Index.build(tmp_path / "empty", tmp_path / "index", dense=False)
    with pytest.raises(DataError, match="no such file|does not exist|not found|is not there"):
        Index.build(tmp_path / "nowhere", tmp_path / "index", dense=False)
    with pytest.raises(ConfigError, match="expected files, folders or Documents, found none"):
        Index.build([])
    with pytest.raises(ConfigError, match="expected files, folders or Documents, found int"):
        Index.build([3])


def test_a_file_that_cannot_be_read_is_left_out_and_said_each_time_until_it_can_be(built, documents):
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert "1 file left out: broken.pdf (" in built.update().notes[0]
    before = generations(built.folder)
    again = built.update()
    assert "broken.pdf" in again.notes[0] and not again.anything_new and generations(built.folder) == before
    (documents / "broken.pdf").write_text("Kayaks")
    (documents / "broken.pdf").rename(documents / "mended.txt")
    assert built.update().added == ["mended.txt"]


def test_a_file_that_is_broken_later_is_gone_from_the_index_and_said(built, documents):
    (documents / "leave.txt").write_bytes(b"\x89PNG")
    report = built.update()
    assert report.removed == ["leave.txt"] and "leave.txt" in report.notes[0]
    assert found(built, "annual leave") == []


def test_where_no_file_can_be_read_the_old_index_stays(built, documents):
    for path in documents.rglob("*.*"):
        path.write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="none of 3 documents can be read"):
        built.update()
    assert found(Index.open(built.folder), "annual leave") == ["leave.txt"]


def test_no_index_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="holds no index; make one: qa-pipeline index DOCUMENTS --index"):
        Index.open(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "settings": {"a": 2}}'])
def test_a_damaged_manifest_is_said_and_mended_by_building(built, documents, content):
    (built.folder / MANIFEST).write_text(content)
    with pytest.raises(DataError, match="make it anew: qa-pipeline index"):
        Index.open(built.folder)
    assert found(Index.build(documents, built.folder, dense=False), "annual leave") == ["leave.txt"]


def test_an_index_of_another_version_is_said_with_its_sources(built, documents):
    manifest = json.loads((built.folder / MANIFEST).read_text()) | {"format": 99}
    (built.folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=rf"has format 99, this version reads 1; .*index {documents} --index"):
        Index.open(built.folder)


FILES = ["passages.jsonl", "documents.offsets.npy", "words/vocab.index.json", "vectors/vectors.bf16", "names.jsonl"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_file_is_said_and_mended_by_building(documents, tmp_path, name, harm):
    built = Index.build(documents, tmp_path / "index")
    path = built.folder / generations(built.folder)[0] / name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=rf"the index is damaged \(.*{name}.*\); make it anew: qa-pipeline index"):
        Index.open(built.folder)
    assert contents(Index.build(documents, built.folder)) == contents(Index.build(documents))


@pytest.mark.parametrize("name", ["passages.jsonl", "names.jsonl", "words/vocab.index.json", "passages.offsets.npy"])
def test_files_with_other_bytes_of_the_same_length_end_in_words(built, name):
    path = built.folder / generations(built.folder)[0] / name
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(DataError, match="the index is damaged"):
        contents(Index.open(built.folder))


def test_a_folder_with_other_files_is_not_written_into(documents, tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "thesis.odt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files \(thesis.odt\); expected an empty folder"):
        Index.build(documents, tmp_path / "index", dense=False)
    with pytest.raises(ConfigError, match="is a file; expected a folder"):
        Index.build(documents, documents / "leave.txt", dense=False)


def test_what_a_killed_first_build_left_is_no_other_file(documents, tmp_path):
    (tmp_path / "index" / "generation-0123abcd").mkdir(parents=True)
    (tmp_path / "index" / LOCK).touch()
    assert len(Index.build(documents, tmp_path / "index", dense=False).names()) == 3


def test_a_document_that_is_not_there_is_said(built):
    with pytest.raises(DataError, match="the index holds no document 'nowhere.txt'"):
        built.document("nowhere.txt")


def test_a_model_whose_weights_have_changed_is_not_compared_with(documents, tmp_path, tiny_bert, monkeypatch):
    one = Index.build(documents, tmp_path / "index", model=str(tiny_bert))
    assert one.search("leave")
    probe = np.load(tmp_path / "index" / generations(one.folder)[0] / "vectors" / "probe.npy")
    turned = np.roll(probe, 1)
    np.save(tmp_path / "index" / generations(one.folder)[0] / "vectors" / "probe.npy", turned)
    with pytest.raises(ModelError, match="is not the model that embedded the passages"):
        Index.open(one.folder).search("leave")


def test_blocks_of_texts_give_the_same_vectors_as_all_at_once(documents, monkeypatch):
    whole = Index.build(documents).search("When does the library open?")
    monkeypatch.setattr(vectors, "_BLOCK", 1)
    for one, other in zip(whole, Index.build(documents).search("When does the library open?"), strict=True):
        assert one.passage == other.passage and one.meaning == pytest.approx(other.meaning, abs=0.01)


# What commands call.


def test_commands_keep_an_index_for_each_sources_and_settings_in_the_cache(documents, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))
    with caplog.at_level("INFO", logger="qa_pipeline.retrieval"):
        first = open_index(documents, dense=False)
        second = open_index([str(documents)], dense=False)
        other = open_index(documents, dense=False, language="de")
    assert first.folder == second.folder != other.folder
    assert first.folder.parent == tmp_path / "cache" / "indexes"
    assert f"index {first.folder}: is made" in caplog.messages[0]
    assert f"3 documents, {len(first)} passages in English; 3 added; without embeddings" in caplog.messages[1]
    assert "nothing has changed" in caplog.messages[2]


def test_documents_in_no_file_are_not_kept_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QA_PIPELINE_CACHE", str(tmp_path / "cache"))
    assert found(open_index(Document("Boats cost 40.", "a"), dense=False), "boat") == ["a"]
    assert not (tmp_path / "cache").exists()


def test_without_documents_an_index_is_opened_as_it_is(built, documents):
    shutil.rmtree(documents)
    assert found(open_index(None, built.folder), "annual leave") == ["leave.txt"]
