from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from numpy.random import default_rng

from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.questions.cloze import ClozeGenerator, Collection, unanswerable
from qa_pipeline.generation.questions.cloze.passages import SentenceIndex
from qa_pipeline.generation.questions.cloze.sentences import sentences_of
from qa_pipeline.generation.questions.cloze.services.frames import BY_US, BY_YOU
from qa_pipeline.generation.questions.cloze.words import normalized
from qa_pipeline.generation.types import Draft, Rejected
from tests.generation.questions.cloze.conftest import passage


def drafts(passages, **options) -> list[Draft]:
    return [draft for draft in ClozeGenerator(**options).drafts(passages) if isinstance(draft, Draft)]


def test_answers_stand_where_the_draft_says_and_not_in_the_question(passages):
    made = drafts(passages, seed=1, questions_per_context=10)
    assert len(made) >= 30
    for draft in made:
        assert draft.generator == "cloze" and draft.question.endswith("?") and draft.details["answer_type"]
        assert draft.passage.text[draft.start : draft.start + len(draft.answer)] == draft.answer
        assert draft.answer in draft.evidence and draft.evidence in draft.passage.text
        assert f" {normalized(draft.answer)} " not in f" {normalized(draft.question)} "


def test_a_passage_keeps_to_its_budget_and_asks_for_each_answer_once(passages):
    by_passage = defaultdict(list)
    for draft in drafts(passages, questions_per_context=3):
        by_passage[draft.passage.id].append(normalized(draft.answer))
    assert set(map(len, by_passage.values())) == {3}
    assert all(len(set(answers)) == len(answers) for answers in by_passage.values())


def test_order_and_company_of_calls_change_nothing(passages):
    options = {"seed": 3, "unanswerable_fraction": 0.3}
    reference = drafts(passages, **options)
    shuffled = list(passages) + passages[:2]
    random.Random(0).shuffle(shuffled)
    assert drafts(shuffled, **options) == reference
    generator = ClozeGenerator(**options)
    collection = Collection(passages)
    one_by_one = [d for p in passages for d in generator.drafts_of(collection, [p.id]) if isinstance(d, Draft)]
    assert sorted(map(repr, one_by_one)) == sorted(map(repr, reference))


def test_another_seed_asks_otherwise(passages):
    assert [d.question for d in drafts(passages, seed=0)] != [d.question for d in drafts(passages, seed=1)]


def test_unanswerable_questions_have_their_share_and_no_answer_in_the_passage(passages):
    passages = [passage(p.text, f"{p.document}{i}") for i in range(4) for p in passages]
    made = drafts(passages, seed=2, questions_per_context=6, unanswerable_fraction=0.33)
    missing = [draft for draft in made if draft.answer is None]
    assert 0.2 <= len(missing) / len(made) <= 0.4
    methods = Counter(draft.details["unanswerable"] for draft in missing)
    assert methods["swapped"] and methods["neighbour"]
    assert methods["random"] <= 0.15 * len(missing)
    for draft in missing:
        assert draft.start is None and draft.evidence is None
        if draft.details["unanswerable"] == "swapped":
            new = draft.details["swapped"][1]
            assert f" {normalized(new)} " not in f" {normalized(draft.passage.text)} " and new in draft.question


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Who is allowed to use the site?", "Who is forbidden to use the site?"), ("Are children allowed in?", None)],
)
def test_a_question_for_yes_or_no_is_not_turned_into_its_opposite(question, expected):
    rules = passage("Members are allowed to use the site, and children too.", "rules")
    drafts = [Draft(rules, question, "Members", None, 0, "cloze")]
    made = unanswerable._antonym(unanswerable.Case(Collection([rules]), 0, drafts, lambda _: []), default_rng(0))
    assert (made[0] if made else None) == expected


def test_the_questions_of_a_neighbour_are_not_answered_here(passages):
    texts = {p.id: p.text for p in passages}
    by_question = {(d.passage.id, d.question): d for d in drafts(passages, seed=5, questions_per_context=6)}
    borrowed = [
        d
        for d in drafts(passages, seed=5, questions_per_context=6, unanswerable_fraction=0.5)
        if d.details.get("unanswerable") in ("neighbour", "random")
    ]
    assert borrowed
    for draft in borrowed:
        source = by_question[(draft.details["from_passage"], draft.question)]
        assert f" {normalized(source.answer)} " not in f" {normalized(texts[draft.passage.id])} "


def test_answer_types_limit_what_is_asked(passages):
    made = drafts(passages, answer_types=("date",), questions_per_context=10)
    assert made and {d.details["answer_type"] for d in made} <= {"date", "year", "time", "century"}


def test_all_wrong_options_are_reported_at_once():
    with pytest.raises(ConfigError, match="(?s)4 problems.*questions_per_context.*unanswerable.*English only.*groups"):
        ClozeGenerator(questions_per_context=0, unanswerable_fraction=2, language="de", answer_types=("nouns",))
    with pytest.raises(TypeError, match="question_per_context"):
        ClozeGenerator(question_per_context=3)  # type: ignore[call-arg]


def test_empty_and_strange_passages_do_no_harm():
    strange = [
        "",
        "   \n ",
        "??? !!!",
        "a",
        "We",
        "Пожалуйста, прочтите это.",
        "(" * 50,
        "We may share " * 200,
        "\ud800 We may share x.",
    ]
    for item in ClozeGenerator(unanswerable_fraction=0.5).drafts([passage(t, str(i)) for i, t in enumerate(strange)]):
        assert isinstance(item, Draft | Rejected)


def test_rows_are_canonical(passages, tmp_path):
    from qa_pipeline.data import write_squad
    from qa_pipeline.generation.run import check

    made = drafts(passages, unanswerable_fraction=0.3)
    path = write_squad(tmp_path / "train.json", [check(draft, ()).to_example() for draft in made])
    examples, report = load_examples(path, on_bad_data="error")
    assert len(examples) == len(made) and report.rows_dropped == 0
    assert sum(row["is_impossible"] for row in examples) == sum(d.answer is None for d in made)


def test_the_engine_imports_without_torch_and_the_libraries_it_needs_later():
    heavy = ("torch", "transformers", "bm25s", "pysbd")
    code = f"import sys, qa_pipeline.generation.questions.cloze; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).resolve().parents[4]
    output = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize(("file", "service"), [("policyqa/train.json", True), ("xquad/xquad.en.json", False)])
def test_real_texts_give_several_questions_each_at_thousands_a_minute(real_data, file, service):
    contexts = sorted({row["context"] for row in load_examples(real_data / file)[0]})[:150]
    real = [passage(text, "all") for text in contexts]
    begin = time.process_time()
    made = drafts(real, questions_per_context=5)
    seconds = time.process_time() - begin
    assert len(made) >= 4 * len(real)
    of_plugin = [d for d in made if d.details["template"].split("/")[0] in {*BY_US, *BY_YOU}]
    assert len(of_plugin) >= 0.5 * len(made) if service else not of_plugin
    assert len(real) / seconds * 60 > 1000


@pytest.mark.parametrize("texts", [["It is 12 and that is 13.", "It was so."], ["...", ""], []])
def test_passages_without_content_words_have_no_neighbours(texts):
    index = SentenceIndex([sentences_of(text) for text in texts])
    assert index.neighbours(0, {"fee", "pool"}) == [] and not index.scores({"fee"}).any()
