"""Files, folders and JSONL rows as passages: what they are called, and that whatever is left out is named."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.documents.passages import read_passages
from qa_pipeline.errors import ConfigError, DataError
from tests.data.made import write_document
from tests.generation.fakes import document
from tests.text.test_languages import FOREIGN


def lines(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def names(*sources: str, **options) -> list[str]:
    return [passage.document for passage in read_passages(sources, **options)[0]]


def report_of(folder: Path) -> dict:
    return json.loads((folder / "dataset_report.json").read_text())


# Names


def test_the_rows_of_two_files_are_documents_of_their_own(tmp_path):
    a = lines(tmp_path / "a.jsonl", {"id": 1, "title": "A", "text": document(1)}, {"id": 2, "text": document(2)})
    b = lines(tmp_path / "b.jsonl", {"id": 1, "text": document(3)}, json.dumps(document(4)))
    found, report = read_passages([a, b])
    assert [p.document for p in found] == ["a.jsonl:1", "a.jsonl:2", "b.jsonl:1", "b.jsonl:2"]
    assert found[0].title == "A" and report.documents == 4


def test_a_row_without_an_id_is_not_taken_for_the_row_that_has_its_number(tmp_path):
    path = lines(tmp_path / "odd.jsonl", {"id": 2, "text": document(1)}, {"text": document(2)}, {"text": document(3)})
    assert names(path) == ["odd.jsonl:2", "odd.jsonl:line 2", "odd.jsonl:3"]


def test_files_of_one_name_keep_their_folders(tmp_path):
    for number, folder in enumerate(("a", "b", "c")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ("rules.txt" if folder != "c" else "fees.txt")).write_text(document(number))
    given = [str(tmp_path / name) for name in ("a/rules.txt", "b/rules.txt", "c")]
    assert names(*given) == [given[0], given[1], "fees.txt"]


def test_the_encoding_of_documents_may_be_named(tmp_path):
    text = document(1).replace("opened", "öppnad")
    write_document(tmp_path, "a.txt", text.encode("cp437"))
    assert "öppnad" in "".join(passage.text for passage in read_passages([str(tmp_path)], encoding="cp437")[0])
    with pytest.raises(ConfigError, match="--encoding: expected the name of an encoding"):
        main(["generate", f"--documents={tmp_path}", f"--output_dir={tmp_path / 'out'}", "--encoding=klingon"])


def test_files_of_one_title_are_told_apart(tmp_path):
    for name in ("a.md", "b.md", "deep/a.md", "c.md"):
        title = "---\ntitle: Opening hours\n---\n" if name < "c" else ""
        write_document(tmp_path, name, f"{title}{name} {document(len(name))}")
    titles = {passage.title for passage in read_passages([str(tmp_path)])[0]}
    assert titles == {"Opening hours", "Opening hours (b.md)", "c", "a"}


def test_half_characters_of_a_row_become_replacement_marks(tmp_path):
    path = lines(tmp_path / "half.jsonl", {"id": "a\ud83d", "title": "b\udc00", "text": f"\ud83d {document(1)}"})
    [passage] = read_passages([path])[0]
    assert (passage.document, passage.title, passage.text[0]) == ("half.jsonl:a\ufffd", "b\ufffd", "\ufffd")


# What is left out


def test_rows_without_a_text_are_left_out_and_named(tmp_path):
    rows = ({"text": document(1)}, {"text": None, "title": "x"}, "{broken", {"text": " "}, {"url": "x"}, 7)
    path = lines(tmp_path / "odd.jsonl", *rows, {"text": None, "body": document(2)})
    found, report = read_passages([path])
    assert [p.document for p in found] == ["odd.jsonl:1", "odd.jsonl:7"]
    (note,) = report.notes
    assert note.startswith('odd.jsonl: 5 of 7 rows left out, line 2: "text" is null; line 3: not JSON (')
    for part in (
        'line 4: "text" is blank',
        'line 5: no "text", found the keys url',
        "line 6: a number instead of a text",
    ):
        assert part in note


def test_many_rows_without_a_text_are_counted(tmp_path):
    path = lines(tmp_path / "odd.jsonl", {"text": document(1)}, *[{"text": None}] * 30)
    (note,) = read_passages([path])[1].notes
    assert "30 of 31 rows left out" in note and 'line 11: "text" is null; and 20 more' in note and "line 12" not in note


def test_a_named_file_in_which_no_row_has_a_text_is_an_error_with_its_first_faults(tmp_path):
    path = lines(tmp_path / "odd.jsonl", {"txet": "x"}, {"text": None})
    with pytest.raises(
        DataError,
        match=r'odd\.jsonl: expected a text or .*: line 1: no "text", found the keys txet; line 2: "text" is null',
    ):
        read_passages([path])
    with pytest.raises(DataError, match="it is empty"):
        read_passages([lines(tmp_path / "empty.jsonl")])
    with pytest.raises(DataError, match=r"no such file or folder; did you mean .*odd\.jsonl"):
        read_passages([str(tmp_path / "od.jsonl")])


def test_a_named_file_that_cannot_be_read_is_left_out_while_another_can(tmp_path, caplog):
    town, empty, picture = (tmp_path / name for name in ("town.txt", "empty.md", "photo.png"))
    town.write_text("\n\n".join(document(number) for number in range(9)))
    empty.write_text("")
    picture.write_bytes(b"\x89PNG")
    words = ["--documents", str(empty), str(town), str(picture)]
    assert main(["generate", *words, f"--output_dir={tmp_path / 'out'}"]) == 0
    note = "2 files left out: empty.md (is empty); photo.png (expected a document, found a picture"
    assert note in caplog.text and any(part.startswith(note) for part in report_of(tmp_path / "out")["notes"])
    with pytest.raises(DataError, match=r"none of 2 documents can be read: empty\.md \(is empty\); photo\.png \("):
        read_passages([str(empty), str(picture)])
    with pytest.raises(DataError, match=r"empty\.md: is empty$"):
        read_passages([str(empty)])


def test_all_files_that_are_not_there_are_named_and_where_they_were_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.txt").write_text(document(1))
    config = tmp_path / "c.yaml"
    config.write_text("documents: [rule.txt, rules.txt, /no/where.md]\noutput_dir: out\n")
    with pytest.raises(DataError) as error:
        main(["generate", str(config)])
    assert str(error.value) == (
        'rule.txt: no such file or folder; did you mean "rules.txt"?; /no/where.md: no such file or folder '
        f"(relative paths start at {tmp_path})"
    )
    with pytest.raises(DataError, match="where.md: no such file or folder$"):
        read_passages(["/no/where.md"])


@pytest.mark.parametrize("content", ['{"data": []}', '[{"question": "?"}]', '{"text": "a"}\n{"text": "b"}\n'])
def test_json_is_no_document(tmp_path, content):
    for name in ("squad.json", "more.JSON", "town.txt"):
        (tmp_path / name).write_text(content if name != "town.txt" else document(1))
    given = [str(tmp_path / name) for name in ("squad.json", "town.txt", "more.JSON")]
    with pytest.raises(DataError, match=r"squad\.json .*more\.JSON: JSON is .*--contexts_from .*squad\.json .*more"):
        read_passages(given)
    found, report = read_passages([str(tmp_path)])
    assert [passage.document for passage in found] == ["town.txt"]
    assert report.notes[0].startswith("2 files not read") and "--contexts_from" in report.notes[0]


def test_a_text_may_be_called_json(tmp_path):
    (tmp_path / "notes.json").write_text(document(1))
    assert names(str(tmp_path / "notes.json")) == ["notes.json"]


def mixed_folder(folder: Path) -> Path:
    (folder / ".hidden").mkdir(parents=True)
    for number in range(6):
        (folder / f"town{number}.txt").write_text(document(number))
    (folder / "notes.rst").write_text(document(6))
    (folder / "old.txt").write_bytes(f"{document(7)} Geb\u00fchr.".encode("cp1252"))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / "empty.md").write_text("")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / ".hidden" / "secret.txt").write_text(document(8))
    (folder / ".hidden" / "secret.jsonl").write_text("{")
    lines(folder / "bad.jsonl", {"text": None})
    lines(folder / "rows.jsonl", {"id": "x", "text": document(9)}, {"text": None})
    return folder


def test_everything_of_a_folder_that_is_not_used_is_named(tmp_path, caplog):
    pytest.importorskip("pypdf")
    docs, out = mixed_folder(tmp_path / "docs"), tmp_path / "out"
    with caplog.at_level(logging.WARNING):
        assert main(["generate", f"--documents={docs}", f"--output_dir={out}"]) == 0
    notes = report_of(out)["notes"]
    for part in (
        "3 files left out: broken.pdf (",
        "empty.md (is empty)",
        'bad.jsonl (expected a text or {"text": ...} on each line, and none has one: line 1: "text" is null)',
        "1 file not read, by the ending of the name: photo.png",
        "1 file not in UTF-8, read as Windows-1252: old.txt",
        'rows.jsonl: 1 of 2 rows left out, line 2: "text" is null',
    ):
        assert any(part in note for note in notes), part
        assert part in caplog.text
    assert "secret" not in json.dumps(notes)
    rows = [row for path in out.glob("t*.json") for row in load_examples(path)[0]]
    assert {"notes.rst", "old.txt", "rows.jsonl:x"} & {row["metadata"]["document"] for row in rows}


def test_after_ten_names_the_rest_is_counted(tmp_path):
    (tmp_path / "town.txt").write_text(document(1))
    for number in range(14):
        (tmp_path / f"{number:02}.png").write_text("x")
    (note,) = read_passages([str(tmp_path)])[1].notes
    assert note.startswith("14 files not read") and "09.png; and 4 more" in note and "10.png" not in note


def test_a_folder_in_which_nothing_can_be_read_is_an_error(tmp_path):
    lines(tmp_path / "bad.jsonl", {"text": None})
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match=r"none of 2 documents can be read: empty\.txt \(is empty\); bad\.jsonl"):
        read_passages([str(tmp_path)])


def test_what_this_command_wrote_is_not_read_as_documents(tmp_path):
    for number in range(8):
        (tmp_path / f"town{number}.txt").write_text(document(number))
    words = ["generate", f"--documents={tmp_path}", f"--output_dir={tmp_path / 'out'}"]
    assert main(words) == 0
    first = (tmp_path / "out" / "train.json").read_bytes()
    assert main(words) == 0
    assert (tmp_path / "out" / "train.json").read_bytes() == first
    assert report_of(tmp_path / "out")["facts"]["documents"] == 8 and "notes" not in report_of(tmp_path / "out")


def test_documents_may_lie_in_the_output_folder(tmp_path):
    (tmp_path / "town.txt").write_text(document(1))
    assert len(read_passages([str(tmp_path)], leave=str(tmp_path))[0]) == 1


# Languages


def test_a_german_document_is_left_out_of_an_english_cloze_run(tmp_path):
    docs, out = tmp_path / "docs", tmp_path / "out"
    docs.mkdir()
    for number in range(6):
        (docs / f"town{number}.txt").write_text(document(number))
    (docs / "hilfe.md").write_text(FOREIGN["de"])
    assert main(["generate", f"--documents={docs}", f"--output_dir={out}"]) == 0
    report = report_of(out)
    assert any("1 document left out, not in English: hilfe.md; a language model" in note for note in report["notes"])
    assert report["facts"]["documents"] == 6
    rows = [row for path in out.glob("t*.json") for row in load_examples(path)[0]]
    assert not any("Bibliothek" in row["context"] for row in rows)
    only = f"--documents={docs / 'hilfe.md'}"
    with pytest.raises(DataError, match=r"(?s)no passage .*: 1 other_language\n1 document left out, not in English"):
        main(["generate", only, f"--output_dir={tmp_path / 'none'}"])


def test_for_a_language_model_a_document_in_another_language_is_only_noted(tmp_path):
    path = tmp_path / "hilfe.md"
    path.write_text(FOREIGN["de"])
    found, report = read_passages([str(path)])
    assert len(found) == 1 and report.notes == [
        "1 document not in English, it seems: hilfe.md; --language says which one to ask in"
    ]
    assert read_passages([str(path)], language="de")[1].notes == []


def test_documents_without_a_passage_are_named(tmp_path):
    text = "The library is open from nine to six on every day but Sunday, and in summer until eight in the evening."
    for name, content in (("a.md", text), ("b.md", text), ("c.txt", "Closed.")):
        (tmp_path / name).write_text(content)
    _, report = read_passages([str(tmp_path)])
    assert "2 documents without a passage: b.md (the same text as another); c.txt (too short)" in report.notes


RUSSIAN = "Аренда вносится ежемесячно до пятого числа. Собаки в доме разрешены, если сосед согласен. " * 6


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "utf-8-sig", "koi8_r"])
@pytest.mark.parametrize("named", [False, True])
def test_jsonl_is_read_in_the_encodings_of_text_files(tmp_path, encoding, named):
    rows = [{"id": "1", "title": "Дом", "text": RUSSIAN}, {"id": "2", "text": document(2)}]
    path = tmp_path / "rows.jsonl"
    path.write_bytes("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(encoding))
    passages, report = read_passages([str(path)], encoding=encoding if named else None)
    assert passages[0].text.startswith("Аренда вносится") and passages[0].title == "Дом"
    assert {passage.document for passage in passages} == {"rows.jsonl:1", "rows.jsonl:2"}
    is_guess = not named and encoding in ("cp1251", "koi8_r")
    assert any("1 file not in UTF-8, read as" in note for note in report.notes) == is_guess


def test_jsonl_that_is_not_in_the_encoding_that_was_named_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json.dumps({"text": RUSSIAN}, ensure_ascii=False).encode("cp1251"))
    with pytest.raises(DataError, match="rows.jsonl: is not utf-8 .byte 10.; without encoding it is guessed"):
        read_passages([str(path)], encoding="utf-8")
