from __future__ import annotations

import pytest

from qa_pipeline.predictor.pipeline import FARTHEST, WordFinder
from tests import tokenizers

CONTEXT = "It was signed by Ada-Mary in Blåbærstad, 1895."


def widened(family: str, context: str, part: str) -> str:
    start = context.index(part)
    begin, end = WordFinder(tokenizers.tokenizer(family)).widen(context, start, start + len(part))
    return context[begin:end]


@pytest.mark.parametrize(
    ("family", "part", "expected"),
    [
        ("bert", "lå", "Blåbærstad"),  # punctuation is a word of its own
        ("bert", "da-Ma", "Ada-Mary"),
        ("bert", "da", "Ada"),
        ("roberta", "lå", "Blåbærstad"),
        ("roberta", "95", "1895"),
        ("xlm_roberta", "lå", "Blåbærstad,"),  # all up to the next space
        ("xlm_roberta", "da", "Ada-Mary"),
        ("deberta_v2", "gned by A", "signed by Ada-Mary"),
    ],
)
def test_answers_are_widened_to_what_the_tokenizer_calls_words(family, part, expected):
    assert widened(family, CONTEXT, part) == expected


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm_roberta", "deberta_v2", "xlnet", "gpt2", "llama"])
def test_words_are_those_of_the_whole_text(family):
    """Compared with the tokenizer's own word numbers of the whole context, which is what the old pipeline asked."""
    tokenizer = tokenizers.tokenizer(family)
    finder = WordFinder(tokenizer)
    context = "The clinic  opens at eight;\tplease bring Müller-Nowak's card (aged 42) for $3.50!\r\nWho?"
    encoding = tokenizer(context, add_special_tokens=False).encodings[0]
    words = {encoding.token_to_word(i) for i in range(len(encoding.ids))}
    if len(words) == 1:
        pytest.skip("this tokenizer takes the whole text for one word")
    for token, (start, end) in enumerate(encoding.offsets):
        text = context[start:end]
        if not text.strip() or end <= start:
            continue
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        begin, stop = encoding.word_to_chars(encoding.token_to_word(token))
        old = context[begin:stop]
        begin, stop = begin + len(old) - len(old.lstrip()), stop - len(old) + len(old.rstrip())
        assert finder.widen(context, start, end) == (min(begin, start), max(stop, end)), context[start:end]


@pytest.mark.parametrize("family", ["bert", "xlm_roberta"])
def test_a_sentence_without_spaces_is_not_one_word(family):
    context = "東京は日本の首都です。" * 20
    assert len(context) > 2 * FARTHEST
    place = 112
    begin, end = WordFinder(tokenizers.tokenizer(family)).widen(context, place, place + 2)
    assert (begin, end) == (place, place + 2)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm_roberta", "deberta_v2"])
@pytest.mark.parametrize(
    ("context", "part", "expected"),
    [
        ("東京は日本の首都です。", "東京", "東京"),
        ("北京是中华人民共和国的首都,历史悠久。", "首都", "首都"),
        ("サービスは2019年にTokyoで始まった。", "oky", "Tokyo"),
        ("กรุงเทพมหานครเป็นเมืองหลวง", "เมือง", "เมือง"),
        ("서울은 대한민국의 수도이다.", "대한민국", "대한민국"),
        ("हिन्दी में लिखा", "हिन्द", "हिन्दी"),
    ],
)
def test_answers_in_scripts_without_spaces_stay_as_they_are(family, context, part, expected):
    assert widened(family, context, part) == expected
