"""Trainings of rung 2: kept seed by seed, never done twice, and a real one of a tiny model."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import DataError
from qa_pipeline.optimisation.trainings import KeptTrainings, ReaderTraining, SeedScores
from tests.generation.fakes import FakeGenerator, passages
from tests.tiny_models import save_tiny

IDENTITY = {"model": "m"}
WINDOWS = QASettings(max_seq_length=96, doc_stride=32, max_question_length=24)


class Training:
    def __init__(self, stop_at=None):
        self.seeds, self._stop_at = [], stop_at

    def __call__(self, rows, questions, seed):
        if seed == self._stop_at:
            raise KeyboardInterrupt
        self.seeds.append(seed)
        return SeedScores((seed / 10, 1 / 3), (0.0, 1.0))


@pytest.fixture(scope="module")
def examples():
    """Rows of made-up passages, as examples."""
    from qa_pipeline.generation.filters import check
    from qa_pipeline.generation.types import Draft, Row

    results = [check(d, []) for d in FakeGenerator().drafts(passages(6)) if isinstance(d, Draft)]
    rows = sorted((one for one in results if isinstance(one, Row) and one.answer), key=lambda row: row.key)
    return [row.to_example() for row in rows]


def test_a_training_is_done_once_in_all_processes(tmp_path, examples):
    path = tmp_path / "work" / "trained.jsonl"
    first, second = Training(), Training()
    kept = KeptTrainings(first, path, IDENTITY)
    found = [kept(examples, examples, seed) for seed in (0, 1)]
    kept.close()
    again = KeptTrainings(second, path, IDENTITY)
    assert [again(examples, examples, seed) for seed in (0, 1)] == found
    assert first.seeds == [0, 1] and second.seeds == []


def test_a_killed_evaluation_goes_on_at_the_seed_that_it_was_at(tmp_path, examples):
    kept = KeptTrainings(Training(stop_at=2), tmp_path / "trained.jsonl", IDENTITY)
    with pytest.raises(KeyboardInterrupt):
        [kept(examples, examples, seed) for seed in (0, 1, 2)]
    later = Training()
    again = KeptTrainings(later, tmp_path / "trained.jsonl", IDENTITY)
    assert [again(examples, examples, seed).f1[0] for seed in (0, 1, 2)] == [0.0, 0.1, 0.2]
    assert later.seeds == [2]


@pytest.mark.parametrize("changed", ["rows", "questions", "settings", "seed"])
def test_what_a_score_hangs_on_names_it(tmp_path, examples, changed):
    KeptTrainings(Training(), tmp_path / "t.jsonl", IDENTITY)(examples, examples, 0)
    later = Training()
    again = KeptTrainings(later, tmp_path / "t.jsonl", {"model": "n"} if changed == "settings" else IDENTITY)
    rows = examples[1:] if changed == "rows" else examples
    questions = examples[1:] if changed == "questions" else examples
    again(rows, questions, 5 if changed == "seed" else 0)
    assert len(later.seeds) == 1


def test_a_damaged_line_and_what_follows_it_is_made_again(tmp_path, examples, caplog):
    path = tmp_path / "t.jsonl"
    kept = KeptTrainings(Training(), path, IDENTITY)
    for seed in (0, 1, 2):
        kept(examples, examples, seed)
    kept.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": 3}\n' + lines[2] + b'{"id": "cut of')
    later = Training()
    again = KeptTrainings(later, path, IDENTITY)
    for seed in (0, 1, 2):
        again(examples, examples, seed)
    again.close()
    assert later.seeds == [1, 2] and "is damaged and is made again" in caplog.text
    assert [json.loads(line)["f1"] for line in path.read_bytes().splitlines()] == [[s / 10, 1 / 3] for s in (0, 1, 2)]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "t.jsonl").mkdir()
    with pytest.raises(DataError, match=r"t\.jsonl: cannot be written"):
        KeptTrainings(Training(), tmp_path / "t.jsonl", IDENTITY)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny("bert", tmp_path_factory.mktemp("tiny"))


def test_a_training_scores_every_question_and_is_the_same_each_time(tiny, examples):
    train = ReaderTraining(tiny, epochs=1, learning_rate=1e-3, settings=WINDOWS)
    first, again = (train(examples[:8], examples[8:14], 3) for _ in range(2))
    assert first == again and len(first.f1) == len(first.em) == 6
    assert train(examples[:8], examples[8:14], 4) != first


def test_training_on_the_questions_themselves_answers_them(tiny, examples):
    train = ReaderTraining(tiny, epochs=60, learning_rate=5e-3, settings=WINDOWS)
    learned, begun = train(examples[:6], examples[:6], 0), train([], examples[:6], 0)
    assert sum(learned.f1) > sum(begun.f1) + 2
