from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.serve.asking import ask_models
from qa_pipeline.serve.demo.answers import (
    AROUND,
    MOST_NAMES,
    documents_html,
    findings_html,
    flowing,
    head_html,
    passage_around,
    percent,
    problem_html,
    sureness,
)
from tests.serve.fakes import HOSTILE, LEAVE, PhraseFinder


class _Seen(HTMLParser):
    """The tags, attributes and text of HTML; fails where a tag is not closed as it was opened."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text, self.open = "", []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


OUR_TAGS = {
    *("article", "bdi", "button", "details", "div", "figcaption", "figure", "h1", "h2", "h3", "header", "i", "li"),
    *("mark", "ol", "p", "q", "span", "summary", "ul"),
}


def shown(question, text=LEAVE, source="", expected=None, roles=(), models=None, pages=()):
    models = models or [PhraseFinder()]
    return findings_html(ask_models(models, question, [Document(text, source, list(pages))]), roles, expected)


def marks(source):
    return [html.unescape(found) for found in re.findall(r"<mark>(.*?)</mark>", source, re.S)]


@pytest.mark.parametrize("place", ["answer", "text", "name", "model", "expected"])
def test_nothing_of_others_becomes_markup(place):
    text = f"{LEAVE} {HOSTILE} end" if place in ("answer", "text") else LEAVE
    question = f"Which: {HOSTILE}" if place == "answer" else "Which: 14 days | a year"
    name = HOSTILE if place == "name" else "a.md"
    model = PhraseFinder(HOSTILE if place == "model" else "finder")
    source = shown(
        question, text, name, HOSTILE if place == "expected" else None, ["Model"] if place == "model" else (), [model]
    )
    seen = _Seen(source)
    assert set(seen.tags) <= OUR_TAGS
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("src", "href")]
    assert HOSTILE in seen.text


def test_problems_heads_and_lists_of_documents_escape_too():
    head = _Seen(head_html(HOSTILE, HOSTILE, HOSTILE))
    listed = _Seen(documents_html([Document("x", HOSTILE)]))
    problem = _Seen(problem_html(HOSTILE))
    for seen in (head, listed, problem):
        assert set(seen.tags) <= OUR_TAGS and HOSTILE in seen.text
    assert head.text.count(HOSTILE) == 3


def test_the_answer_is_marked_where_it_stands():
    source = shown("Which: 14 days | a year")
    assert marks(source) == ["14 days", "14 days", "a year"]  # the answer itself, and each in its text
    figures = re.findall(r"<figure.*?</figure>", source, re.S)
    assert [_Seen(figure).text for figure in figures] == [LEAVE, LEAVE]
    assert [" hidden" in figure for figure in figures] == [False, True]
    assert _Seen(source).attributes.count(("aria-pressed", "true")) == 1


def test_a_single_answer_needs_no_choice():
    assert "<button" not in shown("Which: 14 days")


def test_what_is_not_found_is_said_and_no_guess_is_shown_before_it_is_asked_for():
    source = shown("Which: 14 days", models=[PhraseFinder(sure=0.2, none=0.72)])
    text = _Seen(source).text
    assert "Not found" in text and "Fairly sure (72%) that the answer is not in the text." in text
    assert "Best guesses" in text and marks(source) == ["14 days"]
    assert re.findall(r"<figure[^>]*>", source) == ['<figure class="passage" data-place="0" hidden>']
    assert 'data-said="Not found."' in source


def test_a_threshold_that_decides_against_the_likelihood_is_not_given_a_likelihood():
    text = _Seen(shown("Which: 14 days", models=[PhraseFinder(sure=0.2, none=0.4)])).text
    assert "No answer is sure enough to be given." in text and "40%" not in text


def test_nothing_at_all_is_no_list_of_guesses():
    text = _Seen(shown("Which: zebra")).text
    assert "Not found" in text and "guesses" not in text


def test_file_and_page_are_said():
    text = "First page.\n\nThe notice is 14 days."
    pages = [Page(1, 0, 11), Page(2, 13, len(text))]
    seen = _Seen(shown("Which: 14 days", text, "policies/leave.pdf", pages=pages)).text
    assert "policies/leave.pdf, page 2" in seen


def test_what_the_labels_say_stands_beside_it():
    assert "The data says: 28 days" in _Seen(shown("Which: 14 days", expected="28 days")).text
    assert "The data says: not in the text." in _Seen(shown("Which: 14 days", expected="")).text
    assert "The data says" not in shown("Which: 14 days")


def test_two_models_are_named_and_an_untrained_one_is_called_that():
    base = PhraseFinder("base/model")
    base.head_untrained = True
    source = shown("Which: 14 days", roles=["Model", "Base model"], models=[PhraseFinder("runs/a"), base])
    tuned, untrained = source.split("</article>")[:2]
    assert "Model: runs/a" in _Seen(tuned.partition(">")[2] + "</article>").text and "noise" not in tuned
    assert "Base model: base/model" in untrained and "never trained: what it answers is noise" in untrained


@pytest.mark.parametrize(
    ("confidence", "words", "number"),
    [
        (1.0, "Very sure", "100%"),
        (0.999, "Very sure", "over 99%"),
        (0.9, "Very sure", "90%"),
        (0.89, "Fairly sure", "89%"),
        (0.5, "Unsure", "50%"),
        (0.1, "Very unsure", "10%"),
        (0.004, "Hardly more than a guess", "under 1%"),
        (0.0, "Hardly more than a guess", "0%"),
    ],
)
def test_a_confidence_is_said_in_words_and_as_a_number(confidence, words, number):
    assert (sureness(confidence), percent(confidence)) == (words, number)


@given(st.text("ab \n", min_size=1, max_size=300), st.data(), st.integers(1, 40))
def test_a_passage_holds_its_answer_and_is_no_longer_than_asked_for(text, data, around):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    low, high = passage_around(text, start, end, around)
    assert max(0, start - around) <= low <= start < end <= high <= min(len(text), end + around)
    assert low in (0, start - around) or text[low - 1].isspace()
    assert high in (len(text), end + around) or text[high].isspace()


def test_a_long_text_is_cut_around_each_answer():
    text = "before " * 3000 + "for 14 days then" + " after" * 3000
    source = shown("Which: 14 days", text)
    passage = _Seen(re.search(r"<figure.*?</figure>", source, re.S)[0]).text
    assert "for 14 days then" in passage and passage.startswith("… before") and passage.endswith("after …")
    assert len(passage) < 2 * AROUND + 20


@given(st.text(st.sampled_from("ab \r\n|-あ"), max_size=300))
def test_a_text_that_flows_keeps_its_length_and_its_words(text):
    flown = flowing(text)
    assert len(flown) == len(text) and flown.split() == text.split()


def test_only_lines_that_a_program_broke_flow_on():
    long = "The supplier keeps the records of each delivery for two years"
    assert flowing(f"{long}\nand then deletes them.") == f"{long} and then deletes them."
    assert flowing(f"{long}\r\nand") == f"{long}  and"
    for kept in ("# Leave\nEvery employee", f"{long}\n\nNew paragraph", f"{long}\n- item", f"{long}\n次の行"):
        assert flowing(kept) == kept


def test_what_would_turn_words_around_is_shown_as_a_sign():
    assert "\u202e" not in shown("Which: 14 days", f"\u202e{LEAVE}") and "\ufffd" in shown(
        "Which: 14 days", f"\u202e{LEAVE}"
    )


def test_a_folder_of_many_documents_is_not_listed_to_its_end():
    listed = _Seen(documents_html([Document("abc", f"{number}.md") for number in range(MOST_NAMES + 3)])).text
    assert listed.startswith("203 documents, 609 characters") and listed.endswith("199.mdand 3 others")
