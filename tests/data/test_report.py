"""The report: its JSON fits the schema, its table says what was done to which rows, lengths lead to settings."""

from __future__ import annotations

import json

import pytest

from qa_pipeline.data import DataReport, measure_lengths, validate
from qa_pipeline.data.report import FIRST_IDS


class WordTokenizer:
    """One token for each run of non-spaces; counts how often it is asked."""

    is_fast = True
    name_or_path = "words"
    model_max_length = 512

    def __init__(self):
        self.texts: list[str] = []

    def num_special_tokens_to_add(self, pair: bool) -> int:
        return 3

    def __call__(self, texts, *, add_special_tokens, **options):
        assert not add_special_tokens
        self.texts += texts
        return WordEncoding(texts)


class WordEncoding(dict):
    def __init__(self, texts):
        super().__init__(input_ids=[[0] * len(text.split()) for text in texts])
        self.batch = texts

    def char_to_token(self, row, character):
        text = self.batch[row]
        return None if text[character].isspace() else len((text[:character] + "x").split()) - 1


def example(number: int, context: str, *spans: tuple[int, int], question: str = "what is it") -> dict:
    return {
        "id": str(number),
        "context": context,
        "question": question,
        "answers": {"text": [context[b:e] for b, e in spans], "answer_start": [b for b, _ in spans]},
        "is_impossible": not spans,
    }


def test_an_empty_report_fits_the_schema():
    validate({"train": DataReport("x.json").to_dict()}, "data_report", "data_report.json")


def test_first_ids_are_few_and_different():
    report = DataReport("x.json")
    for number in range(20):
        report.count(report.dropped, "answer_not_found", f"id{number // 2}")
    assert report.dropped == {"answer_not_found": 20}
    assert report.first_ids["answer_not_found"] == [f"id{i}" for i in range(FIRST_IDS)]


def test_places_are_named_without_the_file_that_the_report_is_about():
    report = DataReport("data/x.csv")
    report.count(report.dropped, "answer_not_found", "data/x.csv, row 7", 'answer "x" is not in the context')
    assert report.first_ids == {"answer_not_found": ["row 7"]}
    assert report.details == {"answer_not_found": ['row 7: answer "x" is not in the context']}


def test_table_and_json_say_what_was_done():
    report = DataReport("train.json", "squad", rows_read=1200, rows_kept=1100, rows_repaired=3, answerable=1000)
    report.unanswerable, report.contexts, report.answers_kept, report.located = 100, 40, 1500, 7
    for number in range(100):
        report.count(report.dropped, "answer_not_found", f"q{number}")
    for number in range(3):
        report.count(report.repaired, "moved", f"m{number}")
    report.count(report.noticed, "something new", "x" * 200)
    table = report.table()
    for line in (
        "train.json (squad)",
        "rows read               1,200",
        "rows kept               1,100  (1,000 answerable, 100 unanswerable)",
        "rows dropped              100  (8.3%)",
        "100  no answer is in the context, not even tolerantly matched: q0, q1, q2, ...",
        "3  answer moved to the nearest exact occurrence: m0, m1, m2\n",
        "1  something new: xxx",
    ):
        assert line in table
    assert max(len(line) for line in table.splitlines()) < 160
    value = json.loads(json.dumps(report.to_dict()))
    validate({"train": value}, "data_report", "data_report.json")
    assert value["bad_fraction"] == pytest.approx(100 / 1200, abs=1e-6) and value["rows_dropped"] == 100


def test_lengths_are_counted_in_tokens_and_lead_to_settings():
    context = " ".join(f"w{i}" for i in range(100))
    ends = [context.index(f"w{n} ") for n in range(1, 90)]
    examples = [example(i, context, (0, ends[i % 20] - 1)) for i in range(200)]
    examples.append(example(200, "short one", (0, 5), question="why"))
    tokenizer = WordTokenizer()
    lengths = measure_lengths(examples, tokenizer, max_answer_length=10, max_seq_length=80)
    assert lengths.contexts == {"p50": 2, "p90": 100, "p95": 100, "p99": 100, "max": 100}
    assert lengths.questions == {"p50": 1, "p90": 3, "p95": 3, "p99": 3, "max": 3}
    assert lengths.answers == {"p50": 10, "p90": 18, "p95": 19, "p99": 20, "max": 20}
    assert lengths.answers_cut == pytest.approx(100 / 201, abs=1e-6) and lengths.contexts_cut == 0.5
    assert lengths.suggested_max_answer_length == 20
    assert lengths.suggested_max_seq_length == 128
    assert lengths.suggested_doc_stride == 48
    assert sorted(tokenizer.texts) == sorted([context, "short one", "what is it", "why"])
    assert lengths.warnings() == [
        "max_answer_length=10 cuts 49.8% of the answers; max_answer_length=20 would cut at most 1%"
    ]

    report = DataReport("x.json", lengths=lengths)
    validate({"train": report.to_dict()}, "data_report", "data_report.json")
    assert "suggested: max_answer_length=20 max_seq_length=128 doc_stride=48" in report.table()
    assert "warning: max_answer_length=10 cuts 49.8%" in report.table()


def test_lengths_of_nothing_and_of_data_without_answers():
    for examples in ([], [example(1, "some words here")]):
        lengths = measure_lengths(examples, WordTokenizer())
        assert lengths.answers == {} and lengths.answers_cut == 0 and lengths.suggested_max_answer_length == 30
        validate({"x": DataReport("x", lengths=lengths).to_dict()}, "data_report", "data_report.json")


def test_only_so_many_contexts_are_measured():
    tokenizer = WordTokenizer()
    examples = [example(i, f"context number {i}", (0, 7)) for i in range(100)]
    assert measure_lengths(examples, tokenizer, max_contexts=10).contexts_measured == 10
    assert [text for text in tokenizer.texts if text.startswith("context")] == [
        f"context number {i}" for i in range(0, 100, 10)
    ]


def test_lengths_with_a_real_tokenizer():
    """Words that a BERT tokenizer cuts, an accent that it strips and a character that it drops."""
    transformers = pytest.importorskip("transformers")
    vocabulary = {
        token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##able", "cafe"])
    }
    tokenizer = transformers.BertTokenizerFast(vocab=vocabulary)
    context = "unable café \u200d unable"
    examples = [example(1, context, (0, 6), (7, 11), (0, len(context)), (12, 13))]
    lengths = measure_lengths(examples, tokenizer)
    assert lengths.contexts["max"] == 5 and lengths.answers == {"p50": 1, "p90": 5, "p95": 5, "p99": 5, "max": 5}
