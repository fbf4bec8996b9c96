from __future__ import annotations

from qa_pipeline.data.example import fingerprint


def example(**changes):
    row = {"id": "1", "context": "a b", "question": "q", "is_impossible": False}
    return row | {"answers": {"text": ["a"], "answer_start": [0]}} | changes


def test_the_fingerprint_follows_every_field_and_the_order():
    base = [example(), example(id="2")]
    variants = [
        [example(id="3"), example(id="2")],
        [example(context="a c"), example(id="2")],
        [example(question="r"), example(id="2")],
        [example(answers={"text": ["b"], "answer_start": [2]}), example(id="2")],
        base[::-1],
    ]
    prints = {fingerprint(rows) for rows in [base, *variants]}
    assert len(prints) == 6
    assert fingerprint(base) == fingerprint([dict(row) for row in base])
