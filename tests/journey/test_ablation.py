"""The cells of an ablation: which can be made, that a finished one is not trained again, and paired differences."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

import qa_pipeline.run.run
from qa_pipeline.data import load_examples, write_squad
from qa_pipeline.journey.results.ablation import AblationCell, ablate, ablation_cells
from qa_pipeline.journey.results.evaluation import metrics_schema
from tests.journey.made_journey import test_rows


def named(cells):
    return {cell.name: cell for cell in cells}


def test_each_kind_of_rows_is_a_cell_and_all_of_them_are_one(tmp_path):
    rows = test_rows(30, kinds=("generated", "retrieved", "labelled"))
    cells = named(ablation_cells(rows, tmp_path, unfiltered=test_rows(12)))
    assert list(cells) == ["labelled", "retrieved", "generated", "generated_unfiltered", "all"]
    for name, cell in cells.items():
        ids = {row["id"] for row in load_examples(cell.train_file)[0]}
        wanted = test_rows(12) if name == "generated_unfiltered" else rows
        assert ids == {r["id"] for r in wanted if name in ("all", "generated_unfiltered", r["metadata"]["kind"])}


def test_cells_that_cannot_be_made_say_why(tmp_path):
    cells = named(ablation_cells(test_rows(6), tmp_path))
    assert {name: cell.why_not for name, cell in cells.items()} == {
        "retrieved": "no retrieved rows are in the training data",
        "generated": None,
        "generated_unfiltered": "no rows were generated without filters",
        "all": "there is only one kind of training data (generated rows only)",
    }


def test_unfiltered_rows_about_held_out_texts_or_documents_are_left_out(tmp_path):
    rows = test_rows(12)  # three of a context
    for number, row in enumerate(rows):
        row["metadata"]["document"] = f"document {number // 6}"
    held_out = [{**rows[0], "id": "h", "context": rows[0]["context"].upper()}]
    del held_out[0]["metadata"]
    cells = named(ablation_cells(rows, tmp_path, unfiltered=rows, held_out=held_out))
    kept = [row["id"] for row in load_examples(cells["generated_unfiltered"].train_file)[0]]
    assert kept == [row["id"] for row in rows[3:]]  # the context in other letters
    cells = named(ablation_cells(rows, tmp_path, unfiltered=rows, held_out=rows[:1]))
    kept = [row["id"] for row in load_examples(cells["generated_unfiltered"].train_file)[0]]
    assert kept == [row["id"] for row in rows[6:]]  # the whole document


@pytest.fixture
def trainings(monkeypatch):
    """The folders that were trained in, in order."""
    train, seen = qa_pipeline.run.run.run_qa, []

    def counted(arguments, *more):
        seen.append(str(arguments.training.output_dir).split("/")[-1])
        return train(arguments, *more)

    monkeypatch.setattr(qa_pipeline.run.run, "run_qa", counted)
    return seen


@pytest.fixture
def values(tiny_bert, tmp_path):
    return {
        "model_name_or_path": str(tiny_bert),
        "validation_file": str(write_squad(tmp_path / "validation.json", test_rows(9))),
        **{"do_eval": True, "do_predict": True, "test_file": "not/looked/at.json", "output_dir": "not/used"},
        **{
            "max_seq_length": 96,
            "doc_stride": 24,
            "max_question_length": 24,
            "max_steps": 2,
            "use_cpu": True,
            "warm_start": "off",
        },
        **{
            "token": "hf_secret",
            "learning_rate": 1e-3,
            "report_to": "none",
            "disable_tqdm": True,
            "version_2_with_negative": True,
        },
    }


def test_cells_are_trained_once_with_the_same_settings_and_compared(values, trainings, tmp_path):
    rows = test_rows(18, kinds=("generated", "retrieved"))
    cells = ablation_cells(rows, tmp_path / "ablation")
    test_file = write_squad(tmp_path / "test.json", test_rows(30, unanswerable=0.2))
    found = ablate(cells, values, test_file, tmp_path / "ablation", bootstrap_samples=50)
    assert trainings == ["retrieved", "generated", "all"]
    measured = {row["name"]: row for row in found["cells"] if row["f1"]}
    assert list(measured) == ["base", "retrieved", "generated", "all"]
    assert [measured[name]["rows"] for name in ("retrieved", "generated", "all")] == [9, 9, 18]
    [unmade] = [row for row in found["cells"] if row["why_not"]]
    assert (unmade["name"], unmade["why_not"]) == ("generated_unfiltered", "no rows were generated without filters")
    for pair in found["pairs"]:
        gap = measured[pair["cell"]]["f1"]["value"] - measured[pair["against"]]["f1"]["value"]
        assert pair["f1"]["difference"] == pytest.approx(gap)
    assert any(sentence.startswith("What the other rows add to the generated ones") for sentence in found["sentences"])
    configs = [yaml.safe_load((tmp_path / "ablation" / f"{name}.yaml").read_text()) for name in ("generated", "all")]
    different = {key for key in configs[0] if configs[0][key] != configs[1][key]}
    assert different == {"train_file", "output_dir"} and "test_file" not in configs[0]
    texts = [path.read_text() for path in (tmp_path / "ablation").rglob("*.*") if path.suffix in (".yaml", ".json")]
    assert not any("hf_secret" in text for text in (*texts, json.dumps(found)))
    schema = metrics_schema()
    Draft202012Validator({**schema["$defs"]["ablation"], "$defs": schema["$defs"]}).validate(
        json.loads(json.dumps(found))
    )

    again = ablate(cells, values, test_file, tmp_path / "ablation", bootstrap_samples=50)
    assert trainings == ["retrieved", "generated", "all"]  # none was trained again
    assert again == found
    ablate(cells[1:2], {**values, "learning_rate": 2e-3}, test_file, tmp_path / "ablation", bootstrap_samples=20)
    assert trainings[3:] == ["generated"]


def test_a_cell_that_cannot_be_trained_does_not_end_the_others(values, trainings, tmp_path):
    (tmp_path / "broken.json").write_text("{")
    good = write_squad(tmp_path / "good.json", test_rows(9))
    cells = [AblationCell("retrieved", tmp_path / "broken.json"), AblationCell("generated", good)]
    found = ablate(cells, values, good, tmp_path / "ablation", bootstrap_samples=20)
    assert {row["name"]: bool(row["f1"]) for row in found["cells"]} == {
        "base": True,
        "retrieved": False,
        "generated": True,
    }
    assert "broken.json" in found["cells"][1]["why_not"]


def test_an_ablation_without_any_cell_says_so(values, tmp_path):
    good = write_squad(tmp_path / "good.json", test_rows(6))
    found = ablate([AblationCell("all", None, "only one kind")], values, good, tmp_path / "ablation")
    assert found["pairs"] == [] and found["cells"][1]["why_not"] == "only one kind"
    assert found["sentences"] == ["no cell could be trained, so there is nothing to compare"]
