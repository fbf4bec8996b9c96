"""The mappings of the catalogue read rows of the form that the data sets have on the Hub."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.discovery.catalogue import known_datasets

KNOWN = {known.id: known for known in known_datasets()}
CONTEXT = "The Rhine rises in the Alps. Beyond the Alps lies Italy, and the Rhine ends at Rotterdam."
FIRST, SECOND = (CONTEXT.index("the Alps", begin) for begin in (0, 30))
END = CONTEXT.index("Rotterdam")


def squad_row(**more: Any) -> dict[str, Any]:
    answers = {"text": ["the Alps"], "answer_start": [SECOND]}
    return {"id": "1", "title": "Rhine", "context": CONTEXT, "question": "Beyond what?", "answers": answers} | more


MRQA_SPANS = {"context": CONTEXT, "question": "Beyond what?", "answers": ["the Alps"], "key": "k1"}
AT_SECOND = [("the Alps", SECOND)]
AT_END = [("Rotterdam", END)]

# Row of a data set -> its answers with their places.
ROWS: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "rajpurkar/squad_v2": (squad_row(), AT_SECOND),
    "UCLNLP/adversarial_qa": (squad_row(metadata={"split": "train", "model_in_the_loop": "dbert"}), AT_SECOND),
    "deepset/covid_qa_deepset": (squad_row(id=7, document_id=3, is_impossible=False), AT_SECOND),
    "taidng/UIT-ViQuAD2.0": (squad_row(uit_id="u", is_impossible=False, plausible_answers=None), AT_SECOND),
    "Eladio/emrqa-msquad": (
        {
            "context": CONTEXT,
            "question": "Beyond what?",
            "answers": {"text": ["the Alps"], "answer_start": [SECOND], "answer_end": [SECOND + 8]},
        },
        AT_SECOND,
    ),
    "iapp/iapp_wiki_qa_squad": (
        squad_row(
            question_id="q",
            article_id="a",
            answers={"text": ["the Alps"], "answer_start": [SECOND], "answer_end": [SECOND + 8]},
        ),
        AT_SECOND,
    ),
    "mrqa-workshop/mrqa": (
        {
            "subset": "NewsQA",
            "context": CONTEXT,
            "context_tokens": {"tokens": ["The"], "offsets": [0]},
            "qid": "m1",
            "question": "Beyond what?",
            "question_tokens": {"tokens": ["Beyond"], "offsets": [0]},
            "detected_answers": {
                "text": ["the Alps"],
                "char_spans": [{"start": [SECOND], "end": [SECOND + 7]}],
                "token_spans": [{"start": [7], "end": [8]}],
            },
            "answers": ["the Alps"],
        },
        AT_SECOND,
    ),
    "lucadiliello/newsqa": (MRQA_SPANS | {"labels": [{"start": [SECOND], "end": [SECOND + 7]}]}, AT_SECOND),
    "lucadiliello/triviaqa": (
        MRQA_SPANS | {"labels": [{"start": [FIRST, SECOND], "end": [FIRST + 7, SECOND + 7]}]},
        [("the Alps", FIRST), *AT_SECOND],
    ),
    "megagonlabs/subjqa": (
        squad_row(
            domain="electronics",
            review_id="r",
            q_reviews_id="q",
            answers={"text": ["the Alps"], "answer_start": [SECOND], "answer_subj_level": [1]},
        ),
        AT_SECOND,
    ),
    "ucinlp/drop": (
        {
            "section_id": "s",
            "query_id": "q1",
            "passage": CONTEXT,
            "question": "Where does it end?",
            "answers_spans": {"spans": ["Rotterdam"], "types": ["span"]},
        },
        AT_END,
    ),
    "ibm-research/duorc": (
        {
            "plot_id": "p",
            "plot": CONTEXT,
            "title": "Rhine",
            "question_id": "q1",
            "question": "Where does it end?",
            "answers": ["Rotterdam"],
            "no_answer": False,
        },
        AT_END,
    ),
    "allenai/sciq": (
        {
            "question": "Where does it end?",
            "distractor1": "Basel",
            "distractor2": "Cologne",
            "distractor3": "Mainz",
            "correct_answer": "Rotterdam",
            "support": CONTEXT,
        },
        AT_END,
    ),
    "allenai/ropes": (
        {
            "id": "1",
            "background": "Rivers end in seas.",
            "situation": CONTEXT,
            "question": "Where does it end?",
            "answers": {"text": ["Rotterdam"]},
        },
        AT_END,
    ),
    "ucsbnlp/tweet_qa": (
        {"Question": "where does it end?", "Answer": ["rotterdam"], "Tweet": CONTEXT, "qid": "t1"},
        AT_END,
    ),
    "stanfordnlp/coqa": (
        {
            "source": "wikipedia",
            "story": CONTEXT,
            "questions": ["Where does it end?"],
            "answers": {"input_text": ["in the Netherlands"], "answer_start": [END], "answer_end": [END + 9]},
        },
        AT_END,
    ),
    "allenai/quac": (
        {
            "dialogue_id": "d",
            "context": f"{CONTEXT} CANNOTANSWER",
            "turn_ids": ["d_q#0"],
            "questions": ["Beyond what?"],
            "answers": {"texts": [["the Alps"]], "answer_starts": [[SECOND]]},
            "orig_answers": {"texts": ["the Alps"], "answer_starts": [SECOND]},
        },
        AT_SECOND,
    ),
}


@pytest.mark.parametrize("id", ROWS)
def test_a_row_as_the_hub_has_it_is_read_with_the_right_places(id, tmp_path):
    row, expected = ROWS[id]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (example,), report = load_examples(path, field_mapping=KNOWN[id].field_mapping)
    answers = example["answers"]
    assert list(zip(answers["text"], answers["answer_start"], strict=True)) == expected
    assert report.rows_dropped == 0 and not report.noticed["located_ambiguous"]


def test_a_question_of_a_dialogue_that_cannot_be_answered_has_no_answer(tmp_path):
    row = ROWS["allenai/quac"][0] | {
        "answers": {"texts": [["CANNOTANSWER"]], "answer_starts": [[len(CONTEXT) + 1]]},
        "orig_answers": {"texts": ["CANNOTANSWER"], "answer_starts": [len(CONTEXT) + 1]},
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (example,), _ = load_examples(path, field_mapping=KNOWN["allenai/quac"].field_mapping)
    assert example["is_impossible"] and not example["answers"]["text"]
