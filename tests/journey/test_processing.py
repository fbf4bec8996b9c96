"""One data set of several sources: nothing twice, nothing on both sides, mixed to the row, every row accounted for."""

from __future__ import annotations

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.data import validate
from qa_pipeline.data.loading import squad_bytes, to_squad
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.journey.dataset.processing import ProcessChoice, Source, check_examples, process_rows, shares
from qa_pipeline.journey.dataset.provenance import interval, licence_warnings
from qa_pipeline.journey.dataset.splitting import overlaps
from tests.journey.made import example, rows_of, spans, text_of

SPLITS = ("train", "validation", "test")


def bytes_of(dataset):
    return [squad_bytes(dataset.splits[name]) for name in SPLITS]


def ids(rows):
    return {row["id"] for row in rows}


def generated(documents: range, name: str = "made", **more) -> Source:
    """Rows of a generator, split as it would: of ten documents the last two are held out."""
    cut = len(documents) - 2
    return Source(
        name,
        "generated",
        {
            "train": rows_of(documents[:cut], name=name),
            "validation": rows_of(documents[cut : cut + 1], name=name),
            "test": rows_of(documents[cut + 1 :], name=name),
        },
        **more,
    )


def people(documents: range, parts: int = 4, **more) -> Source:
    return Source("labels.csv", "labelled", rows_of(documents, parts, name="people"), **more)


def test_rows_say_where_they_come_from_and_keep_what_a_data_set_said_of_them():
    found = [dict(row, metadata={"source": "org/data", "licence": "mit"}) for row in rows_of(range(60, 63), name="r")]
    labelled = [dict(row, metadata={"source": "page 3"}) for row in rows_of(range(20, 40), name="p")]
    made = process_rows(
        [
            Source("found", "retrieved", found, licence="cc-by-4.0"),
            generated(range(10), licence="apache-2.0"),
            Source("labels.csv", "labelled", labelled),
        ]
    )
    seen = {json.dumps(row["metadata"], sort_keys=True) for split in SPLITS for row in made.splits[split]}
    assert seen == {
        '{"kind": "retrieved", "licence": "mit", "source": "org/data"}',
        '{"kind": "generated", "licence": "apache-2.0", "source": "made"}',
        '{"kind": "labelled", "original_source": "page 3", "source": "labels.csv"}',
    }
    assert {row["source"] for row in made.samples(1)} <= {"org/data", "made", "labels.csv"}


def test_without_labels_the_generator_makes_the_test_and_its_splits_stay():
    source = generated(range(10))
    made = process_rows([source])
    assert {name: ids(made.splits[name]) for name in SPLITS} == {name: ids(source.rows[name]) for name in SPLITS}
    assert made.test_made_by == "generator" and made.report["split_by"] == "document"
    assert any("does not measure people's questions" in warning for warning in made.report["warnings"])


def test_tests_are_peoples_questions_where_there_are_some_and_the_generators_go_into_training():
    source = generated(range(10))
    made = process_rows([source, people(range(50, 54))])
    assert {row["metadata"]["kind"] for row in made.splits["test"]} == {"labelled"}
    assert made.test_made_by == "people" and made.report["splits"]["test"]["rows"] == 48
    assert ids(source.rows["test"]) < ids(made.splits["train"])
    assert ids(made.splits["validation"]) == ids(source.rows["validation"])
    assert not any("does not measure" in warning for warning in made.report["warnings"])


def test_many_labels_fill_test_and_validation_and_the_rest_trains():
    made = process_rows([generated(range(10)), people(range(50, 80))])  # 360 rows in 30 documents of 12
    assert {name: set(split["by_kind"]) for name, split in made.report["splits"].items()} == {
        "train": {"generated", "labelled"},
        "validation": {"labelled"},
        "test": {"labelled"},
    }
    assert abs(made.report["splits"]["test"]["rows"] - 100) <= 6
    assert abs(made.report["splits"]["validation"]["rows"] - 50) <= 6


def test_a_handful_of_labels_does_not_make_a_test_alone():
    few = people(range(50, 51), parts=2)
    made = process_rows([generated(range(10)), few])
    assert made.test_made_by == "mixed" and ids(few.rows) < ids(made.splits["test"])
    assert any("some of the test questions" in warning for warning in made.report["warnings"])


def test_few_labels_in_the_test_are_said_to_measure_little():
    made = process_rows([generated(range(10)), people(range(50, 52))])
    assert made.report["splits"]["test"]["by_kind"] == {"labelled": 24}
    assert any("24 test questions made by people" in text and "20 points" in text for text in made.report["warnings"])
    assert round(interval(100)) == 10


def test_what_a_generator_made_of_the_texts_of_the_test_is_taken_out_of_training():
    source = Source("made", "generated", rows_of(range(40), name="made"))
    asked = [
        dict(row, question=f"Before we come with a school class: {row['question']}")
        for row in rows_of(range(3), 4, name="people")
    ]
    for row in asked:
        del row["title"]  # a table of people's labels names no documents: the texts tell
    made = process_rows([source, Source("labels.csv", "labelled", asked)])
    gone = {row["id"] for row in source.rows if row["title"] in ("made0", "made1", "made2")}
    assert made.test_made_by == "people" and gone and not gone & ids(made.splits["train"])
    assert made.report["removed"]["context_in_test"] == len(gone) == 27


def test_a_paragraph_of_the_test_is_found_in_a_longer_passage_of_training():
    paragraphs = [text_of(1, part) for part in range(12)]
    passage = " ".join(["The guide begins here."] + paragraphs[:2])
    asked = [example(f"p{i}", text, f"Who made piece {i}?", f"smith number {i}") for i, text in enumerate(paragraphs)]
    made_of_it = example("g1", passage, "What begins here?", "The guide", document="guide.md")
    other = example("g2", text_of(9, 9), "Where does it stand?", "Room 9-9", document="guide.md")
    source = Source("made", "generated", [made_of_it, other, *rows_of(range(20, 40))])
    made = process_rows([source, Source("labels.csv", "labelled", asked)], ProcessChoice(validation_fraction=0))
    assert not {"g1", "g2"} & ids(made.splits["train"])  # the passage holds it, and the other one is of its document
    assert made.report["removed"] == {"document_in_test": 2}


def test_a_question_of_the_test_about_the_same_fact_leaves_training():
    here = "The harbour festival takes place in May. Boats are shown."
    there = (
        "Every year boats come. The harbour festival takes place in May. Bring a coat if you come by boat, they say."
    )
    asked = [example("p", here, "When is the Harbour Festival?", "May"), *rows_of(range(50, 54), 4, "people")]
    leak = example("g", there, "When is the Harbour festival?", "May", "somewhere")
    other = example("h", there, "What should you bring?", "a coat", "somewhere")
    source = Source("made", "generated", [leak, other, *rows_of(range(10), name="made")])
    made = process_rows([Source("labels.csv", "labelled", asked), source])
    assert ids([asked[0]]) < ids(made.splits["test"])
    assert "g" not in ids(made.splits["train"]) and made.report["removed_first_ids"]["question_in_test"] == ["g"]


def test_documents_of_two_sources_with_one_name_are_one_document():
    asked = [dict(row, title=f"guide{i % 4}.md") for i, row in enumerate(rows_of(range(50, 54), 4, "people"))]
    source = Source("made", "generated", [*rows_of(range(30), name="made"), *rows_of(range(9, 10), name="x")])
    source.rows[-1]["metadata"] = {"document": "guide2.md"}
    source.rows[-1]["context"] += " Only here."
    made = process_rows([Source("labels.csv", "labelled", asked), source])
    assert made.report["removed_first_ids"]["document_in_test"] == [source.rows[-1]["id"]]


def test_where_every_document_is_tested_passages_are_kept_apart_instead():
    source = Source("made", "generated", rows_of(range(3), 12, name="made"))
    asked = [row for row in rows_of(range(3), 2, name="made") if row["id"].endswith("a")] + rows_of(range(60, 61), 2)
    asked = [dict(row, id=f"p{i}", question=row["question"] + " Tell me.") for i, row in enumerate(asked)]
    made = process_rows([source, Source("labels.csv", "labelled", asked)])
    assert made.report["split_by"] == "passage" and len(made.splits["train"]) > 50
    assert any("split by passage" in warning for warning in made.report["warnings"])
    texts = [{row["context"] for row in made.splits[name]} for name in SPLITS]
    assert not texts[0] & texts[2] and not texts[0] & texts[1] and not texts[1] & texts[2]


@pytest.mark.parametrize("documents", [1, 2])
def test_one_or_two_documents_are_split_by_passage(documents):
    rows = [dict(row, metadata={"document": row["title"]}) for row in rows_of(range(documents), 10)]
    made = process_rows([Source("made", "generated", rows)])
    assert all(made.splits[name] for name in SPLITS) and made.report["split_by"] == "passage"


def test_a_generator_that_split_one_document_by_passage_is_taken_at_its_word():
    rows = [dict(row, metadata={"document": "guide.md"}) for row in rows_of(range(1), 10)]
    parts = {"train": rows[:24], "validation": rows[24:27], "test": rows[27:]}
    made = process_rows([Source("made", "generated", parts)])
    assert {name: ids(made.splits[name]) for name in SPLITS} == {name: ids(parts[name]) for name in SPLITS}


def test_one_text_makes_no_test_and_it_is_said():
    made = process_rows([Source("made", "generated", rows_of(range(1), 1))])
    assert made.test_made_by == "none" and len(made.splits["train"]) == 3
    assert "no validation and no test split: the questions are about 1 text" in made.report["warnings"]


def test_one_question_of_two_sources_is_kept_once_and_conflicts_are_named():
    text = text_of(1, 1)
    labelled = [example("a", text, "When was it made?", "1511"), example("b", text, "Who made it?", "smith number 1")]
    made = [
        example("c", text, "when was it made", "of 1511"),  # overlaps
        example("d", text, "Who made it?", "family 32"),  # another answer
        example("e", text, "Who made it then?", "smith number 1"),
        example("f", text, "What is it worth?", None),
    ]
    source = Source("made", "generated", [*made, *rows_of(range(10, 20))])
    report = process_rows(
        [source, Source("labels", "labelled", labelled)], ProcessChoice(near_duplicate_threshold=0.6)
    ).report
    assert report["removed_first_ids"]["exact_duplicate"] == ["c"]
    assert report["removed_first_ids"]["conflicting_answer"] == ["d"]
    assert report["removed_first_ids"]["near_duplicate"] == ["e"]
    (conflict,) = report["conflicts"]["first"]
    assert [(one["id"], one["source"], one["answer"]) for one in conflict["answers"]] == [
        ("b", "labels", "smith number 1"),
        ("d", "made", "family 32"),
    ]


def test_two_peoples_answers_that_overlap_become_references_of_one_question():
    text = text_of(1, 1)
    one = Source("anna.csv", "labelled", [example("a", text, "Who made it?", "smith number 1")])
    other = Source("ben.csv", "labelled", [example("a", text, "Who made it?", "number 1"), *rows_of(range(5, 15))])
    given = copy.deepcopy(one)
    made = process_rows([other, one])
    row = next(row for split in SPLITS for row in made.splits[split] if row["id"] == "a")
    assert row["answers"] == spans(text, "smith number 1", "number 1")
    assert made.report["removed"] == {"merged_references": 1}
    assert one == given  # what the caller holds is not changed


def test_an_id_that_two_sources_use_is_made_unique():
    made = process_rows([Source(name, "retrieved", rows_of(d)) for name, d in (("x", range(5)), ("y", range(5, 10)))])
    again = process_rows([Source(name, "retrieved", rows_of(range(3 * i, 3 * i + 3), name="same")) for i, name in
                          enumerate("xyz")])  # fmt: skip
    clash = [dict(row, id=str(i)) for i, row in enumerate(rows_of(range(20, 25)))]
    both = process_rows([Source("x", "retrieved", clash[:20]), Source("y", "retrieved", [
        dict(row, id=str(i)) for i, row in enumerate(clash[20:])])])  # fmt: skip
    for dataset in (made, again, both):
        everything = [row["id"] for name in SPLITS for row in dataset.splits[name]]
        assert len(everything) == len(set(everything)) == dataset.report["rows"]
    assert "y-0" in {row["id"] for name in SPLITS for row in both.splits[name]}


@pytest.mark.parametrize("wanted", [1, 7, 40, 100])
def test_the_limit_is_met_to_the_row(wanted):
    sources = [generated(range(40)), Source("found", "retrieved", rows_of(range(50, 60), name="found"), weight=1.0)]
    made = process_rows(sources, ProcessChoice(max_rows=wanted, unanswerable_fraction=0.2))
    assert len(made.splits["train"]) == wanted
    assert made.report["splits"]["train"]["unanswerable"] <= 0.2 * wanted


def test_weights_say_the_shares_and_peoples_labels_come_first():
    sources = [
        generated(range(40), weight=3.0),
        Source("found", "retrieved", rows_of(range(50, 90), name="found"), weight=1.0),
        Source("labels.csv", "labelled", {"train": rows_of(range(100, 102)), "test": rows_of(range(110, 115))}),
    ]
    made = process_rows(sources, ProcessChoice(max_rows=98))
    assert made.report["splits"]["train"]["by_source"] == {"made": 60, "found": 20, "labels.csv": 18}


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=6),
    weights=st.lists(st.floats(0, 10), min_size=6, max_size=6),
    most=st.integers(0, 200),
)
@settings(max_examples=300, deadline=None)
def test_shares_are_exact_and_never_more_than_there_is(sizes, weights, most):
    names = [str(i) for i in range(len(sizes))]
    there = dict(zip(names, sizes, strict=True))
    wanted = dict(zip(names, weights, strict=False))
    taken = shares(there, wanted, most)
    assert all(0 <= taken[name] <= there[name] for name in names)
    assert all(taken[name] == 0 for name in names if not wanted[name])
    assert sum(taken.values()) == min(most, sum(there[name] for name in names if wanted[name] > 0))


def test_unanswerable_rows_are_dropped_to_their_share_and_never_made_up():
    source = Source("made", "generated", rows_of(range(20)))
    for asked in (0.0, 0.1, 0.25, 0.9):
        made = process_rows([source], ProcessChoice(unanswerable_fraction=asked))
        for name in SPLITS:
            split = made.report["splits"][name]
            assert split["unanswerable"] <= asked * split["rows"]
            assert split["unanswerable"] >= min(asked, 1 / 3) * split["rows"] - 1
    warned = [text for text in made.report["warnings"] if "where 90% were asked for" in text]
    assert len(warned) == 1


def test_rows_that_nobody_labelled_are_not_trained_on():
    open_row = dict(example("x", text_of(1, 1), "Who?", None), is_impossible=False)
    made = process_rows([Source("found", "retrieved", [open_row, *rows_of(range(10))])])
    assert made.report["removed"] == {"without_answer": 1}


@pytest.mark.parametrize(
    "licences, said",
    [
        (["cc-by-sa-4.0", "cc-by-nc-4.0"], "cc-by-sa-4.0 (share alike) and cc-by-nc-4.0 (not commercial)"),
        (["CC BY-NC-SA 4.0", "mit"], "not for commercial use (CC BY-NC-SA 4.0)"),
        (["cc-by-sa-3.0", "apache-2.0"], "share-alike (cc-by-sa-3.0)"),
        (["mit", None], "1 training row without a stated licence"),
        (["mit", "apache-2.0", "cc-by-4.0"], ""),
        ([None], ""),
    ],
)
def test_licences_that_ask_for_something_are_named(licences, said):
    found = licence_warnings([example(str(i), "Text.", "Q?", None, licence=name) for i, name in enumerate(licences)])
    assert found == [] if not said else len(found) == 1 and said in found[0]


def test_faults_of_sources_and_choice_come_at_once():
    with pytest.raises(ConfigError, match=r"(?s)2 sources are called this.*kind must be one of.*weight must be.*dev"):
        process_rows(
            [Source("a", "labelled", []), Source("a", "found", [], weight=-1), Source("b", "labelled", {"dev": []})]
        )
    with pytest.raises(ConfigError, match=r"(?s)unanswerable_fraction: must be.*2.*max_rows: must be at least 1"):
        process_rows([], ProcessChoice(unanswerable_fraction=2, max_rows=0))
    with pytest.raises(ConfigError, match="must leave a share for training"):
        process_rows([], ProcessChoice(test_fraction=0.5, validation_fraction=0.5))
    with pytest.raises(DataError, match="no row is left for training"):
        process_rows([])
    moved = rows_of(range(2))
    moved[0]["answers"]["answer_start"] = [3]
    with pytest.raises(DataError, match="labels, doc-0-0-a: the answer '1500' is not at character 3"):
        process_rows([Source("labels", "labelled", moved)])


def test_rows_out_of_form_are_named():
    rows = rows_of(range(1))
    rows[1]["title"] = 7
    with pytest.raises(DataError, match="train, id doc-0-0-b.*title: expected string, found 7"):
        check_examples({"train": rows})
    with pytest.raises(DataError, match="two rows have this id"):
        check_examples({"train": rows[:1], "test": rows[:1]})


kinds = st.sampled_from(["labelled", "generated", "retrieved"])
pieces = st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 5), st.sampled_from(["1", "2", "x", None]))


@st.composite
def many_sources(draw):
    made = []
    for number in range(draw(st.integers(1, 4))):
        rows = []
        for i, (document, part, question, answer) in enumerate(draw(st.lists(pieces, min_size=1, max_size=25))):
            text = text_of(document, part)
            found = None if answer is None else text.split()[3] if answer == "x" else text.split()[int(answer)]
            title = f"title {document}" if draw(st.booleans()) else ""
            rows.append(example(f"{i}", text, f"Question number {question} of it?", found, title))
        if draw(st.booleans()):
            cuts = sorted(draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
            rows = {"train": rows[: cuts[0]], "validation": rows[cuts[0] : cuts[1]], "test": rows[cuts[1] :]}
        weight = draw(st.sampled_from([None, 0.5, 2.0]))
        made.append(Source(f"s{number}", draw(kinds), rows, weight=weight))
    return made


choices = st.builds(
    ProcessChoice,
    validation_fraction=st.sampled_from([0.0, 0.1, 0.4]),
    test_fraction=st.sampled_from([0.0, 0.2, 0.4]),
    unanswerable_fraction=st.sampled_from([None, 0.0, 0.3]),
    max_rows=st.sampled_from([None, 1, 10]),
    seed=st.integers(0, 3),
)


@given(sources=many_sources(), choice=choices, seed=st.integers(0, 9))
@settings(max_examples=120, deadline=None)
def test_splits_share_nothing_counts_add_up_and_the_order_of_sources_is_nothing(sources, choice, seed):
    try:
        made = process_rows(sources, choice)
    except DataError as error:
        assert "no row is left for training" in str(error)
        return
    shuffled = random.Random(seed).sample(sources, len(sources))
    assert bytes_of(process_rows(shuffled, choice)) == bytes_of(made)
    report = made.report
    assert report["rows_given"] == report["rows"] + sum(report["removed"].values())
    assert report["rows"] == sum(source["rows_kept"] for source in report["sources"])
    assert sum(sum(counts.values()) for counts in report["removed_by_source"].values()) == sum(
        report["removed"].values()
    )
    for name in SPLITS:
        validate(to_squad(made.splits[name]), "squad", name)
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        left, right = made.splits[one], made.splits[other]
        assert not {row["context"] for row in left} & {row["context"] for row in right}
        if report["split_by"] == "document":
            titles = [{row["title"] for row in side if row.get("title")} for side in (left, right)]
            several = all(len({r.get("title") for r in rows_in(source)} - {None}) != 1 for source in sources)
            assert not several or not titles[0] & titles[1]
    validate_json = json.loads(json.dumps(report))
    assert validate_json["splits"] == report["splits"]


def rows_in(source):
    return [row for rows in source.by_split().values() for row in rows]


def test_overlaps_are_found_whatever_the_case_and_not_within_a_source():
    from qa_pipeline.journey.dataset.rows import Removals, gather

    text, other = text_of(1, 1), text_of(2, 2)
    rows = gather(
        [
            Source("a", "labelled", [example("1", text.upper(), "Q?", None), example("2", other, "Q?", None)]),
            Source("b", "retrieved", [example("3", f"Before it: {text} After it.", "Q?", None)]),
        ],
        Removals(),
    )
    assert [tuple(sorted(map(len, pair))) for pair in overlaps(rows)] == [
        tuple(sorted((len(rows[0].form), len(rows[2].form))))
    ]
