"""Passages follow headings; tables and lists are cut between their rows and items and keep what they go on from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.documents.blocks import DocumentLine, join_lines
from qa_pipeline.documents.markdown import markdown_content
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.text.words import count_words

SENTENCE = "The boats of the harbour pay a fee every year. "


def cut_markdown(text: str, max_words: int = 400) -> list[Passage]:
    content = markdown_content(text, "a.md")
    return cut_document(Document(content.text, "a.md", blocks=content.blocks), max_words)


def outline(passages: list[Passage]) -> list[str]:
    return [" > ".join(passage.headings) for passage in passages]


def test_a_passage_stands_under_the_headings_above_it():
    body = SENTENCE * 6
    text = f"# Rules\n\n{body}\n\n## Fees\n\n{body}\n\n### Boats\n\n{body}\n\n## Hours\n\n{body}\n\n# Contact\n\n{body}"
    passages = cut_markdown(text)
    assert outline(passages) == ["Rules", "Rules > Fees", "Rules > Fees > Boats", "Rules > Hours", "Contact"]
    assert [passage.text.split("\n")[0].strip("# ") for passage in passages] == [p.headings[-1] for p in passages]


def test_headings_without_text_go_with_what_is_below_them():
    assert outline(cut_markdown(f"# Rules\n\n## Fees\n\n### Boats\n\n{SENTENCE * 6}")) == ["Rules > Fees > Boats"]


def test_short_sections_of_one_heading_are_one_passage_and_long_ones_are_not():
    short = "\n\n".join(f"## Part {n}\n\n{SENTENCE}{SENTENCE}" for n in range(4))
    passages = cut_markdown(f"# Rules\n\n{short}\n\n## Long\n\n{SENTENCE * 20}")
    assert outline(passages) == ["Rules", "Rules", "Rules > Long"]
    assert [passage.text.count("Part") for passage in passages] == [2, 2, 0] or passages[0].text.count("Part") >= 2


def test_sections_that_have_nothing_in_common_stay_apart_however_short():
    passages = cut_markdown(f"# Fees\n\n## Boats\n\n{SENTENCE * 2}\n\n# Hours\n\n## Summer\n\n{SENTENCE * 2}")
    assert outline(passages) == ["Fees > Boats", "Hours > Summer"]


def test_a_long_table_is_cut_between_rows_and_each_piece_has_the_header_for_its_lead():
    rows = [f"| Boat {n} | {n} EUR | {n + 1} EUR |" for n in range(60)]
    text = "# Fees\n\n" + "\n".join(["| Craft | Fee | Deposit |", "|---|---|---|", *rows]) + "\n"
    first, *others = cut_markdown(text, 100)
    assert first.lead == "" and "| Craft | Fee | Deposit |" in first.text
    assert others and {passage.lead for passage in others} == {"| Craft | Fee | Deposit |"}
    assert {passage.headings for passage in others} == {("Fees",)}
    lines = [line for passage in (first, *others) for line in passage.text.split("\n")]
    assert [line for line in lines if "Boat" in line] == rows
    sizes = [count_words(passage.reading) for passage in (first, *others)]
    assert max(sizes) <= 100 and min(sizes) > 50  # none is a rest of two rows


@pytest.mark.parametrize("mark", ["- ", "1. "])
def test_a_long_list_is_cut_between_items_and_keeps_the_line_that_leads_it_in(mark):
    items = [f"{mark}part {n} of what is paid for\n  with the fee" for n in range(40)]
    text = "# Fees\n\nThere are fees. The fee of a year covers:\n\n" + "\n".join(items) + "\n\nThat is all there is.\n"
    first, *others = cut_markdown(text, 80)
    assert "covers:" in first.text and first.lead == ""
    assert others[0].lead == "The fee of a year covers:"
    assert all(passage.text.startswith(mark.strip()) for passage in others if passage.lead)
    assert "That is all" in others[-1].text


def test_a_lead_in_is_in_the_passage_of_its_list():
    text = f"# Fees\n\n{SENTENCE * 8}\n\nThe fee covers:\n\n" + "\n".join(f"- thing {n}" for n in range(30))
    passages = cut_markdown(text, 110)
    assert passages[1].text.startswith("The fee covers:") and passages[1].text.endswith("thing 29")


def test_a_place_in_what_a_model_reads_is_a_place_in_the_document():
    rows = "\n".join(f"| Boat {n} | {n} EUR |" for n in range(60))
    text = f"| Craft | Fee |\n|---|---|\n{rows}\n"
    passage = cut_markdown(text, 80)[-1]
    assert passage.reading == f"{passage.lead}\n{passage.text}" and passage.lead == "| Craft | Fee |"
    begin = passage.reading.index("59 EUR")
    start, end = passage.place(begin, begin + 6)
    assert text[start:end] == "59 EUR"
    assert passage.place(2, 7) is None and passage.place(0, len(passage.reading)) is None
    assert Passage("1", "x", "a context of labelled data").place(0, 5) is None
    assert passage.search_text.startswith("| Craft | Fee |\n| Boat")


def test_what_a_passage_is_found_by_names_title_and_headings_once():
    passage = Passage("1", "a.md", "Boats pay.", title="Fees", headings=("Fees", "Boats"), lead="Who pays:")
    assert passage.search_text == "Fees\nBoats\nWho pays:\nBoats pay."


def test_a_sentence_that_goes_on_on_the_next_page_is_not_cut_there():
    first, second = SENTENCE * 3 + "Late payers are fined by", "the harbour master. " + SENTENCE * 3
    text = f"{first}\n\n{second}"
    pages = [Page(1, 0, len(first)), Page(2, len(first) + 2, len(text))]
    passages = cut_document(Document(text, "a.pdf", pages), 40)
    assert not any(passage.text.endswith("fined by") for passage in passages)
    assert any("fined by\n\nthe harbour master." in passage.text for passage in passages)


def test_a_line_that_ends_inside_of_a_sentence_is_no_place_to_cut():
    wrapped = (
        "The harbour master looks at each of the boats of the\nharbour and fines those who have not paid the fee. "
    )
    passages = cut_document(Document(wrapped * 20, "a.txt"), 50)
    assert len(passages) > 2 and all(passage.text.endswith(".") for passage in passages)


LINE = st.one_of(
    st.tuples(st.sampled_from(["Fees", "Opening hours", "Boats and cars"]), st.just("heading"), st.integers(1, 3)),
    st.tuples(
        st.sampled_from([SENTENCE * 3, "Short.", "The fee covers:", "", "東京都の港。" * 20]), st.just(""), st.just(0)
    ),
    st.tuples(st.sampled_from(["Boat | 4 EUR", "Craft | Fee | Deposit", SENTENCE]), st.just("row"), st.just(0)),
    st.tuples(st.just("Craft | Fee"), st.just("header"), st.just(0)),
    st.tuples(st.sampled_from(["an item", SENTENCE * 2]), st.just("item"), st.just(0)),
)


@given(st.lists(LINE, max_size=40), st.integers(8, 120), st.booleans())
@settings(max_examples=150, deadline=None)
def test_passages_hold_all_of_a_document_in_order_and_are_never_too_long(lines, max_words, by_line):
    content = join_lines([DocumentLine(*line) for line in lines])
    document = Document(content.text, "a", blocks=content.blocks, line_is_paragraph=by_line)
    passages = cut_document(document, max_words)
    text, end = document.text, 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        assert not text[end : passage.start].strip()
        assert count_words(passage.reading) <= max_words
        assert passage.lead in text[: passage.start]
        end = passage.end
    assert not text[end:].strip()
    assert passages == cut_document(document, max_words)


def test_a_very_long_paragraph_is_cut_at_once():
    text = SENTENCE * 4000
    passages = cut_document(Document(text, "a.txt"))
    assert len(passages) < 120 and all(passage.text.endswith("year.") for passage in passages)
