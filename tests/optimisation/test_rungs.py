"""The three rungs: what each score is, by hand; nested passages; tokens counted once; the same in a later process."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.types import Row
from qa_pipeline.optimisation.evaluations import PromptEvaluation
from qa_pipeline.optimisation.rungs import Rungs, RungSettings, round_trip_f1
from qa_pipeline.optimisation.trainings import SeedScores
from tests.generation.fakes import document
from tests.optimisation.made import BASELINE, InstantBackend, candidate, pairs, passages, synthesizer

TEXTS = passages([document(i) for i in range(30)])
SETTINGS = RungSettings(passages=(4, 8, 12), train_rows=10)
QUESTION = {
    "id": "q",
    "context": "It opens at nine.",
    "question": "When does it open?",
    "answers": {"text": ["nine"], "answer_start": [12]},
    "is_impossible": False,
}
CHECK = [QUESTION | {"id": f"q{i}", "context": f"{QUESTION['context']} {i}"} for i in range(4)]


def right(rows):
    """A reader that finds every answer."""
    return [SimpleNamespace(text=row.answer, start=row.start) for row in rows]


def rungs(backend=None, texts=TEXTS, settings=SETTINGS, reader=right, questions=3, **more) -> Rungs:
    return Rungs(synthesizer(backend or InstantBackend(), questions), texts, settings, reader=reader, **more)


class Training:
    """Stands in for a training: F1 by how many rows there are, and by the seed."""

    def __init__(self):
        self.seen = []

    def __call__(self, rows, questions, seed):
        self.seen.append((rows, seed))
        return SeedScores(tuple(min(1.0, (len(rows) + seed + i) / 20) for i in range(len(questions))), (0.5,) * 4)


def test_the_passages_of_a_rung_are_the_first_of_the_next():
    made = rungs()
    first, second, third = (made.passages(rung) for rung in range(3))
    assert first == second[:4] and second == third[:8] and len(third) == 12
    assert first != TEXTS[:4]  # drawn from all of them


def test_the_order_of_passages_hangs_on_the_seed_and_not_on_the_order_given():
    assert rungs(texts=TEXTS[::-1]).sample == rungs().sample
    assert rungs(settings=dataclasses.replace(SETTINGS, seed=1)).sample != rungs().sample


def test_a_rung_has_no_more_passages_than_there_are():
    assert rungs(texts=TEXTS[:5]).evaluate(BASELINE, 1).passages == 5


def test_validity_is_accepted_rows_for_a_thousand_tokens():
    backend = InstantBackend()
    found = rungs(backend).evaluate(BASELINE, 0)
    assert found.score == pytest.approx(1000 * found.rows / backend.tokens) and found.rows > 0
    assert found.parts["accepted_per_1000_tokens"] == found.score
    assert found.parts["accepted"] == pytest.approx(found.rows / 12)
    assert found.low < found.score < found.high and 0 < found.noise < found.score


def test_validity_of_a_model_that_writes_nothing_is_nothing():
    found = rungs(texts=TEXTS[:2], backend=InstantBackend(lambda _: "")).evaluate(BASELINE, 0)
    assert found.rows == 0 and found.score == 0.0 and found.rejected == {"not_json": 2}


HARBOUR = passages(["The harbour office opens at nine each day.", "Long boats pay forty crowns a night."])
ASKED = {
    HARBOUR[0].id: pairs(
        ("At which hour can skippers register?", "nine"), ("When does the harbour office open?", "at")
    ),
    HARBOUR[1].id: pairs(("What do long boats pay a night?", "forty crowns")),
}


def written(request):
    return ASKED[request.key.split("/")[0]]


def test_the_round_trip_is_f1_less_the_penalty_over_all_questions_asked_for():
    """By hand: three of four questions asked for are rows; the reader finds half of one answer and none of another."""

    def reader(rows):
        found = {"nine": ("nine", 28), "at": ("", None), "forty crowns": ("forty crowns a night", 15)}
        return [SimpleNamespace(text=found[row.answer][0], start=found[row.answer][1]) for row in rows]

    settings = dataclasses.replace(SETTINGS, overlap_penalty=0.5)
    found = rungs(InstantBackend(written), HARBOUR, settings, reader, questions=2).evaluate(BASELINE, 1)
    f1 = 2 * (2 / 3) / (2 / 3 + 1)  # "forty crowns night" without the article: two of three words, both of two
    rows = [1 - 0.5 * 0, 0, f1 - 0.5 * 1]  # skippers register: none of its words; long boats pay night: all of them
    assert found.rows == 3 and found.score == pytest.approx(100 * sum(rows) / 4)
    assert found.parts["round_trip_f1"] == pytest.approx(100 * (1 + 0 + f1) / 3)
    assert found.parts["accepted"] == pytest.approx(3 / 4)
    assert np.mean(found.values) == pytest.approx(found.score) and len(found.values) == 2


def test_questions_that_repeat_the_sentence_score_less():
    copied = lambda _: pairs(("What do long boats pay a night?", "forty crowns"))  # noqa: E731
    asked = lambda _: pairs(("How much does mooring cost?", "forty crowns"))  # noqa: E731
    scores = [rungs(InstantBackend(w), HARBOUR[1:], questions=1).evaluate(BASELINE, 1).score for w in (copied, asked)]
    assert scores == pytest.approx([70.0, 100.0])


def test_the_reader_sees_rows_in_one_order_and_never_their_answers_in_another():
    seen = []

    def reader(rows):
        seen.append([row.key for row in rows])
        return right(rows)

    for _ in range(2):
        rungs(reader=reader).evaluate(BASELINE, 1)
    assert seen[0] == seen[1] == sorted(seen[0])


def test_a_reader_that_skips_a_row_is_refused():
    with pytest.raises(ValueError, match="the reader gave 1 answers to 3 questions"):
        rungs(InstantBackend(written), HARBOUR, reader=lambda rows: right(rows)[:1]).evaluate(BASELINE, 1)


@pytest.mark.parametrize(
    ("answer", "start", "found", "found_start", "wanted"),
    [
        ("nine", 12, "nine", 12, 1.0),
        ("nine", 12, "at nine", 9, 2 / 3),
        ("nine", 12, "nine", 40, 0.0),
        ("nine", 12, "", None, 0.0),
        ("nine", 12, "nine", None, 1.0),
        (None, None, "", None, 1.0),
        (None, None, "nine", 12, 0.0),
    ],
)
def test_the_round_trip_counts_words_at_the_right_place(answer, start, found, found_start, wanted):
    row = Row(Passage("p", "d", "It opens at nine."), "When?", answer, start, "llm")
    assert round_trip_f1(row, SimpleNamespace(text=found, start=found_start)) == pytest.approx(wanted)


def test_answers_of_other_languages_are_compared_in_their_own():
    row = Row(Passage("p", "d", "Sie zahlt der Verein."), "Wer zahlt?", "der Verein", 10, "llm")
    found = SimpleNamespace(text="Verein", start=14)
    assert round_trip_f1(row, found, "de") == 1.0 > round_trip_f1(row, found, "en")


def test_a_trained_reader_is_scored_on_the_check_questions_over_its_seeds():
    train = Training()
    found = rungs(train=train, check=CHECK).evaluate(BASELINE, 2)
    assert [seed for _, seed in train.seen] == [0, 1, 2] and found.rows == 10
    each = [100 * np.mean([(10 + seed + i) / 20 for i in range(4)]) for seed in range(3)]
    assert found.score == pytest.approx(np.mean(each)) and found.noise == pytest.approx(np.std(each, ddof=1))
    assert [found.parts[f"f1_seed_{seed}"] for seed in range(3)] == pytest.approx(each)
    assert found.parts["em_seed_1"] == 50.0 and len(found.values) == len(CHECK)


def test_every_seed_and_every_run_trains_on_the_same_rows_and_a_larger_number_only_adds():
    train, more = Training(), Training()
    rungs(train=train, check=CHECK).evaluate(BASELINE, 2)
    rungs(train=more, check=CHECK, settings=dataclasses.replace(SETTINGS, train_rows=11)).evaluate(BASELINE, 2)
    assert train.seen[0][0] == train.seen[1][0] == more.seen[0][0][:10] and len(more.seen[0][0]) == 11


def test_a_candidate_without_a_row_is_the_reader_as_it_begins():
    train = Training()
    found = rungs(InstantBackend(lambda _: "no"), train=train, check=CHECK).evaluate(BASELINE, 2)
    assert found.rows == 0 and train.seen[0][0] == []


def test_without_a_check_set_the_round_trip_is_the_last_rung():
    assert rungs().last == 1 and rungs(train=Training()).last == 1 and rungs(train=Training(), check=CHECK).last == 2
    with pytest.raises(ValueError, match="rung 2: there are rungs 0 to 1"):
        rungs().evaluate(BASELINE, 2)


def test_the_tokens_of_all_evaluations_are_those_of_the_server():
    backend = InstantBackend()
    cache = {}

    def remembered(request):  # as the backends of the package answer what was asked before
        return cache.setdefault(request.key, InstantBackend()._write(request))

    backend._write = remembered
    made = rungs(backend, train=Training(), check=CHECK)
    found = [made.evaluate(BASELINE, rung) for rung in range(3)]
    once = InstantBackend(remembered)
    synthesizer(once)(BASELINE, made.passages(2))
    assert sum(one.tokens for one in found) == once.tokens and all(one.tokens > 0 for one in found)


def test_an_evaluation_is_done_once():
    backend = InstantBackend()
    made = rungs(backend)
    first, asked = made.evaluate(BASELINE, 0), len(backend.asked)
    assert made.evaluate(BASELINE, 0) is first and len(backend.asked) == asked


def test_a_higher_rung_first_leaves_nothing_to_pay_for_a_lower_one():
    made = rungs()
    assert made.evaluate(BASELINE, 1).tokens > 0 == made.evaluate(BASELINE, 0).tokens


def test_evaluations_that_are_recalled_give_what_an_uninterrupted_run_gives():
    whole = rungs(train=Training(), check=CHECK)
    wanted = [whole.evaluate(BASELINE, rung) for rung in range(3)]
    later = rungs(train=Training(), check=CHECK)
    for one in wanted[:2]:
        later.recall(PromptEvaluation.from_json(one.to_json()))
    assert [later.evaluate(BASELINE, rung) for rung in range(3)] == wanted


def test_a_forecast_is_of_what_is_new_and_asks_nothing():
    backend = InstantBackend()
    made = rungs(backend)
    before = made.forecast(BASELINE, 0), made.forecast(BASELINE, 1)
    assert not backend.asked and 0 < before[0] < before[1]
    found = made.evaluate(BASELINE, 0)
    assert made.forecast(BASELINE, 0) == 0
    assert made.forecast(BASELINE, 1) == found.tokens  # four passages more, as the first four were
    assert made.forecast(candidate(few_shot=0), 0) == rungs().forecast(candidate(few_shot=0), 0)


def test_intervals_are_the_same_in_every_run():
    assert rungs().evaluate(BASELINE, 1) == rungs().evaluate(BASELINE, 1)


def test_settings_that_cannot_be_are_named_all_at_once():
    settings = RungSettings(passages=(8, 4, 12), overlap_penalty=2.0, train_rows=0, seeds=(1, 1))
    with pytest.raises(ConfigError, match=r"passages: .*\[8, 4, 12\]") as caught:
        rungs(settings=settings, texts=[])
    assert [text.split(":")[0].split(" ")[0] for text in caught.value.problems] == [
        *("passages", "overlap_penalty", "train_rows", "seeds", "there")
    ]
