"""A run on questions whose answers are sets: several spans are learnt, scored and given, and the confidence is kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from qa_pipeline import QAPredictor
from qa_pipeline.data import load_examples, needs_all, write_squad
from qa_pipeline.data.schema import validate
from qa_pipeline.metrics import multi_span_scores
from qa_pipeline.preprocess import Preprocess
from qa_pipeline.run.run import run_qa
from tests.conftest import read_json
from tests.run.made import parsed, settings
from tests.tokenizers import tokenizer

NAMES = ["fee", "doctor", "clinic", "room", "visit", "hours", "desk", "phone"]


def sets(count: int, seed: int = 0, marked: bool = True) -> list[dict]:
    """Lists: two of the names stand behind a colon and are the answer."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        one, two, other = (NAMES[i] for i in rng.choice(len(NAMES), 3, replace=False))
        context = f"Day {seed} {number}. We have : {one} and : {two} , no {other} ."
        starts = [context.index(f": {name}") + 2 for name in (one, two)]
        rows.append(
            {
                "id": f"s{seed}-{number}",
                "context": context,
                "question": "What do we have?",
                "answers": {"text": [one, two], "answer_start": starts},
                "is_impossible": False,
                "metadata": {"all_answers": marked},
            }
        )
    return rows


@pytest.fixture(scope="module")
def trained(tiny_bert, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name, count in (("train", 120), ("validation", 110), ("test", 12)):
        write_squad(folder / f"{name}.json", sets(count, seed=len(name)))
    config = settings(
        folder, tiny_bert, folder / "out", do_predict=True, test_file=str(folder / "test.json"), answer_choice="all",
        use_lora=False, lora_r=None, max_train_samples=None, max_eval_samples=None, version_2_with_negative=False,
        learning_rate=3e-3, num_train_epochs=8, per_device_train_batch_size=16, eval_strategy="no", save_strategy="no",
    )  # fmt: skip
    del config["lora_r"]
    run_qa(parsed(folder, config))
    return folder


def test_several_spans_are_learnt_scored_and_given(trained):
    results = read_json(trained / "out" / "all_results.json")
    for split, total in (("eval", 110), ("predict", 12)):
        assert results[f"{split}_multi_total"] == total
        assert results[f"{split}_multi_exact_f1"] > 80, results
        assert results[f"{split}_multi_partial_f1"] >= results[f"{split}_multi_exact_f1"]
    stored = read_json(trained / "out" / "qa_config.json")
    validate(stored, "qa_config", "here")
    assert stored["all_answers_confidence"] == results["eval_all_answers_confidence"]
    assert 0.05 <= stored["all_answers_confidence"] < 0.5
    predictor = QAPredictor.from_pretrained(trained / "out", device="cpu")
    examples, _ = load_examples(trained / "test.json")
    given = {}
    for example in examples:
        reply = predictor.ask(example["question"], example["context"], all_answers=True)
        given[example["id"]] = [answer.text for answer in reply.answers]
        (answer,) = predictor.predict([example], n_best_size=100)
        assert [span.text for span in answer.above(stored["all_answers_confidence"])] == given[example["id"]]
    asked = multi_span_scores(given, examples).summary()
    assert asked["multi_exact_f1"] == pytest.approx(results["predict_multi_exact_f1"])


def test_asking_the_model_anew_keeps_its_confidence(trained, tmp_path):
    write_squad(tmp_path / "other.json", sets(105, seed=50))
    config = {
        "model_name_or_path": str(trained / "out"), "do_eval": True, "validation_file": str(tmp_path / "other.json"),
        "output_dir": str(tmp_path / "scores"), "use_cpu": True, "disable_tqdm": True,
    }  # fmt: skip
    results = run_qa(parsed(tmp_path, config))
    assert results["eval_multi_exact_f1"] > 80
    assert "eval_all_answers_confidence" not in results, "nothing is fitted where a model is only asked"


def test_training_on_one_answer_of_each_set_is_said(tiny_bert, tmp_path, caplog):
    for name in ("train", "validation"):
        write_squad(tmp_path / f"{name}.json", sets(12, seed=len(name)))
    config = settings(
        tmp_path, tiny_bert, tmp_path / "out", num_train_epochs=1, eval_strategy="no", version_2_with_negative=False
    )
    with caplog.at_level(logging.WARNING):
        results = run_qa(parsed(tmp_path, config))
    said = "12 training questions want several answers, all of them, of which answer_choice=first trains on one"
    assert any(said in one for one in results["warnings"])
    assert results["eval_all_answers_reason"].startswith("12 questions with several required answers are too few")
    assert json.loads((tmp_path / "out" / "qa_config.json").read_text())["all_answers_confidence"] is None


def test_rows_without_the_mark_are_scored_as_ever(tmp_path):
    from qa_pipeline.run.answer_sets import note_on_sets

    examples = sets(3, marked=False)
    assert not any(map(needs_all, examples)) and note_on_sets(examples, None) is None


def test_the_loss_over_copies_is_that_of_an_even_share_for_each_answer():
    """The mean cross-entropy over one copy for each answer is the one against a distribution that shares evenly."""
    (example,) = sets(1)
    windows = Preprocess(tokenizer("bert"), answer_choice="all").labelled_windows([example])
    assert len(windows) == 2
    logits = torch.randn(int(windows.lengths.max()), generator=torch.Generator().manual_seed(0))
    starts = torch.as_tensor(np.asarray(windows.start_positions, dtype=np.int64))
    copies = torch.nn.functional.cross_entropy(logits.expand(2, -1), starts)
    shares = torch.zeros(len(logits)).index_add_(0, starts, torch.full((2,), 0.5))
    assert torch.isclose(copies, torch.nn.functional.cross_entropy(logits[None], shares[None]))
