"""Examples, texts and comparisons for the tests of this folder."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from qa_pipeline.preprocess import Windows
from tests.tokenizers import TEXTS

LONG = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
LENGTHS = {"max_seq_length": 48, "doc_stride": 8, "max_question_length": 24}
QUESTIONS = ["Who signed it?", "  où est la bibliothèque", "東京は?", "what  did\tAda pay"]


def example(context: str, question: str = "Who?", *golds: tuple[int, int], id: str = "q") -> dict[str, Any]:
    """A canonical row; golds are characters, end exclusive."""
    answers = {"text": [context[a:b] for a, b in golds], "answer_start": [a for a, _ in golds]}
    return {"id": id, "context": context, "question": question, "answers": answers, "is_impossible": not golds}


def find(context: str, text: str) -> tuple[int, int]:
    begin = context.index(text)
    return begin, begin + len(text)


def pair_call(tokenizer: Any, rows: list[dict[str, Any]], max_seq_length: int, doc_stride: int, **options: Any) -> Any:
    return tokenizer(
        [row["question"].lstrip() for row in rows],
        [row["context"] for row in rows],
        truncation="only_second",
        max_length=max_seq_length,
        stride=doc_stride,
        return_overflowing_tokens=True,
        split_special_tokens=True,
        **options,
    )


def assert_same_as_pair_call(windows: Windows, tokenizer: Any, rows: list[dict[str, Any]], **lengths: int) -> None:
    theirs = pair_call(tokenizer, rows, **lengths)
    # Sentencepiece vocabularies hold "<s>" as a word; what a text spells is never a special token.
    special = {*tokenizer.all_special_ids, *(i for i, t in tokenizer.added_tokens_decoder.items() if t.special)}
    unknown = tokenizer.unk_token_id
    expected = [
        [
            unknown if part is not None and token in special and unknown is not None else token
            for token, part in zip(ids, encoding.sequence_ids, strict=True)
        ]
        for ids, encoding in zip(theirs["input_ids"], theirs.encodings, strict=True)
    ]
    assert [item["input_ids"].tolist() for item in windows] == expected
    assert windows.example_index.tolist() == theirs["overflow_to_sample_mapping"]
    assert (windows.token_type_ids is not None) == ("token_type_ids" in theirs)
    if windows.token_type_ids is not None:
        assert [item["token_type_ids"].tolist() for item in windows] == theirs["token_type_ids"]
    for window, encoding in zip(windows, theirs.encodings, strict=True):
        inside = [i for i, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        assert inside == list(range(window["context_begin"], window["context_end"]))


def decode(windows: Windows, index: int, context: str) -> tuple[int, int]:
    """Characters of the labelled span."""
    first = int(windows.offset_begin[index] - windows.context_begin[index])
    begin = windows.offsets[first + windows.start_positions[index], 0]
    end = windows.offsets[first + windows.end_positions[index], 1]
    return int(begin), int(end)


PIECES = st.sampled_from(
    [
        "the",
        " ",
        "  ",
        "\t",
        "\n",
        "clinic",
        "Müller",
        "1895",
        "$3.50",
        "-",
        "...",
        "東京",
        "首都",
        "Где",
        "λιμάνι",
        "كتاب",
    ]
    + [
        "हिन्दी",
        "한국",
        "ประเทศ",
        "🙂",
        "👩‍👩‍👧",
        "e\u0301\u0323",
        "½",
        "ﬁn",
        "\u200b",
        "\u00a0",
        "\u3000",
        "\x00",
        "\x1f",
        "\ufeff",
    ]
    + ["[SEP]", "<s>", "</s>", "▁", "Ġ", "<mask>", "don't", "x" * 120, "a_b", "\r\n", "’", "İ", "ß", "\U0001d400"]
)
RANDOM_TEXT = st.one_of(
    st.lists(PIECES, max_size=25).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)


def many_windows() -> list[dict[str, Any]]:
    context = " ".join(TEXTS) + " " + LONG
    answered = [example(context, "Who?", find(context, word), id=word) for word in ("alpha", "clinic", "kappa")]
    return [*answered, example(context, "Why?", id="impossible")]
