"""A small reader in memory: it learns, it can be saved and gone on from, and its seed decides what it is."""

from __future__ import annotations

import pytest

from qa_pipeline.arguments import QASettings
from qa_pipeline.run.small_reader import Passes, SmallReader
from tests.tiny_models import save_tiny

SETTINGS = QASettings(max_seq_length=64, doc_stride=16, max_question_length=16)


def example(number: int, hour: str) -> dict:
    context = f"Office {number} opens at {hour} and closes at dusk."
    answers = {"text": [hour], "answer_start": [context.index(hour)]}
    question = f"When does office {number} open?"
    return {"id": str(number), "context": context, "question": question, "answers": answers, "is_impossible": False}


HOURS = ("six", "seven", "eight", "nine", "ten", "noon")
EXAMPLES = [example(number, hour) for number, hour in enumerate(HOURS)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    return save_tiny("bert", tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def reader(tiny):
    return lambda seed=0, model=tiny: SmallReader(learning_rate=5e-3, seed=seed, settings=SETTINGS, model=model)


def logits_like(reader: SmallReader) -> list[float]:
    return [prediction.confidence for prediction in reader.predictions(EXAMPLES)]


def test_it_learns_what_it_is_shown_and_says_nothing(reader, capsys):
    learner = reader()
    before = learner.score(EXAMPLES).f1.mean()
    learner.train(EXAMPLES, [], Passes(60))
    assert learner.score(EXAMPLES).f1.mean() > before + 0.3
    assert not capsys.readouterr().out


def test_a_saved_reader_is_the_same_reader_and_can_be_gone_on_from(reader, tmp_path):
    learner = reader()
    learner.train(EXAMPLES[:4], [], Passes(2))
    learner.save(tmp_path / "saved")
    again = reader(seed=7, model=str(tmp_path / "saved"))
    assert logits_like(again) == pytest.approx(logits_like(learner), abs=1e-5)
    again.train(EXAMPLES[4:], [], Passes(2))
    assert logits_like(again) != pytest.approx(logits_like(learner), abs=1e-5)


def test_extra_rows_are_passed_over_as_often_as_they_should_be(reader, monkeypatch):
    monkeypatch.setattr("qa_pipeline.run.small_reader.TOKENS_PER_BATCH", 1)  # steps of the least number of windows
    counted = []
    for extra in (1, 3):
        learner = reader()
        learner.train(EXAMPLES[:2], EXAMPLES[2:], Passes(1, extra=extra))
        counted.append(logits_like(learner))
    assert counted[0] != pytest.approx(counted[1], abs=1e-5)


def test_the_seed_decides_the_head_and_the_order(reader):
    first, same, other = reader(), reader(), reader(seed=1)
    for learner in (first, same, other):
        learner.train(EXAMPLES, [], Passes(1))
    assert logits_like(first) == logits_like(same) != logits_like(other)
