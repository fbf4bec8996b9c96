"""Labelled files of this machine are found, put together to data sets, and described."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from qa_pipeline.discovery.folders import folder_datasets
from qa_pipeline.errors import DataError

CASES = Path(__file__).parents[1] / "data" / "cases"


def rows(count: int, start: int = 0, text: str = "The library opened in {} and lends books.") -> list[dict]:
    made = []
    for number in range(start, start + count):
        context = text.format(1800 + number)
        at = context.index(str(1800 + number))
        answers = {"text": [str(1800 + number)], "answer_start": [at]}
        made.append(
            {"id": f"q{number}", "question": f"When was number {number}?", "context": context, "answers": answers}
        )
    return made


def save(path: Path, content: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, content)), encoding="utf-8")
    return path


def test_files_named_by_split_are_one_data_set(tmp_path):
    save(tmp_path / "museum_train.jsonl", rows(6))
    save(tmp_path / "museum_dev.jsonl", rows(3, 10))
    save(tmp_path / "harbour.jsonl", rows(4, 20))
    found, notes = folder_datasets([str(tmp_path)])
    assert {one.id: dict(one.rows) for one in found} == {
        str(tmp_path / "museum"): {"train": 6, "validation": 3},
        str(tmp_path / "harbour.jsonl"): {"train": 4},
    }
    assert notes == [] and all(one.usable and one.source == "folder" for one in found)


def test_shards_and_folders_named_by_split_are_one_data_set(tmp_path):
    save(tmp_path / "sharded" / "train-00000-of-00002.jsonl", rows(3))
    save(tmp_path / "sharded" / "train-00001-of-00002.jsonl", rows(2, 10))
    save(tmp_path / "parquet_copy" / "train" / "0000.jsonl", rows(4, 20))
    save(tmp_path / "parquet_copy" / "test" / "0000.jsonl", rows(1, 30))
    found, _ = folder_datasets([str(tmp_path)])
    assert {Path(one.id).name: dict(one.rows) for one in found} == {
        "parquet_copy": {"test": 1, "train": 4},
        "sharded": {"train": 5},
    }


def test_the_card_says_what_it_is_about_and_whose_it_is(tmp_path):
    save(tmp_path / "train.jsonl", rows(2))
    card = (
        "---\nlanguage: en\nlicense: cc-by-4.0\n---\n# Harbour pilots\nQuestions of [pilots](https://pilots.example).\n"
    )
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    (one,), _ = folder_datasets([str(tmp_path)])
    assert (one.licence, one.languages) == ("cc-by-4.0", ("en",))
    assert "Harbour pilots" in one.description and "https" not in one.text
    assert "When was number 0?" in one.text


@pytest.mark.parametrize("front", ["---\nlanguage: [\n---\n", "---\n- a\n---\n", ""])
def test_a_card_with_damaged_metadata_is_still_read(tmp_path, front):
    save(tmp_path / "train.jsonl", rows(2))
    (tmp_path / "README.md").write_text(f"{front}# Harbour pilots\n", encoding="utf-8")
    (one,), _ = folder_datasets([str(tmp_path)])
    assert "Harbour pilots" in one.text


def test_without_a_card_the_language_is_that_of_the_texts(tmp_path):
    german = "Die Bibliothek wurde {} eröffnet und verleiht seitdem Bücher an alle Bürger."
    save(tmp_path / "train.jsonl", rows(5, text=german))
    (one,), _ = folder_datasets([str(tmp_path)])
    assert one.languages == ("de",)


def test_what_cannot_be_read_is_a_candidate_that_says_why(tmp_path):
    (tmp_path / "broken.json").write_text("[{", encoding="utf-8")
    shutil.copy(CASES / "boolean_answers-2.csv", tmp_path)
    found, _ = folder_datasets([str(tmp_path)])
    assert [one.usable for one in found] == [False, False]
    assert all("it cannot be read" in one.why_not for one in found)


def test_reports_of_this_program_and_hidden_files_are_no_data(tmp_path):
    save(tmp_path / "train.jsonl", rows(2))
    save(tmp_path / ".cache" / "train.jsonl", rows(2))
    for name in ("data_report.json", "dataset_infos.json", "run.json"):
        (tmp_path / name).write_text('{"rows": 3}', encoding="utf-8")
    found, _ = folder_datasets([str(tmp_path)])
    assert [one.id for one in found] == [str(tmp_path)]


def test_a_folder_that_datasets_saved_is_one_data_set_with_its_splits(tmp_path):
    import datasets

    saved = {"train": datasets.Dataset.from_list(rows(4)), "test": datasets.Dataset.from_list(rows(2, 10))}
    datasets.DatasetDict(saved).save_to_disk(str(tmp_path / "saved"))
    found, _ = folder_datasets([str(tmp_path)])
    assert [dict(one.rows) for one in found] == [{"test": 2, "train": 4}]


def test_an_empty_folder_is_a_note_and_a_missing_one_an_error(tmp_path):
    found, notes = folder_datasets([str(tmp_path)])
    assert found == [] and "holds no labelled data" in notes[0]
    with pytest.raises(DataError, match="dataset_folders: nowhere does not exist"):
        folder_datasets(["nowhere"])
