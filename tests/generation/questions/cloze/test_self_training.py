from __future__ import annotations

import pytest

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze import ClozeGenerator, Collection, self_train
from qa_pipeline.generation.questions.cloze.self_training import divide, judge
from qa_pipeline.generation.types import Draft
from tests.generation.questions.cloze.conftest import BRIDGE, EIFFEL, POLICY, TOWER, passage


@pytest.fixture
def setting():
    passages = [passage(text, f"{i}") for i, text in enumerate((TOWER, EIFFEL, BRIDGE, POLICY))]
    generator = ClozeGenerator(seed=0, unanswerable_fraction=0.3)
    collection = Collection(passages, generator.options)
    drafts = [draft for draft in generator.drafts_of(collection) if isinstance(draft, Draft)]
    return drafts, lambda name, start, end: generator.rebuild(collection, name, start, end)


def right(train_rows, ask_rows):
    return [(row["answers"]["text"][0], row["answers"]["answer_start"][0], 0.9) for row in ask_rows]


def test_a_reader_never_judges_what_it_was_trained_on(setting):
    drafts, rebuild = setting
    asked_ids: list[str] = []

    def reader(train_rows, ask_rows):
        assert not {r["context"] for r in train_rows} & {r["context"] for r in ask_rows}
        assert not any(row["is_impossible"] for row in ask_rows)
        asked_ids.extend(row["id"] for row in ask_rows)
        return right(train_rows, ask_rows)

    kept, (report,) = self_train(drafts, reader, rebuild)
    answerable = [draft for draft in drafts if draft.answer is not None]
    assert len(asked_ids) == len(set(asked_ids)) == len(answerable)
    assert {d.question for d in kept} == {d.question for d in drafts}
    assert report.counts["kept"] == len(answerable) and report.counts["unanswerable"] == len(drafts) - len(answerable)


@pytest.mark.parametrize(
    ("prediction", "verdict"),
    [
        (("31 March 1889", TOWER.index("31 March"), 0.01), "kept"),
        (("1889", TOWER.index("1889"), 0.01), "kept"),
        (("Gustave Eiffel", TOWER.index("Gustave"), 0.9), "adopted"),
        (("Gustave Eiffel", TOWER.index("Gustave"), 0.1), "dropped"),
        (("Gustave Eiffel", 0, 0.9), "dropped"),
        (("", None, 0.9), "dropped"),
    ],
)
def test_what_the_reader_answers_decides(prediction, verdict):
    place = passage(TOWER, "d")
    generator = ClozeGenerator()
    collection = Collection([place], generator.options)
    draft = Draft(place, "When was it opened?", "31 March 1889", TOWER, TOWER.index("31 March"), "cloze")

    def rebuild(name, start, end):
        return generator.rebuild(collection, name, start, end)

    found, new = judge(draft, prediction, rebuild, 0.3, True)
    assert found == verdict
    assert (new is None) == (verdict == "dropped")
    if verdict == "adopted":
        assert new.answer == "Gustave Eiffel" and new.question != draft.question
        assert judge(draft, prediction, rebuild, 0.3, False) == ("dropped", None)


def test_adopted_answers_are_asked_for_once(setting):
    drafts, rebuild = setting

    def stubborn(train_rows, ask_rows):
        return [(row["context"][:18], 0, 1.0) if row["context"] == TOWER else right([], [row])[0] for row in ask_rows]

    kept, (report,) = self_train(drafts, stubborn, rebuild)
    assert report.counts["adopted"] + report.counts["dropped"] > 0
    places = [(d.passage.id, d.start) for d in kept if d.answer == TOWER[:18]]
    assert len(places) == 1


def test_folds_share_no_document_and_are_of_like_size(setting):
    drafts, _ = setting
    folds = divide(drafts, 0, 0)
    assert not {d.passage.document for d in folds[0]} & {d.passage.document for d in folds[1]}
    assert sum(map(len, folds)) == len(drafts) and min(map(len, folds)) >= len(drafts) / 4
    assert [divide(drafts, 0, r) != folds for r in range(1, 6)].count(True) > 0


def test_rounds_repeat_and_the_order_of_drafts_changes_nothing(setting):
    drafts, rebuild = setting
    kept, reports = self_train(drafts, right, rebuild, rounds=3)
    assert len(reports) == 3 and self_train(list(reversed(drafts)), right, rebuild, rounds=3)[0] == kept


def test_wrong_arguments_are_refused(setting):
    drafts, rebuild = setting
    with pytest.raises(ConfigError, match="(?s)2 problems.*rounds must be 1 to 3; found 4.*min_confidence"):
        self_train(drafts, right, rebuild, rounds=4, min_confidence=2)
    with pytest.raises(ConfigError, match="at least two passages"):
        self_train([d for d in drafts if d.passage == drafts[0].passage], right, rebuild)
    with pytest.raises(ValueError, match="expected .* predictions, found 0"):
        self_train(drafts, lambda train, ask: [], rebuild)
