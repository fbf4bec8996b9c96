"""The main path of data: from files of any shape to canonical examples that keep the invariant."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qa_pipeline.data import load_examples, split_by_document, to_squad, validate, write_squad
from qa_pipeline.errors import ConfigError, DataError
from tests.data.made import CONTEXT, check_invariant, flat, write


def test_squad_json_is_read_verified_and_written_back(tmp_path):
    examples, report = load_examples(write(tmp_path / "rows.jsonl", [flat(0, title="Ada"), flat(1, title="Ada")]))
    check_invariant(examples)
    assert report.format == "jsonl" and report.contexts == 1 and report.titles == 1 and report.rows_read == 2
    assert report.field_mapping["context"]

    path = write_squad(tmp_path / "clean.json", examples)
    value = json.loads(path.read_text(encoding="utf-8"))
    validate(value, "squad", str(path))
    assert [len(p["qas"]) for a in value["data"] for p in a["paragraphs"]] == [2]
    again, report = load_examples(path)
    assert again == examples and report.format == "squad" and not report.repaired


def test_squad_round_trip_keeps_titles_metadata_and_impossible_rows(tmp_path):
    rows = [
        flat(0, title="A", metadata={"page": 3}),
        flat(1, title="B"),
        flat(2, answers={"text": [], "answer_start": []}),
        flat(3, context="Other words in London.", answers={"text": ["London"], "answer_start": [15]}),
        flat(4, title="A"),
    ]
    examples, _ = load_examples(write(tmp_path / "rows.jsonl", rows))
    again, _ = load_examples(write_squad(tmp_path / "clean.json", examples))
    by_id = {example["id"]: example for example in again}
    assert [by_id[example["id"]] for example in examples] == examples
    assert [a["title"] for a in to_squad(examples)["data"]] == ["A", "B", ""]


def test_what_is_written_in_pieces_is_the_json_of_the_whole(tmp_path):
    rows = [flat(0, title="A \N{PARTY POPPER}"), flat(1, title="B"), flat(2, context="Other words in London.")]
    examples, _ = load_examples(write(tmp_path / "rows.jsonl", rows), max_bad_fraction=1)
    path = write_squad(tmp_path / "clean.json", examples)
    assert path.read_text(encoding="utf-8") == json.dumps(to_squad(examples), ensure_ascii=False) + "\n"
    assert write_squad(tmp_path / "none.json", []).read_text() == '{"version": "v2.0", "data": []}\n'


def test_contexts_are_shared(tmp_path):
    examples, _ = load_examples(write(tmp_path / "rows.jsonl", [flat(i) for i in range(5)]))
    assert len({id(example["context"]) for example in examples}) == 1


def test_too_many_bad_rows_are_an_error_that_says_why(tmp_path):
    rows = [flat(i) for i in range(6)] + [flat(i, answers={"text": ["Paris"], "answer_start": [3]}) for i in (6, 7)]
    path = write(tmp_path / "rows.jsonl", [*rows, flat(8, question=" ")])
    with pytest.raises(DataError) as caught:
        load_examples(path)
    message = str(caught.value)
    assert "rows.jsonl: 3 of 9 rows (33.3%) cannot be used, more than max_bad_fraction=0.2" in message
    assert (
        "2  no answer is in the context" in message and "q6, q7" in message and "question without text: q8" in message
    )
    examples, report = load_examples(path, max_bad_fraction=0.34)
    assert len(examples) == 6 and report.dropped == {"answer_not_found": 2, "empty_question": 1}


def test_on_bad_data_error_names_file_row_and_id(tmp_path):
    path = write(tmp_path / "rows.jsonl", [flat(0), flat(1, answers={"text": ["1815"], "answer_start": [40]})])
    with pytest.raises(DataError, match=r'rows.jsonl, line 2 \("q1"\): answer "1815" is not at answer_start 40'):
        load_examples(path, on_bad_data="error")
    assert load_examples(path)[1].repaired == {"moved": 1}
    assert load_examples(path, on_bad_data="drop", max_bad_fraction=1)[1].dropped == {"needs_repair": 1}


def test_nothing_usable_is_an_error_whatever_the_fraction(tmp_path):
    path = write(tmp_path / "rows.jsonl", [flat(0, context=" "), flat(1, context="")])
    with pytest.raises(DataError, match="none of 2 rows can be used"):
        load_examples(path, max_bad_fraction=1)


def test_arguments_are_checked_together(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_examples(tmp_path / "x.json", on_bad_data="fix", max_bad_fraction=2, max_samples=0)
    assert len(caught.value.problems) == 3
    assert "on_bad_data must be one of repair, drop, error; found 'fix'" in str(caught.value)


def test_max_samples_counts_usable_rows_and_reads_no_further(tmp_path):
    rows = [flat(0, context=" "), *(flat(i) for i in range(1, 9))]
    examples, report = load_examples(write(tmp_path / "rows.jsonl", rows), max_samples=3, max_bad_fraction=0.5)
    assert [example["id"] for example in examples] == ["q1", "q2", "q3"] and report.rows_read == 4


def test_files_for_prediction_need_no_answers(tmp_path):
    rows = [{"context": CONTEXT, "question": f"Where, {i}?"} for i in range(3)]
    path = write(tmp_path / "rows.jsonl", rows)
    examples, report = load_examples(path, require_answers=False)
    assert len(examples) == 3 and report.unlabelled == 3 and not any(e["is_impossible"] for e in examples)
    check_invariant(examples)
    with pytest.raises(DataError, match="none of 3 rows can be used; data without answers can be predicted on"):
        load_examples(path, max_bad_fraction=1)


def test_empty_answers_mean_unanswerable_only_among_answers(tmp_path):
    empty = {"text": [], "answer_start": []}
    path = write(tmp_path / "rows.jsonl", [flat(0, answers=empty), flat(1, answers=empty)])
    examples, report = load_examples(path, require_answers=False)
    assert report.unlabelled == 2 and not any(example["is_impossible"] for example in examples)
    assert load_examples(path)[1].unanswerable == 2
    path = write(tmp_path / "rows.jsonl", [flat(0, answers=empty), flat(1)])
    examples, report = load_examples(path, require_answers=False)
    assert [example["is_impossible"] for example in examples] == [True, False] and report.unanswerable == 1


def test_questions_of_a_nested_file_under_other_ids_are_one_where_their_answers_overlap_or_are_missing(tmp_path):
    context = "Ann left because she was tired. Bob stayed because he was hungry."

    def asked(number: int, *texts: str) -> dict:
        answers = [{"text": text, "answer_start": context.index(text)} for text in texts]
        return {"id": f"q{number}", "question": "Why?", "answers": answers}

    def load(*qas: dict):
        value = {"data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(qas)}]}]}
        path = tmp_path / "nested.json"
        path.write_text(json.dumps(value))
        return load_examples(path)

    examples, report = load(asked(1, "she was tired"), asked(2, "he was hungry"))
    assert [e["id"] for e in examples] == ["q1", "q2"] and report.noticed == {"asked_again": 1}
    examples, report = load(asked(1, "she was tired"), asked(2, "tired"), asked(3))
    assert [e["answers"]["text"] for e in examples] == [["she was tired", "tired"]]
    assert report.merged == {"more_references": 1, "answerable_and_not": 1}
    same_id = {**asked(1, "he was hungry")}
    assert len(load(asked(1, "she was tired"), same_id)[0]) == 1


def test_the_last_of_max_samples_gets_the_references_that_follow_it(tmp_path):
    rows = [
        {"context": "It was signed on 3 July 1620.", "question": "When?", "answer": text}
        for text in ("1620", "3 July 1620")
    ]
    rows.append({"context": "Ada wrote notes.", "question": "Who?", "answer": "Ada"})
    examples, report = load_examples(write(tmp_path / "rows.jsonl", rows), max_samples=1)
    assert [e["answers"]["text"] for e in examples] == [["1620", "3 July 1620"]] and report.rows_read == 2


# Real data and size


def test_policyqa_loads_whole_and_fast(real_data):
    path = real_data / "policyqa/train.json"
    begin = time.perf_counter()
    examples, report = load_examples(path)
    assert time.perf_counter() - begin < 2
    check_invariant(examples)
    assert report.rows_read == 3237 and not report.repaired and not report.dropped and report.titles == 16
    # The same question about the same segment stands under several ids: those whose answers overlap are one question.
    assert (len(examples), report.rows_merged, report.noticed["asked_again"]) == (3219, 18, 13)
    assert len(load_examples(path, merge_references=False)[0]) == 3237
    train, validation = split_by_document(examples, 0.1, random.Random(0))
    assert not {e["title"] for e in train} & {e["title"] for e in validation}
    assert 0.05 < len(validation) / len(examples) < 0.15


def test_subjqa_is_repaired_and_its_unanswerable_rows_are_known(real_data):
    examples, report = load_examples(real_data / "subjqa/grocery_dev.csv")
    check_invariant(examples)
    assert report.unanswerable > 100 and report.answerable > 90 and report.repaired["tolerant"] >= 10
    assert report.bad_fraction < 0.05


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_xquad_is_clean(real_data, language):
    examples, report = load_examples(real_data / f"xquad/xquad.{language}.json")
    check_invariant(examples)
    assert report.rows_read == 1190 == len(examples) + report.rows_merged and report.rows_merged < 10
    assert not report.repaired and not report.dropped


_READ = """
import resource, sys
from qa_pipeline.data import load_examples
examples, report = load_examples(sys.argv[1])
print(len(examples), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("repeated", [1, 5])
def test_a_300_megabyte_file_is_read_within_memory(tmp_path, kind, repeated):
    """Contexts of about 800 characters, asked once each or five times; peak resident set of a fresh process."""
    path = tmp_path / f"large.{kind}"
    rows = _write_large(path, kind, repeated, 300_000_000)
    done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=False)
    path.unlink()
    assert done.returncode == 0, done.stderr
    read, peak = map(int, done.stdout.split())
    assert read == rows
    assert peak < 1_500_000_000


def _write_large(path: Path, kind: str, repeated: int, size: int) -> int:
    import csv

    rng = random.Random(0)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(2000)]
    rows = 0
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        if kind == "csv":
            writer.writerow(["id", "context", "question", "answer_text", "answer_start"])
        while handle.tell() < size:
            chosen = rng.choices(words, k=130)
            context = " ".join(chosen) + f" \u2014 {rows}"
            for _ in range(repeated):
                begin = rng.randrange(100)
                start, text = len(" ".join([*chosen[:begin], ""])), " ".join(chosen[begin : begin + 3])
                question = f"which {' '.join(rng.choices(words, k=8))} {rows}?"
                if kind == "csv":
                    writer.writerow([f"id{rows}", context, question, text, start])
                else:
                    answers = {"text": [text], "answer_start": [start]}
                    row = {"id": f"id{rows}", "context": context, "question": question, "answers": answers}
                    handle.write(json.dumps(row, ensure_ascii=False) + "\n")
                rows += 1
    return rows


def test_a_text_at_minus_one_that_is_nowhere_is_not_found_and_one_that_is_there_is_found(tmp_path):
    rows = [
        {"id": "a", "context": "Open at nine.", "question": "q?", "answers": [{"text": "ten", "answer_start": -1}]},
        {"id": "b", "context": "Open at nine.", "question": "r?", "answers": [{"text": "nine", "answer_start": -1}]},
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    examples, report = load_examples(path, max_bad_fraction=0.5)
    assert [e["id"] for e in examples] == ["b"] and report.dropped == {"answer_not_found": 1}
    assert examples[0]["answers"] == {"text": ["nine"], "answer_start": [8]}


def test_answers_that_are_all_null_mean_a_file_for_prediction_and_some_mean_no_answer(tmp_path):
    base = {"context": "The clinic opens at nine.", "question": "When does it open?"}
    rows = [{"id": str(i), **base, "question": f"When, {i}?", "answers": None} for i in range(3)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    examples, report = load_examples(path, require_answers=False)
    assert report.unlabelled == 3 and not any(e["is_impossible"] for e in examples)
    rows.append({"id": "x", **base, "answers": {"text": ["nine"], "answer_start": [20]}})
    path.write_text(json.dumps(rows), encoding="utf-8")
    examples, report = load_examples(path)
    assert [e["is_impossible"] for e in examples] == [True, True, True, False] and report.rows_dropped == 0


@pytest.mark.parametrize("labelled", [True, False])
def test_max_samples_is_kept_where_a_question_is_asked_again_and_stays_apart(tmp_path, labelled):
    context = "Ann left because she was tired. Bob stayed because he was hungry."

    def asked(number: int, question: str, text: str) -> dict:
        answers = {"answers": [{"text": text, "answer_start": context.index(text)}]} if labelled else {}
        return {"id": f"q{number}", "question": question} | answers

    qas = [asked(1, "Why?", "she was tired"), asked(2, "Why?", "he was hungry"), asked(3, "Who?", "Ann")]
    path = tmp_path / "nested.json"
    path.write_text(json.dumps({"data": [{"title": "T", "paragraphs": [{"context": context, "qas": qas}]}]}))
    examples, report = load_examples(path, max_samples=1, require_answers=labelled)
    assert [e["id"] for e in examples] == ["q1"] and (report.rows_read, report.rows_kept) == (1, 1)


@pytest.mark.parametrize("nested", [False, True])
def test_columns_beside_the_question_are_kept_where_asked_for(tmp_path, nested):
    context = "The fee is 5 euros."
    beside = {
        "topic": "fees",
        "year": 2024,
        "checked": True,
        "note": "x" * 201,
        "tags": ["a"],
        "metadata": {"by": "Ada"},
    }
    row = {"id": "q1", "question": "How much?", "answers": [{"text": "5 euros", "answer_start": 11}], **beside}
    path = tmp_path / "rows.json"
    paragraphs = [{"context": context, "qas": [row]}]
    value = {"data": [{"title": "Fees", "paragraphs": paragraphs}]} if nested else [{**row, "context": context}]
    path.write_text(json.dumps(value))
    [kept], _ = load_examples(path, keep_columns=True)
    assert kept["metadata"] == {"topic": "fees", "year": 2024, "checked": True, "by": "Ada"}
    assert load_examples(path)[0][0]["metadata"] == {"by": "Ada"}
