"""Which rows a run reads as what: files, rows split off, rows added."""

from __future__ import annotations

import json
import logging
from collections import Counter

import pytest

from qa_pipeline import artifacts
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.data import load_examples
from qa_pipeline.data.schema import validate
from qa_pipeline.errors import ConfigError
from qa_pipeline.run.run import run_qa
from qa_pipeline.run.splits import load_splits
from tests.conftest import read_json
from tests.run.made import parsed, settings


@pytest.fixture(scope="module")
def extra(data, tmp_path_factory):
    """Rows under ids of the training data, in another format, two of them about validation contexts."""
    folder = tmp_path_factory.mktemp("extra")
    train, validation = (load_examples(data / f"{name}.json")[0] for name in ("train", "validation"))
    asked = [row for row in train if row["answers"]["text"]][:6] + [r for r in validation if r["answers"]["text"]][:2]
    rows = []
    for row, other in zip(asked, train, strict=False):
        fields = {"passage": row["context"], "query": f"Again: {row['question']}", "span": row["answers"]["text"][0]}
        rows.append({"id": other["id"], **fields})
    (folder / "extra.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "extra.jsonl"


def test_extra_rows_join_the_training_data_but_for_those_about_held_out_contexts(
    data, extra, tiny_bert, tmp_path, caplog
):
    config = settings(data, tiny_bert, tmp_path / "out", extra_train_files=[str(extra)], field_mapping="squad")
    with caplog.at_level(logging.INFO):
        splits = load_splits(parsed(tmp_path, config))
    train = splits["train"].examples
    assert len(train) == 64 + 6
    assert len({row["id"] for row in train}) == len(train)
    added = train[64:]
    assert all(row["question"].startswith("Again: ") and row["answers"]["text"] for row in added)
    assert not {row["context"] for row in added} & {row["context"] for row in splits["validation"].examples}
    assert "2 rows are about contexts of the validation or test data and are left out" in caplog.text
    assert str(extra) in splits["train"].source


def test_extra_rows_are_reported_and_trained_on(data, extra, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", extra_train_files=str(extra), num_train_epochs=1)
    run_qa(parsed(tmp_path, config))
    report = read_json(tmp_path / "out" / artifacts.DATA_REPORT)
    validate(report, "data_report", "data_report.json")
    assert report["extra_train_file_1"]["rows_kept"] == 8
    run = read_json(tmp_path / "out" / "run.json")
    assert run["data"]["train"]["questions"] == 70


def test_a_file_of_extra_rows_that_adds_nothing_is_a_warning(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", extra_train_files=str(data / "validation.json"))
    warnings = load_splits(parsed(tmp_path, config))["train"].warnings
    assert [text for text in warnings if "none is left, so that this file adds nothing" in text]


def test_extra_rows_without_an_answer_are_not_counted_where_they_are_left_out(data, tiny_bert, tmp_path, caplog):
    rows = [
        {"id": str(n), "context": f"Room {n} opens at nine.", "question": "When?", "answer": "nine" if n else ""}
        for n in range(3)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {"version_2_with_negative": False, "extra_train_epochs": 1, "num_train_epochs": 1, "max_steps": 1}
    changes |= {"extra_train_files": str(tmp_path / "rows.jsonl"), "do_eval": False, "eval_strategy": "no"}
    with caplog.at_level(logging.INFO):
        run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    assert "1 over 2 of extra_train_files" in caplog.text


def test_extra_rows_have_passes_of_their_own(data, extra, tiny_bert, tmp_path, monkeypatch, caplog):
    from qa_pipeline.process.trainer import QATrainer

    seen: Counter[int] = Counter()
    collator = QATrainer.collator

    def watched(self, windows):
        collate = collator(self, windows)

        def counted(indices):
            if windows is self.train_windows and self.is_in_train:
                seen.update(windows.example_index[indices].tolist())
            return collate(indices)

        return counted

    monkeypatch.setattr(QATrainer, "collator", watched)
    changes = {"extra_train_files": str(extra), "num_train_epochs": 4, "extra_train_epochs": 1}
    with caplog.at_level(logging.INFO):
        run_qa(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    assert "Passes: 4 over 64 rows, 1 over 6 of extra_train_files" in caplog.text
    labelled, added = sum(seen[row] for row in range(64)), sum(seen[row] for row in range(64, 70))
    assert set(seen) == set(range(70))  # six rows follow the 64 of train_file
    assert labelled / 64 == pytest.approx(4 * added / 6, rel=0.25)  # rows have several windows each


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"extra_train_epochs": 1},
            "extra_train_epochs: only has a meaning with extra_train_files; set that or leave it out",
        ),
        ({"extra_train_epochs": 0}, "extra_train_epochs: expected above 0 and at most 1000, found 0"),
        ({"extra_train_epochs": 1e9}, "extra_train_epochs: expected above 0 and at most 1000, found 1000000000"),
    ],
)
def test_passes_over_extra_rows_that_make_no_sense_are_refused(changes, said, data, tiny_bert, tmp_path):
    with pytest.raises(ConfigError, match=said):
        parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes))


def test_extra_rows_without_training_are_a_contradiction_and_a_missing_file_is_named(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", do_train=False, use_lora=False, lora_r=None)
    config = {k: v for k, v in config.items() if v is not None} | {"extra_train_files": ["nowhere.json"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError) as caught:
        parse_arguments([str(tmp_path / "config.json")])
    assert "extra_train_files: is added to training data: set do_train" in str(caught.value)
    assert 'extra_train_files: no such file: "nowhere.json"' in str(caught.value)


def rows_file(folder, answerable: int, impossible: int):
    rows = [
        {
            "id": str(i),
            "context": f"Room {i} opens at nine.",
            "question": "When?",
            "answer": "nine" if i < answerable else "",
        }
        for i in range(answerable + impossible)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "rows.jsonl")


@pytest.mark.parametrize(
    ("answerable", "impossible", "v2", "said"),
    [
        (199, 0, False, ["199 questions are few to train on"]),
        (200, 0, False, []),
        (100, 100, True, []),
        (199, 1, False, ["1 of 200 questions have no answer", "199 questions are few to train on"]),
        (0, 200, True, ["no question has an answer: only silence can be learned"]),
    ],
)
def test_what_is_unlike_good_training_data_is_said(answerable, impossible, v2, said, data, tiny_bert, tmp_path, caplog):
    config = settings(
        data, tiny_bert, tmp_path / "out", train_file=rows_file(tmp_path, answerable, impossible),
        max_train_samples=None, version_2_with_negative=v2,
    )  # fmt: skip
    found = load_splits(parsed(tmp_path, config))["train"].warnings
    assert len(found) == len(said) and all(part in text for part, text in zip(said, found, strict=True))
    assert all(text in caplog.text for text in found)


def test_warnings_reach_the_end_of_the_run_and_its_record(data, tiny_bert, tmp_path):
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1, version_2_with_negative=False)
    results = run_qa(parsed(tmp_path, config))
    assert results["warnings"] == read_json(tmp_path / "out" / "run.json")["warnings"]
    assert [text for text in results["warnings"] if "version_2_with_negative is off: they are left out" in text]
    assert [text for text in results["warnings"] if "qa-pipeline generate" in text]
    assert "warnings" not in read_json(tmp_path / "out" / "all_results.json")
