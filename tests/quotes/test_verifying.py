"""Quotations are found where they stand, whatever their spelling, and never with another sense."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.quotes import QuoteSources, verify
from qa_pipeline.text.edges import is_whole

LEASE = (
    "The tenant shall not keep dogs without consent. The deposit of 1,250 euros is due on 3 May 2024.\n"
    "Every tenant must clean the stairs each week, and the landlord pays 40 % of the heating costs. "
    "Smoking is unlawful in the build-\ning [3] and in the US embassy; visitors may stay for at most ten days."
)
GERMAN = "Der Mieter darf keine Hunde halten. Die Kaution beträgt 900 Euro und wird im schönen Mai fällig."
CHINESE = "租户不得在楼内吸烟。押金为900元，应于五月支付。房东每年支付供暖费用的一半。"
SOURCES = QuoteSources([Document(LEASE, "lease.txt"), Document(GERMAN, "miete.txt"), Document(CHINESE, "租约.txt")])


def texts_of(document: str) -> str:
    return next(one.text for one in SOURCES.documents if one.source == document)


@pytest.mark.parametrize(
    ("quote", "repair", "found"),
    [
        ("every tenant must clean", ("case",), "Every tenant must clean"),
        ("due on  3\nMay", ("white_space",), "due on 3 May"),
        ("unlawful in the building", ("hyphenation",), "unlawful in the build-\ning"),
        ("\u201cSmoking is unlawful\u201d", ("quotation_marks",), "Smoking is unlawful"),
        ("The tenant shall not keep dogs.", ("punctuation",), "The tenant shall not keep dogs"),
        ("\uff29n the US embassy", ("unicode", "case"), "in the US embassy"),
        ("deposit ... is due on 3 May", ("ellipsis",), "deposit of 1,250 euros is due on 3 May"),
        ("[the building] and in the US embassy", ("brackets",), "and in the US embassy"),
        ("[E]very tenant must clean", ("brackets",), "Every tenant must clean"),
        (
            "Every tenant must claen the stairs each week",
            ("small_edits",),
            "Every tenant must clean the stairs each week",
        ),
        ("Every tenant must clean stairs each week", ("small_edits",), "Every tenant must clean the stairs each week"),
        ("Die Kaution beträgt\u00a0900 Euro", ("white_space",), "Die Kaution beträgt 900 Euro"),
        ("押金为 900 元", ("white_space",), "押金为900元"),
        ("租户不得……吸烟", ("ellipsis",), "租户不得在楼内吸烟"),
    ],
)
def test_a_quotation_is_found_after_repair_and_all_that_was_needed_is_named(quote, repair, found):
    check = verify(quote, SOURCES)
    assert (check.status, check.found) == ("repaired", found)
    assert check.repair == repair
    assert texts_of(check.document)[check.start : check.end] == found


@pytest.mark.parametrize(
    ("quote", "kind"),
    [
        ("The deposit of 1,260 euros is due", "number"),
        ("The deposit of 1.250 euros is due", "number"),
        ("The deposit of 1,250 dollars is due", "unit"),
        ("is due on 3 June 2024", "number"),
        ("visitors may stay for at most nine days", "number"),
        ("The tenant shall keep dogs without consent", "negation"),
        ("Every tenant must not clean the stairs", "negation"),
        ("Smoking is lawful in the building", "negation"),
        ("The tenant shall ... keep dogs without consent", "negation"),
        ("Every tenant may clean the stairs each week", "limit"),
        ("visitors may stay for ten days", "limit"),
        ("Every landlord must clean the stairs each week", "words"),
        ("and in the UK embassy; visitors may stay", "name"),
        ("the landlord pays 40 of the heating costs", "unit"),
        ("Every tenant [may] clean the stairs each week", "limit"),
        ("landlord pays [half] of the heating costs", "number"),
        ("The tenant shall not keep ... 1,250 euros is due", "splice"),
        ("Der Mieter darf Hunde halten", "negation"),
        ("wird im schonen Mai fällig", "words"),
        ("租户可以在楼内吸烟", "negation"),
        ("押金为800元", "number"),
    ],
)
def test_a_changed_sense_is_not_found_and_what_differs_is_said(quote, kind):
    check = verify(quote, SOURCES)
    assert (check.status, check.found, check.document, check.start) == ("not_found", "", None, None)
    assert kind in [one.kind for one in check.nearest.differs]


def test_a_number_keeps_its_sign_and_its_powers():
    text = "At -10 degrees, from 5-12 hours, 10² cells live."
    assert verify("10 degrees", text).status == "not_found"
    assert verify("-10 degrees", text).status == "verbatim"
    assert verify("12 hours", text).status == "verbatim"
    assert verify("102 cells live", text).status == "not_found"


def test_an_abbreviation_is_no_word_but_a_word_may_be_in_capitals():
    assert verify("and in the us embassy; Visitors", SOURCES).status == "not_found"
    assert verify("and in the us embassy", SOURCES).status == "repaired"
    assert verify("The tenant shall NOT keep dogs", SOURCES).status == "repaired"


def test_words_are_found_whole():
    assert verify("lawful in the", SOURCES).status == "not_found"
    assert verify("250 euros", SOURCES).status == "not_found"
    assert verify("가", "각자").status == "not_found"


@st.composite
def slices(draw) -> tuple[str, int, int]:
    document = draw(st.sampled_from([LEASE, GERMAN, CHINESE]))
    start = draw(st.integers(0, len(document) - 1))
    end = draw(st.integers(start + 1, len(document)))
    text = document[start:end]
    assume(is_whole(document, start, end) and text == text.strip() and any(map(str.isalnum, text)))
    assume(not (text[-1] in "-,." or text[0] in "-,.") and document[start - 1 : start] not in ("-", ",", "."))
    assume("-" not in document[max(0, start - 2) : start] + document[end : end + 1])  # half of a hyphenated word
    return document, start, end


@given(slices())
@settings(max_examples=150, deadline=None)
def test_a_slice_of_a_document_is_verbatim(one):
    document, start, end = one
    check = verify(document[start:end], document)
    assert (check.status, check.found, check.repair, check.similarity) == ("verbatim", document[start:end], (), 1.0)
    assert check.occurrences == 1 or document.count(document[start:end]) > 1
    assert check.start == start or check.occurrences > 1


@given(slices(), st.sampled_from([" ", "\n", "  ", "\t\u00a0"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_slice_with_other_white_space_and_case_is_at_the_same_place(one, space, upper):
    document, start, end = one
    quote = space.join(document[start:end].split())
    quote = quote.upper() if upper else quote
    check = verify(quote, document)
    assert check.is_found
    assert check.start == start or check.occurrences > 1
    assert "".join(check.found.split()).casefold() == "".join(document[start:end].split()).casefold()


@given(st.sampled_from([LEASE, GERMAN, CHINESE]), st.data())
@settings(max_examples=150, deadline=None)
def test_a_slice_with_another_digit_is_never_found(document, data):
    place = data.draw(st.sampled_from([n for n, character in enumerate(document) if character.isdigit()]))
    start, end = data.draw(st.integers(0, place)), data.draw(st.integers(place + 1, len(document)))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != document[place]]))
    quote = document[start:place] + other + document[place + 1 : end]
    # One digit alone may stand elsewhere; "[7]" is a footnote's mark, of which a quotation may have its own.
    assume(quote not in document and document[place - 1] != "[")
    assert verify(quote, document).status == "not_found"


@given(quote=st.text(max_size=60), text=st.text(min_size=1, max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_quoted_and_what_is_found_is_a_slice(quote, text):
    assume(quote.strip())
    check = verify(quote, text)
    if check.is_found:
        assert text[check.start : check.end] == check.found
    if check.nearest:
        assert text[check.nearest.start : check.nearest.end] == check.nearest.text


@pytest.mark.parametrize(
    "quote",
    ["...", "[...]", "[]", "[[[[", "…" * 500, "a" * 100_000, "\ud800", "\x00", "a b " * 5000, "(" * 3000, "&#0;"],
)
def test_hostile_quotations_end_in_a_verdict(quote):
    assert verify(quote, SOURCES).status in ("verbatim", "repaired", "not_found")


def test_a_long_quotation_is_found_with_another_spelling_and_else_says_that_it_is_long():
    words = " ".join(f"word{number} goes" for number in range(1500))
    assert verify(words.upper(), words).status == "repaired"
    check = verify(words.replace("word7 ", "word8 "), words)
    assert check.status == "not_found" and "more than 2,000 words" in check.note


def test_the_named_source_is_looked_in_first_and_another_is_misattributed():
    sources = QuoteSources(
        [Document("Pay the fee.", "a/one.md"), Document("pay  the fee now", "two.pdf", [Page(4, 0, 16)])]
    )
    assert (verify("Pay the fee", sources, source="two").document, verify("Pay the fee", sources).document) == (
        "two.pdf",
        "a/one.md",
    )
    check = verify("the fee now", sources, source="ONE.md")
    assert (check.status, check.document, check.page, check.misattributed) == ("verbatim", "two.pdf", 4, True)
    check = verify("the fee now", sources, source="three.md")
    assert check.misattributed and check.note == 'no document is called "three.md"'


def test_occurrences_are_counted_in_the_document():
    assert verify("no fee", ["no fee, no fee and No fee", "no fee"]).occurrences == 2


def test_small_edits_are_bounded_by_similarity_and_number():
    quote = "Every tenant must claen the stairs each week"
    assert [str(edit) for edit in verify(quote, SOURCES).edits] == ['"claen" for "clean" (typo)']
    check = verify(quote, SOURCES, min_similarity=1)
    assert check.status == "not_found" and check.nearest.similarity < 1
    check = verify("Evry tenantt must claen the stairs each week", SOURCES)
    assert check.status == "not_found" and "length" in [one.kind for one in check.nearest.differs]


def test_several_quotations_and_paths(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "lease.txt").write_text(LEASE, encoding="utf-8")
    checks = verify(["Smoking is unlawful", "nothing like it"], tmp_path)
    assert [check.status for check in checks] == ["verbatim", "not_found"]
    assert checks[0].document == "rules/lease.txt" and checks[1].nearest is None


@pytest.mark.parametrize(
    ("quote", "sources", "message"),
    [
        (" ", LEASE, "quote: expected the words that are quoted"),
        (["fine", 3], LEASE, "quote 1: expected the words"),
        (7, LEASE, "quote: expected a text or several, found int 7"),
        ("fine", [], "sources: none was given"),
        ("fine", [3], "source 0: expected a text, a Document, or a pathlib.Path"),
        ("fine", 3, "sources: expected a text, a Document"),
    ],
)
def test_what_cannot_be_verified_is_said(quote, sources, message):
    with pytest.raises(DataError, match=message):
        verify(quote, sources)


def test_the_similarity_is_a_share():
    with pytest.raises(ConfigError, match="min_similarity: expected a number from 0 to 1, found int 2"):
        verify("fine", LEASE, min_similarity=2)


def test_a_quotation_of_words_picked_one_by_one_says_so():
    check = verify("The tenant ... floor ... week", "The tenant shall sweep the floor of the hall each week.")
    assert check.status == "not_found"
    assert [one.kind for one in check.nearest.differs] == ["pieces"]
    assert str(check.nearest.differs[0]).startswith("dots leave pieces of fewer than three words on average")
