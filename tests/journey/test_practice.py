"""Questions of the built-in domains beside few rows: when they are taken, and that they only train."""

import json

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.journey.practice import PRACTICE_ROWS, answers_questions, wanted_practice, write_practice
from qa_pipeline.journey.prompt2model import Prompt2Model
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from tests.journey.journeys import save_model, small


@pytest.mark.parametrize(
    ("asked", "rows", "language", "answers", "wanted"),
    [
        (None, 100, "en", False, PRACTICE_ROWS),
        (None, 5000, "en", False, 0),
        (None, 100, "de", False, 0),
        (None, 100, "en", True, 0),
        (0, 100, "en", False, 0),
        (50, 5000, "de", True, 50),
    ],
)
def test_practice_is_for_few_english_rows_and_a_model_that_never_answered(asked, rows, language, answers, wanted):
    assert wanted_practice(asked, rows, language, answers) == wanted


def test_practice_rows_are_data_like_any_other_and_always_the_same(tmp_path):
    first, again = (write_practice(tmp_path / name, 60, 0.5, seed=3) for name in ("a.json", "b.json"))
    assert first.read_bytes() == again.read_bytes()
    rows, report = load_examples(first, on_bad_data="error")
    assert (len(rows), report.unanswerable) == (60, 30)


def test_a_model_that_is_named_is_known_by_the_catalogue_or_by_its_configuration(tmp_path):
    assert not answers_questions(EMBEDDED_MODEL)
    assert answers_questions("deepset/roberta-base-squad2")
    assert answers_questions("somebody/unheard-of")  # nobody can tell: its training is not mixed with other texts
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    assert not answers_questions(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertForQuestionAnswering"]}))
    assert answers_questions(str(tmp_path))


def test_a_journey_trains_on_practice_rows_and_says_so(tmp_path):
    more = {"practice_rows": 40, "output_dir": str(tmp_path / "journey"), "num_trials": 0}
    settings = small(tmp_path, save_model(tmp_path / "tiny"), **more)
    result = Prompt2Model(settings).run()
    record = json.loads((result.folder / "journey.json").read_text())["stages"]
    assert record["retrieve_model"]["facts"]["practice"]["rows"] == 40
    assert record["train"]["facts"]["settings"]["extra_train_epochs"] == 1
    for split in ("validation", "test"):
        rows, _ = load_examples(result.folder / "process" / f"{split}.json")
        assert {row["metadata"]["kind"] for row in rows} == {"generated"}
    for page in ("README.md", "report.html"):
        assert "40 questions of built-in domains" in (result.folder / page).read_text()
