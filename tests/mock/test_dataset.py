from __future__ import annotations

import math
import random
import re
from collections import Counter

import pytest

from qa_pipeline.data import load_examples, validate
from qa_pipeline.metrics import f1
from qa_pipeline.mock import DOMAINS, SPLITS, make_dataset
from qa_pipeline.mock.grammar import Grammar
from qa_pipeline.mock.names import SHARED_POOLS, names_of_split
from qa_pipeline.mock.writing import check_alignment, write_dataset

MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
COUNT = r"(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|\w+teen)"
UNIT = "(?:days|weeks|months|years|hours|minutes|seconds|uses)"
NAME = r"[A-Z][a-z]+ [A-Z][a-z]+"
PATTERNS = {
    "money": r"[£$€]\d[\d,.]*(?: [mb]illion)?",
    "percent": r"[\d.]+%(?: of \w+ ?\w*)?|(?:half|two thirds|three quarters|four fifths) of \w+ \w+",
    "date": rf"(?:{MONTH}) \d+(?:, \d{{4}})?|\d+ (?:{MONTH})(?: \d{{4}})?",
    "time": r"\d+:\d\d(?: [ap]m)?",
    "duration": rf"(?:every |after every )?{COUNT} (?:working |calendar )?{UNIT}",
    "number": rf"{COUNT} [a-z/]+(?: [a-z]+)?",
    "person": rf"(?:Dr |Professor |Captain )?{NAME}",
    "organization": NAME,
    "place": r"(?<=[a-z] )(?:the )?[A-Z]\w+(?: [A-Z]\w+)*",
    "clause": r"(?:because|if|unless) [^.;,]+",
    "phrase": r"(?<= )[a-z][^.;,]{12,40}",
}
"""How a reader that knows only what sort of answer is wanted would find one."""


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(None, 2000, 0.2, 7)


def questions_of(split):
    return [
        (document["title"], paragraph["context"], question)
        for document in split["data"]
        for paragraph in document["paragraphs"]
        for question in paragraph["qas"]
    ]


def mean_f1(split, answer) -> float:
    """Percent over the answerable questions, best of the references."""
    scores = [
        max(f1(answer(context, question), reference["text"]) for reference in question["answers"])
        for _, context, question in questions_of(split)
        if question["answers"]
    ]
    return 100 * sum(scores) / len(scores)


def sentences_of(context: str) -> list[str]:
    return re.split(r"(?<=\.) (?=[A-Z\d£$€])", context)


def first_of_kind(text: str, question) -> str:
    found = re.search(PATTERNS[question["metadata"]["answer_kind"]], text)
    return found[0] if found else ""


# --- the shape of the data


def test_splits_have_the_asked_sizes_and_fit_the_schema(dataset):
    assert {split: len(questions_of(value)) for split, value in dataset.items()} == {
        "train": 1600,
        "validation": 200,
        "test": 200,
    }
    for split, value in dataset.items():
        validate(value, "squad", split)
        check_alignment(value, split)


@pytest.mark.parametrize("count", [3, 4, 17, 101])
def test_small_sets_have_exactly_the_asked_number_and_no_empty_split(count):
    sizes = [len(questions_of(value)) for value in make_dataset(None, count, 0.5, 0).values()]
    assert sum(sizes) == count
    assert min(sizes) >= 1


@pytest.mark.parametrize("fraction", [0.0, 0.07, 0.2, 0.5, 1.0])
def test_the_unanswerable_fraction_is_honoured_in_every_split(fraction):
    for value in make_dataset(None, 400, fraction, 1).values():
        asked = questions_of(value)
        impossible = sum(question["is_impossible"] for _, _, question in asked)
        assert abs(impossible - fraction * len(asked)) <= 0.5


def test_ids_are_unique_over_all_splits(dataset):
    ids = Counter(question["id"] for value in dataset.values() for _, _, question in questions_of(value))
    assert max(ids.values()) == 1


def test_documents_have_a_title_of_their_own_and_mostly_several_paragraphs(dataset):
    documents = [document for value in dataset.values() for document in value["data"]]
    titles = Counter(document["title"] for document in documents)
    assert max(titles.values()) == 1
    assert sum(len(document["paragraphs"]) > 1 for document in documents) > 0.9 * len(documents)


def test_contexts_are_paragraphs_of_a_usual_length(dataset):
    lengths = sorted(len(context.split()) for _, context, _ in questions_of(dataset["train"]))
    assert lengths[len(lengths) // 20] >= 55
    assert lengths[-len(lengths) // 20] <= 150


def test_texts_have_no_unfilled_slots_doubled_spaces_or_lower_case_sentences(dataset):
    for value in dataset.values():
        for title, context, question in questions_of(value):
            for text in (title, context, question["question"]):
                assert not re.search(r"[{}\[\]|]|  | [.,?;]|\bit's\b", text), text
            assert question["question"][0].isupper() and question["question"].endswith("?")
            assert all(not sentence[0].islower() for sentence in sentences_of(context)), context


def test_questions_with_an_answer_can_be_loaded_without_repair(tmp_path, dataset):
    write_dataset(dataset, tmp_path)
    examples, report = load_examples(str(tmp_path / "validation.json"), on_bad_data="error")
    assert len(examples) == 200
    assert sum(example["is_impossible"] for example in examples) == 40
    assert {example["title"] for example in examples} == {d["title"] for d in dataset["validation"]["data"]}


# --- the same seed, the same bytes


def test_another_seed_gives_other_contexts(dataset):
    contexts = {context for value in dataset.values() for _, context, _ in questions_of(value)}
    others = {context for value in make_dataset(None, 2000, 0.2, 8).values() for _, context, _ in questions_of(value)}
    assert not contexts & others


def test_more_examples_keep_the_earlier_documents():
    few, many = (make_dataset("astronomy", count, 0.2, 0)["train"]["data"] for count in (200, 400))
    assert many[: len(few) - 1] == few[:-1]


def test_global_random_state_is_neither_read_nor_changed():
    random.seed(1)
    state = random.getstate()
    first = make_dataset("clinic", 30, 0.2, 0)
    assert random.getstate() == state
    random.seed(2)
    assert make_dataset("clinic", 30, 0.2, 0) == first


# --- splits share nothing


def test_splits_share_no_title_and_no_context(dataset):
    for field in (0, 1):
        seen = [{row[field] for row in questions_of(dataset[split])} for split in SPLITS]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]


def test_people_towns_and_firms_of_one_split_are_in_no_other_not_even_with_another_seed(dataset):
    other = make_dataset(None, 600, 0.2, 99)
    for pool in ("surname", "town", "firm"):
        for split in SPLITS:
            own = set(names_of_split(SHARED_POOLS[pool], split))
            foreign = set(SHARED_POOLS[pool]) - own
            text = " ".join(context for value in (dataset, other) for _, context, _ in questions_of(value[split]))
            words = set(re.findall(r"\w+", text))
            assert words & own
            # A few words are names of several pools (a street and a town, say); those prove nothing.
            shared = {word for names in SHARED_POOLS.values() for word in names_of_split(names, split)}
            shared |= {
                word
                for domain in DOMAINS.values()
                for names in domain.pools.values()
                for name in names_of_split(names, split)
                for word in name.split()
            }
            assert not (words & foreign) - shared, (pool, split)


# --- a model must read


def test_the_first_value_of_the_right_kind_is_seldom_the_answer(dataset):
    assert mean_f1(dataset["train"], first_of_kind) < 40
    assert mean_f1(dataset["test"], first_of_kind) < 40


@pytest.mark.parametrize("position", [0, 1, 2, -2, -1])
def test_no_sentence_position_holds_the_answer(dataset, position):
    def answer(context, question):
        sentences = sentences_of(context)
        return first_of_kind(sentences[min(position, len(sentences) - 1)], question)

    assert mean_f1(dataset["train"], answer) < 25


def test_answers_are_spread_over_the_whole_context(dataset):
    places = [
        question["answers"][0]["answer_start"] / len(context)
        for _, context, question in questions_of(dataset["train"])
        if question["answers"]
    ]
    tenths = Counter(int(10 * place) for place in places)
    # The first tenth has fewer: half of the contexts begin with a sentence that states nothing.
    assert all(0.025 < tenths[tenth] / len(places) < 0.16 for tenth in range(10))


def test_the_rarest_word_of_the_question_does_not_lead_to_the_answer(dataset):
    """The strongest reader of one keyword: it knows the kind of the answer and how rare every word is."""
    contexts = {context for _, context, _ in questions_of(dataset["train"])}
    rarity = Counter(word for context in contexts for word in set(re.findall(r"\w+", context.lower())))

    def answer(context, question):
        present = set(re.findall(r"\w+", context.lower()))
        words = [word for word in re.findall(r"\w+", question["question"].lower()) if word in present]
        if not words:
            return ""
        keyword = min(words, key=lambda word: (rarity[word], word))
        holding = [s for s in sentences_of(context) if keyword in re.findall(r"\w+", s.lower())]
        return next((found for s in holding if (found := first_of_kind(s, question))), "")

    assert mean_f1(dataset["train"], answer) < 60


def test_questions_have_rivals_of_the_same_kind_in_their_context(dataset):
    """Most questions leave several values of the right kind to choose from."""
    several = [
        len(set(re.findall(PATTERNS[kind], context))) > 1
        for _, context, question in questions_of(dataset["train"])
        if (kind := question["metadata"]["answer_kind"]) in {"money", "date", "time", "duration", "person", "clause"}
    ]
    assert sum(several) / len(several) > 0.75


def test_answers_are_of_many_kinds_and_no_kind_dominates(dataset):
    kinds = Counter(question["metadata"]["answer_kind"] for _, _, question in questions_of(dataset["train"]))
    assert len(kinds) >= 10
    assert max(kinds.values()) < 0.3 * sum(kinds.values())


def test_the_same_attribute_is_asked_for_in_many_wordings(dataset):
    asked = [question["question"] for _, _, question in questions_of(dataset["train"])]
    assert len({" ".join(question.split()[:3]) for question in asked}) > 150


# --- near misses


def test_unanswerable_questions_cannot_be_told_by_their_words():
    """A naive Bayes classifier over words and word pairs of the question ranks near misses no better than chance."""
    data = make_dataset(None, 6000, 0.5, 3)

    def features(question):
        words = re.findall(r"\w+", question["question"].lower())
        return words + list(zip(words, words[1:], strict=False)) + [question["metadata"]["attribute"]]

    counts = {True: Counter(), False: Counter()}
    for _, _, question in questions_of(data["train"]):
        counts[question["is_impossible"]].update(features(question))
    totals = {label: sum(counter.values()) for label, counter in counts.items()}

    def score(question):
        return sum(
            math.log((counts[True][f] + 1) / totals[True]) - math.log((counts[False][f] + 1) / totals[False])
            for f in features(question)
        )

    held_out = [question for split in ("validation", "test") for _, _, question in questions_of(data[split])]
    impossible = [score(question) for question in held_out if question["is_impossible"]]
    possible = [score(question) for question in held_out if not question["is_impossible"]]
    wins = sum((a > b) + 0.5 * (a == b) for a in impossible for b in possible)
    assert 0.44 < wins / (len(impossible) * len(possible)) < 0.56


def test_most_near_misses_have_a_plausible_answer_in_the_context(dataset):
    near = [question for _, _, question in questions_of(dataset["train"]) if question["is_impossible"]]
    assert sum(bool(question["plausible_answers"]) for question in near) / len(near) > 0.6


def test_no_question_is_answered_in_one_place_and_unanswerable_in_the_same_context(dataset):
    for value in dataset.values():
        seen: dict[tuple[str, str], bool] = {}
        for _, context, question in questions_of(value):
            key = (context, question["question"])
            assert seen.setdefault(key, question["is_impossible"]) == question["is_impossible"]


# --- domains


def test_there_are_at_least_six_described_domains():
    assert len(DOMAINS) >= 6
    for name, domain in DOMAINS.items():
        assert domain.name == name
        assert domain.description.endswith(".") and "\n" not in domain.description
        assert len(domain.keywords) >= 5 and all(word == word.lower() for word in domain.keywords)
        assert len(domain.topics) >= 2


def test_every_pattern_of_every_domain_can_be_expanded():
    placeholders = re.compile(r"\{(?:e|v|e2|v2|all)\}")
    for domain in DOMAINS.values():
        for split in SPLITS:
            grammar = Grammar(random.Random(0), split, domain.pools)
            for topic in domain.topics:
                assert len({attribute.name for attribute in topic.attributes}) == len(topic.attributes) >= 6
                for attribute in topic.attributes:
                    for pattern in (*attribute.sentences, *attribute.pairs, *attribute.questions, *attribute.values):
                        text = placeholders.sub("", grammar.expand(pattern))
                        assert not re.search(r"[{}\[\]|]", text), f"{domain.name}, {attribute.name}: {pattern}"
                    assert all({"{e}", "{v}"} <= set(re.findall(r"\{\w+\}", s)) for s in attribute.sentences)
                    assert all(
                        {"{e}", "{v}", "{e2}", "{v2}"} <= set(re.findall(r"\{\w+\}", s)) for s in attribute.pairs
                    )
                    assert all("{e}" in question for question in attribute.questions)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_a_domain_alone_gives_only_its_own_documents(name):
    data = make_dataset(name, 60, 0.2, 0)
    assert all(q["id"].startswith(f"{name}-") for value in data.values() for _, _, q in questions_of(value))


def test_without_a_domain_all_take_equal_parts(dataset):
    parts = Counter(question["id"].split("-")[0] for _, _, question in questions_of(dataset["train"]))
    assert set(parts) == set(DOMAINS)
    assert max(parts.values()) < 1.6 * min(parts.values())
