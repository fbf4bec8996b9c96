"""The table that people change: what a spreadsheet does to it is undone, what a person did is taken up and verified."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.data.loading import squad_bytes
from qa_pipeline.errors import DataError
from qa_pipeline.journey.dataset import cells
from qa_pipeline.journey.dataset.processing import ProcessedDataset, Source, process_rows
from qa_pipeline.journey.dataset.provenance import describe_splits
from qa_pipeline.journey.dataset.review import COLUMNS, read_review, write_review
from tests.journey.made import example, rows_of, spans

SPLITS = ("train", "validation", "test")
FEES = "The fee is 25 euros for adults. For groups the fee is 25 euros a head.\nChildren pay nothing before March 2019."
ZERO = {"edited": 0, "corrected": 0, "emptied": 0, "dropped": 0, "added": 0, "ambiguous": 0}


def processed() -> ProcessedDataset:
    fees = [
        example("fee", FEES, "What is the fee for adults?", "25 euros", "fees", evidence="The fee is 25 euros"),
        example("free", FEES, "Who pays nothing?", "Children", "fees"),
        example("until", FEES, "Until when?", "March 2019", "fees"),
        example("dogs", FEES, "What do dogs pay?", None, "fees"),
    ]
    held = {"validation": rows_of(range(40, 42)), "test": rows_of(range(50, 52))}
    return process_rows([Source("made", "generated", {"train": [*fees, *rows_of(range(8))], **held})])


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def write(path, rows, columns=COLUMNS, delimiter=",", encoding="utf-8-sig", **how):
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, delimiter=delimiter, extrasaction="ignore", **how)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(table.getvalue().encode(encoding, "replace"))
    return path


@pytest.fixture
def made():
    return processed()


@pytest.fixture
def path(tmp_path, made):
    return write_review(tmp_path / "review.csv", made)


def changed(path, made, row_id, **cells):
    """What comes back when one row is changed."""
    rows = read(path)
    (row,) = [row for row in rows if row["id"] == row_id]
    row.update(cells)
    return read_review(write(path, rows), made)


def row_of(dataset, row_id):
    return next(row for split in SPLITS for row in dataset.splits[split] if row["id"] == row_id)


def contents(dataset):
    return [squad_bytes(dataset.splits[split]) for split in SPLITS]


def test_the_table_shows_every_question_with_its_passage_and_the_place_of_its_answer(path, made):
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,question,answer,passage,source,keep,split,evidence,")
    rows = read(path)
    assert len(rows) == made.report["rows"] and [row["split"] for row in rows][:1] == ["test"]
    (fee,) = [row for row in rows if row["id"] == "fee"]
    assert fee == {
        "id": "fee",
        "question": "What is the fee for adults?",
        "answer": "25 euros",
        "passage": FEES,
        "source": "made",
        "keep": "yes",
        "split": "train",
        "evidence": "The fee is [[25 euros]] for adults.",
        "answer_start": "11",
    }


def test_an_unchanged_table_changes_nothing(path, made):
    again, review = read_review(path, made)
    assert contents(again) == contents(made)
    assert review == {**ZERO, "removed": {}, "first_ids": {}}
    assert again.report == {**made.report, "review": review}


@pytest.mark.parametrize(
    "how",
    [
        {"delimiter": ";"},
        {"delimiter": "\t", "encoding": "utf-16"},
        {"encoding": "cp1252", "delimiter": ";"},
        {"encoding": "utf-8"},
        {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
        {"columns": COLUMNS[::-1]},
        {"columns": ("id", "question", "answer", "passage", "keep")},
    ],
)
def test_however_a_spreadsheet_saves_it_nothing_changes(path, made, how):
    rows = sorted(read(path), key=lambda row: row["question"])
    for row in rows:
        row["passage"] = row["passage"].replace("\n", "\r\n")
    again, review = read_review(write(path, rows, **how), made)
    assert contents(again) == contents(made) and review["edited"] == review["dropped"] == 0


def test_letters_that_an_old_encoding_lost_are_no_change(tmp_path):
    text = "The path goes up \u2192 to the \u0141\u00f3d\u017a gate, and there it ends after the well."
    rows = [
        example("x", text, "Where does the path \u2192 go?", "the \u0141\u00f3d\u017a gate", "x"),
        *rows_of(range(5)),
    ]
    made = process_rows([Source("made", "generated", {"train": rows, "test": rows_of(range(9, 10))})])
    file = write_review(tmp_path / "review.csv", made)
    again, review = read_review(write(file, read(file), encoding="cp1252"), made)
    assert contents(again) == contents(made) and not any(review[kind] for kind in ZERO)


def test_a_changed_question_is_taken(path, made):
    again, review = changed(path, made, "fee", question=" What do grown-ups pay? ")
    assert row_of(again, "fee")["question"] == "What do grown-ups pay?"
    assert row_of(again, "fee")["answers"] == spans(FEES, "25 euros")
    assert review == {**ZERO, "edited": 1, "removed": {}, "first_ids": {"edited": ["fee"]}}
    assert row_of(again, "fee")["metadata"]["review"] == "edited" and again.report["review"] == review


def test_a_changed_answer_is_taken_at_the_place_nearest_to_the_old_one(path, made):
    again, review = changed(path, made, "free", answer="25 euros")
    assert row_of(again, "free")["answers"] == {"text": ["25 euros"], "answer_start": [FEES.rindex("25 euros")]}
    assert review["corrected"] == 1 and review["ambiguous"] == 0
    metadata = row_of(changed(path, made, "fee", answer="25 euros for adults")[0], "fee")["metadata"]
    assert "evidence" not in metadata and metadata["review"] == "corrected"  # the quote does not hold the new answer


def test_a_place_may_be_changed_alone(path, made):
    again, review = changed(path, made, "fee", answer_start=str(FEES.rindex("25 euros")))
    assert row_of(again, "fee")["answers"]["answer_start"] == [FEES.rindex("25 euros")] and review["corrected"] == 1


def test_an_answer_in_other_letters_is_the_slice_of_the_passage(path, made):
    again, review = changed(path, made, "free", answer="children pay  nothing")
    assert row_of(again, "free")["answers"]["text"] == ["Children pay nothing"]
    again, review = changed(path, made, "free", answer="children")
    assert review["corrected"] == 0 and contents(again) == contents(made)


def test_an_emptied_answer_means_that_there_is_none_and_a_filled_one_that_there_is(path, made):
    again, review = changed(path, made, "fee", answer="")
    assert row_of(again, "fee")["is_impossible"] and row_of(again, "fee")["answers"] == {"text": [], "answer_start": []}
    assert (review["corrected"], review["emptied"]) == (1, 1)
    assert again.report["splits"]["train"]["unanswerable"] == made.report["splits"]["train"]["unanswerable"] + 1
    again, review = changed(write_review(path, made), made, "dogs", answer="25 euros")
    assert row_of(again, "dogs")["answers"] == spans(FEES, "25 euros") and not row_of(again, "dogs")["is_impossible"]
    assert (review["corrected"], review["ambiguous"]) == (1, 1)


@pytest.mark.parametrize("word", ["no", "No", "0", "FALSE", "x", "nein", " n ", "-"])
def test_rows_that_are_not_kept_go(path, made, word):
    again, review = changed(path, made, "fee", keep=word, passage="not looked at", question="")
    assert review["dropped"] == 1 and again.report["rows"] == made.report["rows"] - 1
    assert "fee" not in {row["id"] for row in again.splits["train"]}


def test_deleted_rows_go_and_the_order_of_the_others_is_nothing(path, made):
    rows = [row for row in read(path) if row["id"] not in ("fee", "dogs")]
    again, review = read_review(write(path, rows[::-1]), made)
    assert review["dropped"] == 2 and review["first_ids"]["dropped"] == ["fee", "dogs"]
    assert [row["id"] for row in again.splits["test"]] == [row["id"] for row in made.splits["test"]]


def test_new_rows_about_known_and_new_passages_are_taken_as_peoples(path, made):
    rows = read(path)
    rows += [
        {"question": "What do groups pay a head?", "answer": "25 euros", "passage": FEES, "answer_start": "55"},
        {
            "id": "mine",
            "question": "What is in the cellar?",
            "answer": "wine",
            "passage": "In the cellar there is wine.",
        },
        {"question": "What is in the attic?", "passage": "In the cellar there is wine.", "keep": "yes"},
        {},
    ]
    again, review = read_review(write(path, rows), made)
    added = again.splits["train"][-3:]
    assert review["added"] == 3 and [row["id"] for row in added][1] == "mine"
    assert added[0]["answers"]["answer_start"] == [FEES.rindex("25 euros")] and added[0]["title"] == "fees"
    assert added[2]["is_impossible"] and len({row["id"] for row in added}) == 3
    assert {(row["metadata"]["source"], row["metadata"]["kind"]) for row in added} == {("review", "labelled")}
    assert again.report["splits"]["train"]["by_source"]["review"] == 3


def test_a_new_test_question_is_peoples(path, made):
    passage = made.splits["test"][0]["context"]
    row = {"question": "Where does it stand in the end?", "answer": passage.split()[-1].strip("."), "passage": passage}
    again, _ = read_review(write(path, [*read(path), row]), made)
    assert again.test_made_by == "mixed" and again.splits["test"][-1]["question"] == row["question"]


def test_training_rows_that_a_change_makes_a_test_question_are_removed(path, made):
    held = made.splits["test"][0]
    text = "A note: " + held["context"]
    row = {"question": "Which note is this?", "answer": "A note", "passage": text}
    again, review = read_review(write(path, [*read(path), row]), made)
    assert review["added"] == 1 and review["removed"] == {"overlapping_text_in_test": 1}
    assert contents(again) == contents(made)


def test_faults_are_named_with_their_lines_all_at_once(path, made):
    rows = {row["id"]: row for row in read(path)}
    rows["fee"]["answer"] = "26 euros"
    rows["free"]["passage"] = FEES.replace("Children", "Kids")
    rows["until"]["question"] = " "
    rows["dogs"]["keep"] = "perhaps"
    rows["doc-0-0-a"]["split"] = "test"
    rows["doc-0-1-a"]["answer_start"] = "far"
    rows["doc-0-2-a"]["question"] = rows["doc-0-2-b"]["question"]
    new = [
        dict(rows["doc-1-0-a"]),
        {"question": "Who?", "passage": ""},
        {**rows["doc-1-1-a"], "id": "5.7E+23"},
        {"question": "Why?", "passage": FEES, "split": "test"},
        {"question": "Why then?", "passage": "Another text.", "split": "dev"},
    ]
    write(path, [*rows.values(), *new])
    with pytest.raises(DataError) as caught:
        read_review(path, made)
    message = str(caught.value)
    assert message.startswith(f"12 problems in {path}:\n  - row ")
    for expected in (
        r"id fee: the answer '26 euros' does not stand in the passage",
        "id free: the passage was changed (",
        "id until: the question is empty; to drop the row say no to keep",
        "id dogs: keep must be yes or no; found 'perhaps'",
        "id doc-0-0-a: the split was changed from train to test",
        "id doc-0-1-a: answer_start must be a number of characters, or empty; found 'far'",
        "id doc-0-2-a: doc-0-2-b asks the same of this passage",
        "id doc-1-0-a: this id stands in row ",
        "the passage is empty; a new row needs the text",
        "id 5.7E+23: the row with the id doc-1-1-a asks this of the same passage; put its id back",
        "the split must be train, where the passage is; found test",
        "the split must be one of train, validation, test; found dev",
    ):
        assert expected in message
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("fee,"))
    place = list(rows).index("fee") + 2
    assert f"row {place} (line {line}), id fee: " in message


def test_a_table_without_ids_is_refused(path, made):
    with pytest.raises(DataError, match="the column id is gone .found: question, answer.*put it back, or delete"):
        read_review(write(path, read(path), columns=COLUMNS[1:]), made)


def test_a_row_that_does_not_fit_the_header_is_named(path, made):
    path.write_bytes(path.read_bytes() + b'a,b,"c\r\n')
    with pytest.raises(DataError, match=r"(?s)1 problem in .*row \d+ \(line \d+\): row is not valid CSV"):
        read_review(path, made)


def test_a_table_that_keeps_nothing_is_refused(path, made):
    with pytest.raises(DataError, match="no row is left for training"):
        read_review(write(path, [row for row in read(path) if row["split"] != "train"]), made)


def test_a_missing_file_is_an_error_in_words(tmp_path, made):
    with pytest.raises(DataError, match="no.csv: cannot be read: No such file"):
        read_review(tmp_path / "no.csv", made)


def test_a_passage_too_long_for_a_cell_is_shown_cut_and_comes_back_whole(tmp_path):
    text = "word " * 8000 + "The end is here."
    rows = [example("long", text, "Where is the end?", "here", "long"), *rows_of(range(5))]
    made = process_rows([Source("made", "generated", {"train": rows, "test": rows_of(range(9, 10))})])
    path = write_review(tmp_path / "review.csv", made)
    (row,) = [row for row in read(path) if row["id"] == "long"]
    assert len(row["passage"]) < 32_767 and row["evidence"].endswith("The end is [[here]].")
    assert contents(read_review(path, made)[0]) == contents(made)
    again, _ = changed(path, made, "long", answer="The end")
    assert row_of(again, "long")["answers"] == spans(text, "The end")


def test_other_references_stay_where_the_answer_is_not_changed(tmp_path):
    row = example("two", FEES, "What is the fee?", "25 euros", "fees")
    row["answers"] = {"text": ["25 euros", "25 euros for adults"], "answer_start": [11, 11]}
    made = process_rows([Source("labels", "labelled", [row, *rows_of(range(9))])])
    path = write_review(tmp_path / "review.csv", made)
    assert row_of(changed(path, made, "two", question="What is it?")[0], "two")["answers"] == row["answers"]
    again, _ = changed(write_review(path, made), made, "two", answer="25")
    assert row_of(again, "two")["answers"] == {"text": ["25"], "answer_start": [11]}


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+49 30 123", "-5 degrees", "@home", "\tx", "\u200b=x", "March 2019", "1.50", "10%", "1,000", "TRUE"),
        *("1e5", "5 May", "'=x", "''", "1/2", "\uff1dx"),
    ],
)
def test_cells_are_harmless_and_come_back(text):
    cell = cells.protected(text)
    assert cells.restored(cell) == text
    assert cell[:1] not in tuple("=+-@\t\r\n\uff1d")


@pytest.mark.parametrize("text", ["the fee", "25 euros", "may be so", "'tis", "Room 4", ""])
def test_plain_words_are_left_alone(text):
    assert cells.protected(text) == text


@given(text=st.text(max_size=40) | st.text("'=+-@1e.\t\rMay ", max_size=12))
@settings(max_examples=500, deadline=None)
def test_every_text_comes_back_from_its_cell(text):
    assert cells.restored(cells.protected(text)) == text


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)


@given(rows=st.lists(st.tuples(texts, texts, texts, st.booleans()), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_writing_and_reading_is_the_identity(rows, tmp_path):
    examples = [
        example(f"{i}{id_}", f"{before}{answer}{after}", f"{after}{before}?", answer if answered else None, source="s",
                kind="generated")
        for i, (id_, before, answer, answered) in enumerate(rows)
        for after in [id_]
    ]  # fmt: skip
    splits = {"train": examples, "validation": [], "test": []}
    report = {"settings": {"near_duplicate_threshold": 0.7}, "conflicts": {"count": 0}}
    made = ProcessedDataset(splits, {**report, **describe_splits(splits, "document")})
    again, review = read_review(write_review(tmp_path / "review.csv", made), made)
    assert again.splits == splits and not any(review[kind] for kind in ZERO)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_of_a_review_add_up(data, tmp_path):
    made = processed()
    path = write_review(tmp_path / "review.csv", made)
    rows = []
    for row in read(path):
        action = data.draw(st.sampled_from(["leave", "leave", "leave", "drop", "delete", "edit", "empty"]))
        if action == "drop":
            row["keep"] = "no"
        if action == "edit":
            row["question"] = f"Say of {row['id']}: {row['question']}"
        if action == "empty":
            row["answer"] = ""
        if action != "delete":
            rows.append(row)
    if not any(row["keep"] == "yes" and row["split"] == "train" for row in rows):
        return
    again, review = read_review(write(path, rows), made)
    gone = review["dropped"] + sum(review["removed"].values())
    assert again.report["rows"] == made.report["rows"] - gone + review["added"]
    assert again.report["rows"] == sum(len(again.splits[split]) for split in SPLITS)
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not {r["context"] for r in again.splits[one]} & {r["context"] for r in again.splits[other]}
