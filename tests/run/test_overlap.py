"""Questions and contexts that stand in training and held-out data alike, written otherwise."""

from __future__ import annotations

import json
import logging
import random
import time

import pytest

from qa_pipeline.run.run import run_qa
from qa_pipeline.run.splits import Contexts, asked_in_both, load_splits
from qa_pipeline.text.folding import fold_case
from tests.conftest import read_json
from tests.run.made import parsed, settings


def row(number: str, context: str, question: str = "When does it open?", answer: str = "nine") -> dict:
    answers = {"text": [answer], "answer_start": [context.index(answer)]}
    return {"id": number, "context": context, "question": question, "answers": answers}


def write(folder, name: str, rows: list[dict]) -> str:
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in rows))
    return str(folder / name)


TEXT = "The desk opens at nine. Bring your card."
SAME = [
    row("lines", "The desk opens\r\nat nine.  Bring\tyour card.\n"),
    row("spaces", "\u00a0The desk opens at nine. Bring your card. "),
    row("case", "THE DESK OPENS AT nine. BRING YOUR CARD.", "when does it  open?"),
]
OTHERS = [
    row("other question", TEXT, "When does the desk open?"),
    row("other context", "The desk opens at nine. Bring your cards."),
    row("joined", "The deskopens at nine. Bring your card."),
]


@pytest.mark.parametrize("name", ["validation", "test"])
def test_questions_that_are_trained_on_and_scored_are_a_warning_with_their_number_and_ids(
    name, data, tiny_bert, tmp_path, caplog
):
    held_out = write(tmp_path, "held_out.jsonl", [OTHERS[0], *SAME, *OTHERS[1:]])
    changes = {"train_file": write(tmp_path, "train.jsonl", [row("t", TEXT)]), f"{name}_file": held_out}
    if name == "test":
        changes |= {"do_predict": True, "do_eval": False, "eval_strategy": "no"}
    splits = load_splits(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    said = [text for text in splits[name].warnings if "same context in the training data" in text]
    assert said == [
        f"{held_out}: 3 of 6 {name} questions are asked of the same context in the training data too (apart from white "
        "space and case), so that scores flatter: lines, spaces, case. Take them out of one of the two."
    ]
    assert said[0] in caplog.text and not any("same context" in text for text in splits["train"].warnings)


def test_the_warning_reaches_the_end_of_the_run_and_its_record(data, tiny_bert, tmp_path):
    files = {
        "train_file": write(tmp_path, "t.jsonl", [row("t", TEXT)]),
        "validation_file": write(tmp_path, "v.jsonl", SAME),
    }
    config = settings(data, tiny_bert, tmp_path / "out", num_train_epochs=1, **files)
    results = run_qa(parsed(tmp_path, config))
    assert [text for text in results["warnings"] if "3 of 3 validation questions are asked of the same" in text]
    assert results["warnings"] == read_json(tmp_path / "out" / "run.json")["warnings"]


def test_data_of_its_own_gives_no_warning(data, tiny_bert, tmp_path):
    changes = {"do_predict": True, "test_file": str(data / "test.json"), "max_train_samples": None}
    splits = load_splits(parsed(tmp_path, settings(data, tiny_bert, tmp_path / "out", **changes)))
    assert not any("same context" in text for split in splits.values() for text in split.warnings)


def test_extra_rows_about_a_held_out_context_are_found_however_it_is_written(data, tiny_bert, tmp_path, caplog):
    extra = write(tmp_path, "extra.jsonl", [*SAME, OTHERS[1]])
    validation = write(tmp_path, "validation.jsonl", [row("v", TEXT, "What opens at nine?", "desk")])
    config = settings(data, tiny_bert, tmp_path / "out", extra_train_files=[extra], validation_file=validation)
    with caplog.at_level(logging.INFO, logger="qa_pipeline"):
        train = load_splits(parsed(tmp_path, config))["train"]
    assert train.extra_ids == {"other context"}
    assert f"{extra}: 3 rows are about contexts of the validation or test data and are left out" in caplog.text


def test_folding_costs_no_noticeable_time():
    rng = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    contexts = [" ".join(rng.choices(words, k=150)) for _ in range(20_000)]
    rows = [
        {"id": str(number), "context": contexts[number % len(contexts)], "question": f"Where is {rng.choice(words)} ?"}
        for number in range(100_000)
    ]
    begin = time.process_time()
    assert len(asked_in_both(rows, rows[::10])) == 10_000
    assert all(one["context"] in Contexts(rows[:1000]) for one in rows[:1])
    assert time.process_time() - begin < 5


def test_folded_texts_are_equal_where_only_white_space_and_case_differ():
    assert fold_case(" A\u2003b\r\nC ") == "a b c" == fold_case("a b c") != fold_case("ab c")
    assert "A  B" in Contexts([row("x", "a b", answer="a")]) and "ab" not in Contexts([row("x", "a b", answer="a")])
