"""25% wrong answers and 20% near-duplicates are planted; how many are found is counted and printed."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.dataset import Choice, choose_dataset
from qa_pipeline.generation.dedup import drop_duplicates, repeats, same_question, without_repeats_of
from qa_pipeline.generation.filters import place, round_trip
from qa_pipeline.generation.types import Draft, Row
from qa_pipeline.text.words import STOPWORDS, sentence_around
from tests.generation.fakes import FakeGenerator, document, passages


def clean_rows(count: int = 60) -> list[Row]:
    every = passages(count)
    placed = [place(draft) for draft in FakeGenerator().drafts(every) if isinstance(draft, Draft)]
    rows = [row for row in placed if isinstance(row, Row) and not row.is_impossible]
    kept, _ = drop_duplicates(sorted(rows, key=lambda row: row.key), 0.7)
    return kept


def disturbed(question: str, rng: random.Random) -> str:
    """The same question as people and models vary it."""
    words = question.rstrip("?").split()
    kind = rng.randrange(6)
    if kind == 0:
        return question.lower()
    if kind == 1:
        return f"Please tell me {question[0].lower()}{question[1:]}"
    if kind == 2:
        return " ".join(words).replace("In which year", "In what year") + "?"
    if kind == 3:
        return f"{' '.join(words[3:])} {' '.join(words[:3]).lower()}?"  # "did the ... open in which year?"
    if kind == 4:
        place = rng.randrange(min(3, len(words) - 1), len(words))
        return (
            " ".join([*words[:place], words[place] + "s", *words[place + 1 :]]) + " ?"
            if words[place].islower()
            else question
        )
    return f"{question[:-1]} again?"


def with_near_duplicates(rows: list[Row], share: float, rng: random.Random) -> tuple[list[Row], set[str]]:
    """The rows and variants of some of them, so that `share` of all are variants; the variants' keys."""
    variants = []
    for row in rng.sample(rows, round(share / (1 - share) * len(rows))):
        question = disturbed(row.question, rng)
        details = {**row.details, "planted": True}
        variants.append(Row(row.passage, question, row.answer, row.start, row.generator, None, details))
    planted = {row.key for row in variants} - {row.key for row in rows}
    return rows + [row for row in variants if row.key in planted], planted


def test_at_least_95_percent_of_planted_near_duplicates_go(capsys):
    rng = random.Random(0)
    rows, planted = with_near_duplicates(clean_rows(), 0.2, rng)
    originals = len(rows) - len(planted)
    kept, counts = drop_duplicates(sorted(rows, key=lambda row: row.key in planted), 0.7)
    left = sum(row.key in planted for row in kept)
    with capsys.disabled():
        print(f"\nnear-duplicates: {len(planted)} planted among {len(rows)}, {len(planted) - left} removed, {counts}")
    assert len(planted) / len(rows) > 0.15
    assert left <= 0.05 * len(planted)
    assert len(kept) - left == originals  # not one of the different questions went


def test_round_trip_precision_and_recall_on_planted_wrong_answers(capsys):
    rng = random.Random(1)
    rows = clean_rows()
    wrong = set()
    for i in rng.sample(range(len(rows)), len(rows) // 4):
        row, words = rows[i], rows[i].passage.text.split()
        other = rng.choice([word for word in words if word.isalpha() and len(word) > 3])
        start = row.passage.text.index(other)
        rows[i] = Row(row.passage, row.question, other, start, row.generator, None, row.details)
        wrong.add(rows[i].key)

    def reader(asked):
        # Reads the year behind the thing that the question names; of every tenth question it finds nothing.
        found = []
        for number, row in enumerate(asked):
            thing = row.question.split()[5]
            at = row.passage.text.find(f"The {thing} of")
            start = row.passage.text.find("opened in ", at) + len("opened in ")
            missed = number % 10 == 0
            found.append(
                SimpleNamespace(
                    text="" if missed else row.passage.text[start : start + 4], start=None if missed else start
                )
            )
        return found

    verdicts = round_trip(rows, reader, 0.5)
    refused = {row.key for row, verdict in zip(rows, verdicts, strict=True) if not isinstance(verdict, Row)}
    precision, recall = len(refused & wrong) / len(refused), len(refused & wrong) / len(wrong)
    with capsys.disabled():
        print(f"round trip: {len(wrong)} wrong of {len(rows)}, precision {precision:.2f}, recall {recall:.2f}")
    assert recall >= 0.99  # this reader is right where it answers at all
    assert precision == pytest.approx(0.77, abs=0.1)  # and silent on a tenth of the right ones


def across(row: Row, text: str, question: str | None = None, answer: str | None = None) -> Row:
    """The row asked of another document, of which `text` is the passage."""
    passage = Passage(passage_id("other.txt", text), "other.txt", text)
    answer = row.answer if answer is None else answer
    details = {**row.details, "planted": True}
    return Row(passage, question or row.question, answer, text.index(answer or ""), row.generator, None, details)


def test_planted_repeats_across_splits_go_and_generic_questions_stay(capsys):
    rng = random.Random(2)
    rows = clean_rows()
    planted, origins = [], set()
    for row in rng.sample(rows, round(0.25 * len(rows))):
        origins.add(row.key)
        question = disturbed(row.question, rng)
        text = row.passage.text
        sentence = text[slice(*sentence_around(text, row.start, row.start + len(row.answer), lines=True))]
        kind = rng.randrange(3)
        if kind == 0:  # nearly the same context
            planted.append(across(row, text.replace("The ", "A ", 1) + " That is all.", question))
        elif kind == 1:  # the answering sentence in another context
            planted.append(across(row, f"{document(9_000 + len(planted))} {sentence} Nothing more is known.", question))
        else:  # a question about one fact, in other words
            planted.append(across(row, f"Records say {row.answer} for this one, and little else about it.", question))
    generic = []
    for i in range(30):  # asked of every firm, answered by each in its own words
        found = rng.sample(sorted(STOPWORDS), 12)
        text = f"{' '.join(found)}."
        passage = Passage(passage_id(f"firm{i}", text), f"firm{i}", text)
        generic.append(Row(passage, "What do they share?", " ".join(found[:3]), 0, "llm", None, {}))
    splits = {"train": [*rows, *generic[:20]], "test": [*planted, *generic[20:]]}
    kept = without_repeats_of(splits["train"], splits["test"], 0.7)
    repeated = {row.key for row in rows if any(repeats(row, other, 0.7) for other in planted)}
    gone = {row.key for row in splits["train"]} - {row.key for row in kept}
    with capsys.disabled():
        print(
            f"\nacross splits: {len(planted)} planted, {len(gone & origins)} of their originals removed, "
            f"{len(gone - origins)} others"
        )
    assert len(gone & origins) >= 0.95 * len(origins)
    assert gone <= repeated  # the others are repeats by chance: the made documents say much the same of each thing
    assert not gone & {row.key for row in generic}


def test_no_row_repeats_a_row_of_another_split():
    rng = random.Random(2)
    rows, _ = with_near_duplicates(clean_rows(), 0.2, rng)
    copies = [across(row, f"Once more: {row.passage.text}") for row in rows[::5]]
    splits = choose_dataset(rows + copies, Choice(unanswerable_fraction=0.3)).splits
    assert all(splits.values())
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not {row.passage.document for row in splits[one]} & {row.passage.document for row in splits[other]}
        for row in splits[one]:
            assert not any(repeats(row, held, 0.7) for held in splits[other])


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("When was the harbour opened?", "when was the harbour opened", True),
        ("When was the harbour opened?", "When was the old harbour opened?", True),
        ("What was built in 1990?", "What was built in 1991?", False),
        ("When did the fair in Arlen start?", "When did the fair in Brask start?", False),
        ("Do they share my data?", "Do they not share my data?", False),
        ("Who owns the mill?", "How deep is the lake?", False),
    ],
)
def test_names_numbers_and_negations_make_another_question(left, right, same):
    assert same_question(left, right, 0.7) is same and same_question(right, left, 0.7) is same
