"""Alignment: an answer that comes back is always a slice of its context, and the nearest to what was meant."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qa_pipeline.data.alignment import (
    BAD_SPAN,
    EMPTY_ANSWER,
    EMPTY_SPAN,
    INSIDE_WORD,
    NO_TEXT,
    NOT_FOUND,
    Aligned,
    Unaligned,
    align_answer,
)
from qa_pipeline.data.example import LooseAnswer
from qa_pipeline.text.edges import is_whole
from qa_pipeline.text.folding import fold

# Letters, accents (composed and not), ligatures, full width, quotes, dashes, spaces, CJK, Hangul, Arabic, emoji, marks.
ALPHABET = (
    "ab1 AB\t\n\u00a0\u200b\u00ad.,'\"`\u2019\u201c\u201d-\u2013\u2014é\u0301\u0323ßﬁİı中文がｶﾞ가각ـلاﷺ😀\u3000Ａ…½"
)
texts = st.text(alphabet=ALPHABET, max_size=40)


def aligned(context: str, text: str | None, start: int | None = None, end: int | None = None) -> tuple[str, int, str]:
    result = align_answer(context, LooseAnswer(text, start, end))
    assert isinstance(result, Aligned), result
    assert context[result.start : result.start + len(result.text)] == result.text
    return result.text, result.start, result.how


def rejected(context: str, text: str | None, start: int | None = None, end: int | None = None) -> str:
    result = align_answer(context, LooseAnswer(text, start, end))
    assert isinstance(result, Unaligned), result
    return result.reason


@given(
    context=texts, text=st.none() | texts, start=st.none() | st.integers(-3, 60), end=st.none() | st.integers(-3, 60)
)
@settings(max_examples=400, deadline=None)
@example(context="x ﬁ y", text="fi", start=2, end=None)
@example(context="a''b", text="'b", start=1, end=None)
def test_result_is_always_a_slice_with_equal_normalised_text(context, text, start, end):
    result = align_answer(context, LooseAnswer(text, start, end))
    if isinstance(result, Unaligned):
        return
    assert result.text and result.text == result.text.strip()
    assert context[result.start : result.start + len(result.text)] == result.text
    if text is not None and result.how == "tolerant":
        assert any(fold(result.text, keep).text == fold(text, keep).text for keep in (True, False))
    elif text is not None and result.how not in ("unquoted", "without_full_stop"):
        assert result.text == text.strip()
    elif text is not None:
        assert fold(result.text).text in fold(text).text
    else:
        assert result.text == context[start:end].strip()


@given(context=texts.filter(str.strip), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_right_answer_stays_as_it_is(context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    text = context[start:end]
    if text == text.strip():
        assert aligned(context, text, start) == (text, start, "exact")
        assert aligned(context, None, start, end) == (text, start, "exact")
    elif text.strip():
        lead = len(text) - len(text.lstrip())
        assert aligned(context, text, start) == (text.strip(), start + lead, "trimmed")


@given(
    context=st.text("ab ", min_size=1, max_size=30),
    text=st.text("ab", min_size=1, max_size=2),
    start=st.integers(0, 32),
)
@settings(max_examples=300, deadline=None)
def test_moved_answers_go_to_the_nearest_whole_words_and_of_two_to_the_earlier(context, text, start):
    places = [i for i in range(len(context)) if context.startswith(text, i)]
    whole = [place for place in places if place == start or is_whole(context, place, place + len(text))]
    if start in places:
        assert aligned(context, text, start)[1] == start
    elif whole:
        assert aligned(context, text, start)[1] == min(whole, key=lambda place: (abs(place - start), place))
    elif places:  # unless two words make up the text
        result = align_answer(context, LooseAnswer(text, start))
        assert result == Unaligned(INSIDE_WORD) or (isinstance(result, Aligned) and " " in result.text)


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("It was built in 1895.", "1895", 16, ("1895", 16, "exact")),
        ("It was built in 1895.", " 1895 ", 15, ("1895", 16, "trimmed")),
        ("It was built in 1895.", " 1895", 16, ("1895", 16, "trimmed")),
        ("It was built in 1895.", "1895", 14, ("1895", 16, "moved")),
        ("It was built in 1895.", "1895", 10_000, ("1895", 16, "moved")),
        ("cat, dog, cat, dog", "dog", 13, ("dog", 15, "moved")),
        ("Zoë’s café serves tea and tea.", "tea", 22, ("tea", 18, "byte_offset")),
        ("😀😀😀 yes, no, yes, no", "yes", 7, ("yes", 4, "utf16_offset")),
        ("the  quick\nbrown fox", "quick brown", 5, ("quick\nbrown", 5, "tolerant")),
        ("She said “stop—now”.", '"stop-now"', 9, ("“stop—now”", 9, "tolerant")),
        ("The European Union", "european union", 4, ("European Union", 4, "tolerant")),
        ("un cafe\u0301 noir", "café", 3, ("cafe\u0301", 3, "tolerant")),
        ("ﬁnd the ﬂaw", "find the flaw", 0, ("ﬁnd the ﬂaw", 0, "tolerant")),
        ("Straße 5", "STRASSE 5", 0, ("Straße 5", 0, "tolerant")),
        ("price: １２３ yen", "123", 7, ("１２３", 7, "tolerant")),
        ("a co\u00adoperative plan", "cooperative", 2, ("co\u00adoperative", 2, "tolerant")),
        ("they don ’t know", "don't", 5, ("don ’t", 5, "tolerant")),
        ("line one\r\nline two", "one line two", 5, ("one\r\nline two", 5, "tolerant")),
        ("答案是：北京 市。", "北京市", 4, ("北京 市", 4, "tolerant")),
    ],
)
def test_repairs(context, text, start, expected):
    assert aligned(context, text, start) == expected


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("White", "a white kitten", ("white", 21, "tolerant")),  # with a capital it stands outside of the span
        ("white", "a white kitten", ("white", 21, "moved")),
        ("kitten", "a white kitten", ("kitten", 27, "moved")),
        ("barn", "a white kitten", ("barn", 43, "moved")),  # the span does not hold it
        ("kit", "a white kit", None),  # what a span cuts off is no word
        ("white kitten", "a white kitten near his barn", ("white kitten", 21, "moved")),
        ("US", "told us", None),  # a word of another sense, as the rest of the text has capitals
    ],
)
def test_a_text_within_the_span_of_its_source_is_meant_there(text, marked, expected):
    context = "A farmer once kept a white kitten near his barn. White was a colour, she told us, that she liked."
    start = context.index(marked)
    if expected is None:
        assert rejected(context, text, start, start + len(marked)) in (INSIDE_WORD, NOT_FOUND)
    else:
        assert aligned(context, text, start, start + len(marked)) == expected
    assert aligned(context, "White", start) == ("White", context.index("White"), "moved")


def test_tolerant_matches_keep_to_whole_words():
    assert rejected("because of that", "US", 0) == NOT_FOUND
    assert aligned("because of us", "US", 0) == ("us", 11, "tolerant")
    assert rejected("a ﬁne day", "INE", 3) == NOT_FOUND


def test_tolerant_match_takes_the_nearest():
    context = "Red Wine, red  wine, RED WINE"
    assert aligned(context, "red wine", 11) == ("red  wine", 10, "tolerant")
    assert aligned(context, "red wine", 19)[1] == 21
    assert aligned(context, "red wine") == ("Red Wine", 0, "tolerant")


def test_text_alone_is_found_as_whole_words_and_is_ambiguous_where_these_occur_more_than_once():
    assert align_answer("In 2015, 5 people", LooseAnswer("5")) == Aligned("5", 9, "located")
    assert align_answer("In 1815, 5 people", LooseAnswer("1815")) == Aligned("1815", 3, "located")
    assert align_answer("tea, tea", LooseAnswer("tea")) == Aligned("tea", 0, "located", ambiguous=True)
    assert align_answer("Tea, tea  cake, Tea cake", LooseAnswer("tea cake")) == Aligned(
        "tea  cake", 5, "tolerant", ambiguous=True
    )


@pytest.mark.parametrize(
    ("context", "text", "start"),
    [
        ("Guests know the rules", "no", None),
        ("Guests know the rules", "no", 0),
        ("founded in 1957", "1", None),
        ("founded in 1957", "9", 3),
        ("a party", "art", 0),
        ("x2015y", "01", None),
        ("somewhere", "some", -1),
        ("a snake_case name", "case", None),
        ("cafe\u0301s", "cafe", None),
        ("3,100 birds", "3", None),
        ("3,100 birds", "100", 0),
        ("3.5 metres", "3", None),
        ("हिन्दी", "ह", None),
        ("on the 4th floor", "4", None),
        ("CO2 fell", "2", None),
        ("a variable max_len here", "max", None),
    ],
)
def test_what_is_searched_for_is_never_found_inside_a_word_or_a_number(context, text, start):
    assert rejected(context, text, start) == INSIDE_WORD


def test_an_offset_may_point_inside_a_word_and_unspaced_scripts_have_no_words_to_cut():
    assert aligned("The 16th street", "16", 4) == ("16", 4, "exact")
    assert aligned("他三岁学琴", "三") == ("三", 1, "located")
    assert aligned("am 1.1.1957 in Rom", "1957") == ("1957", 7, "located")
    assert aligned("see 2.3.1 there", "3") == ("3", 6, "located")


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("In _Hamlet_ he", "Hamlet"),
        ("5 km² of maps", "5 km"),
        ("the maps¹ of", "maps"),
        ("years 1999,2001.", "1999"),
        ("The bag holds 5kg.", "5"),
        ("rose to 1.5bn there", "1.5"),
    ],
)
def test_units_emphasis_and_footnotes_are_no_part_of_a_word(context, text):
    assert aligned(context, text) == (text, context.index(text), "located")


def test_folding_does_not_change_the_sense():
    assert rejected("The treaty binds us all. The U.S. signed.", "US") == NOT_FOUND
    assert aligned("the treaty binds the us", "US") == ("us", 21, "tolerant")  # a text without capitals
    assert rejected("Goals 1 2 3", "12") == NOT_FOUND


def test_one_letter_is_found_in_its_own_case_alone():
    assert rejected("a gate", "A") == NOT_FOUND
    assert aligned("a gate, gate A", "A") == ("A", 13, "located")


@pytest.mark.parametrize(
    ("context", "text", "start", "ambiguous"),
    [
        ("tea, tea and tea", "tea", 6, False),  # off by one
        ("tea, tea and tea", "tea", 9, True),
        ("tea and cake", "tea", 9, False),  # there only once
        ("Tea, TEA and TeA", "tea", 9, True),
    ],
)
def test_a_moved_answer_is_ambiguous_where_another_may_be_meant(context, text, start, ambiguous):
    result = align_answer(context, LooseAnswer(text, start))
    assert isinstance(result, Aligned) and result.ambiguous is ambiguous


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        ("built in 1984.", "1984.0", ("1984", 9, "whole_number")),
        ("version 4.0 is out", "4.0", ("4.0", 8, "located")),
        ("the risk is very low", '"very low"', ("very low", 12, "unquoted")),
        ("At most six people take part.", "at most six people.", ("At most six people", 0, "without_full_stop")),
        ("It costs 5 euros. Pay here.", "5 euros.", ("5 euros.", 9, "located")),
        ("the risk is very low", "“very low”", ("very low", 12, "unquoted")),
        ('it says "very low"', '"very low"', ('"very low"', 8, "located")),
        ("Smith &amp; Jones pay", "Smith & Jones", ("Smith &amp; Jones", 0, "tolerant")),
        ("the caf&eacute; &#39;Moss&#39;", "café 'Moss'", ("caf&eacute; &#39;Moss&#39;", 4, "tolerant")),
        ("Smith & Jones pay", "Smith &amp; Jones", ("Smith & Jones", 0, "tolerant")),
        ("at 8&nbsp;am", "8 am", ("8&nbsp;am", 3, "tolerant")),
        ("AT&T; and &unknown; here", "unknown", ("unknown", 11, "located")),
    ],
)
def test_what_tables_and_forms_add_to_an_answer_is_left_out(context, text, expected):
    assert aligned(context, text) == expected


def test_spans_without_text():
    assert aligned("one two three", None, 4, 7) == ("two", 4, "exact")
    assert aligned("one two three", None, 3, 8) == ("two", 4, "trimmed")
    assert rejected("one two", None, 4, 99) == BAD_SPAN
    assert rejected("one two", None, 5, 4) == BAD_SPAN
    assert rejected("one two", None, 3, 4) == EMPTY_ANSWER
    assert rejected("one two", None, 0, 0) == EMPTY_ANSWER
    assert rejected("one two", None, 4, 4) == EMPTY_SPAN
    assert rejected("one two", None, 3) == NO_TEXT
    assert rejected("one two", None) == NO_TEXT


def test_what_is_not_there_is_rejected():
    assert rejected("one two", "three", 0) == NOT_FOUND
    assert rejected("one two", " \n", 0) == EMPTY_ANSWER
    assert rejected("one two", "\u200b", 0) == NOT_FOUND
    assert rejected("", "one", 0) == NOT_FOUND


@given(text=texts)
@settings(max_examples=200, deadline=None)
def test_folding_maps_every_slice_back(text):
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert folded.text == folded.text.strip(" ") and "  " not in folded.text
    for begin in range(len(folded.text)):
        for end in range(begin + 1, len(folded.text) + 1):
            span = folded.source_span(begin, end)
            if span is not None:
                assert fold(text[span[0] : span[1]]).text == folded.text[begin:end].strip(" ")


@given(text=st.text(alphabet="aé\u0301\u0323ộｶﾞがßﬁ½가", max_size=12))
@settings(max_examples=200, deadline=None)
def test_unicode_forms_of_one_text_fold_alike(text):
    composed = unicodedata.normalize("NFC", text)
    assert fold(unicodedata.normalize("NFD", composed)).text == fold(composed).text


def test_words_are_whole_only_between_words():
    assert is_whole("a bc d", 2, 4) and is_whole("bc", 0, 2) and is_whole("(bc)", 1, 3)
    assert not is_whole("abc", 1, 3) and not is_whole("bcd", 0, 2)
    assert is_whole("北京市", 0, 2) and is_whole("서울은", 0, 2) and is_whole("ไทยดี", 0, 3)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("a" * 200_000, "A" * 1000),
        ("word " * 100_000 + "Goal\u00a0Post", "goal post"),
        ("ab " * 100_000, "ba " * 1000 + "x"),
    ],
)
def test_long_contexts_take_time_in_proportion(context, text):
    begin = time.perf_counter()
    align_answer(context, LooseAnswer(text, 5))
    assert time.perf_counter() - begin < 5  # a quadratic search takes minutes
