"""The page in headless Chromium, wide and narrow, light and dark: what a visitor does, sees and cannot break.

Needs the gradio and playwright packages and a Chromium or Chrome of the system; skips without.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.compare.test_report_in_browser import _CONTRAST
from tests.serve.conftest import serving
from tests.serve.fakes import HOSTILE, LEAVE, PhraseFinder

SIZES = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
LONG = "before the answer. " * 400 + "The records are kept for 90 days. " + "after the answer. " * 400 + "Then 5 days."


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of one model with questions to try; the first has an answer, the second has none."""
    answers = [{"text": "28 days", "answer_start": LEAVE.index("28")}]
    qas = [
        {"id": "1", "question": "Which: 14 days | a year", "answers": answers},
        {"id": "2", "question": "Which: zebra", "answers": [], "is_impossible": True},
        {"id": "3", "question": f"Which: {HOSTILE}", "answers": [], "is_impossible": True},
    ]
    file = tmp_path_factory.mktemp("data") / "test.json"
    file.write_text(json.dumps({"data": [{"title": "t", "paragraphs": [{"context": LEAVE, "qas": qas}]}]}))
    with serving(PhraseFinder("runs/policies"), examples=str(file)) as url:
        yield url


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A page of two models with a folder of documents, of which one has a name that is markup."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "leave.md").write_text(LEAVE)
    (folder / "<img src=x onerror=window.hacked=1>.md").write_text("It is kept for 90 days.")
    base = PhraseFinder("<b>base</b>", sure=0.2, none=0.7)
    with serving(PhraseFinder(f"runs/{'policies' * 12}"), base, documents=folder) as url:
        yield url


@pytest.fixture
def show(browser):
    """Opens a page; what it requests must be of this machine, and nothing may fail in it."""
    opened = []

    def _show(url, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        opened.append((context, page, url))
        page.goto(url)
        page.locator("#question textarea").wait_for()
        return page

    yield _show
    for context, page, url in opened:
        context.close()
        assert [one for one in page.requests if not one.startswith((url, "data:", "blob:"))] == []
        assert page.errors == []


def ask(page, question, text=None):
    if text is not None:
        page.locator("#text textarea").fill(text)
    page.locator("#question textarea").fill(question)
    page.locator("#button").click()
    page.locator("#found .findings, #found .problem").first.wait_for()


def in_view(page, card=0):
    """The text that is marked in the passage that is shown, if a visitor sees it there."""
    return page.evaluate(
        """(card) => {
          const box = document.querySelectorAll('.card')[card].querySelector('.passage:not([hidden]) .text');
          const mark = box.querySelector('mark').getBoundingClientRect(), around = box.getBoundingClientRect();
          return mark.top >= around.top && mark.bottom <= around.bottom ? box.querySelector('mark').textContent : null;
        }""",
        card,
    )


def wait_until_in_view(page, text):
    for _ in range(100):
        if in_view(page) == text:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{text} is not marked in view; {in_view(page)} is")


def test_a_visitor_asks_by_keyboard_alone_and_hears_the_answer(show, address):
    page = show(address)
    page.locator("#question textarea").focus()
    page.keyboard.type("Which: 14 days | a year")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "radio"
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
    page.keyboard.insert_text(LEAVE)
    page.locator("#question textarea").focus()
    page.keyboard.press("Enter")
    page.locator(".findings").wait_for()
    wait_until_in_view(page, "14 days")
    assert page.get_by_role("status").filter(has_text="Answer: 14 days. Unsure.").count() == 1
    page.locator(".passage:not([hidden]) .text").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_until_in_view(page, "a year")


def test_fields_have_labels_and_the_page_has_a_title_and_one_heading(show, address):
    page = show(address)
    assert page.title() == "Ask runs/policies"
    assert page.locator("h1").all_text_contents() == ["Ask runs/policies"]
    for label in ("Question", "A text", "Files"):
        assert page.get_by_label(label, exact=True).first.is_visible(), label
    assert page.get_by_role("textbox", name="Text Paste what may hold the answer").is_visible()
    assert page.get_by_role("button", name="Ask", exact=True).is_visible()


def test_the_description_of_the_endpoint_is_of_this_machine_too(show, address):
    page = show(address)
    page.get_by_role("button", name="Use via API").click()
    page.get_by_text("API documentation").wait_for()
    page.get_by_text("Where `found` is false").first.wait_for()
    # Gradio looks whether there is an MCP server and a monitor; there is neither.
    assert all("Failed to load resource" in text for text in page.errors)
    page.errors.clear()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_nothing_sticks_out_and_everything_is_readable(show, address, width, scheme):
    page = show(address, width, scheme)
    seen = ["h1", ".head p", "#found .hint", "#button", "#question label span", "#where label span", "#examples button"]
    for selector in seen:
        assert page.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector
    ask(page, "Which: 14 days | a year", LEAVE)
    wait_until_in_view(page, "14 days")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    seen = [".answer mark", ".sure span:last-child", ".passage .text", ".passage mark", ".choices .words", ".seconds"]
    for selector in (*seen, ".choices .about", ".card h3"):
        assert page.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector
    page.locator("#question textarea").fill("")
    page.locator("#button").click()
    page.locator(".problem p").wait_for()
    assert page.locator(".problem p").evaluate(_CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [1280, 390])
def test_a_long_text_is_shown_where_its_answer_is_and_each_candidate_can_be_seen(show, address, width):
    page = show(address, width)
    ask(page, "Which: 90 days | 5 days", LONG)
    wait_until_in_view(page, "90 days")
    assert page.locator(".answer").text_content() == "90 days"
    assert page.locator(".sure").text_content() == "Unsure (60%)"
    top = page.locator("#found").evaluate("node => node.getBoundingClientRect().top")
    assert top < 900  # on a phone the page has moved to it
    second = page.locator(".choices button").nth(1)
    second.click()
    wait_until_in_view(page, "5 days")
    assert second.get_attribute("aria-pressed") == "true"
    assert page.locator('.choices [aria-pressed="true"]').count() == 1
    page.locator(".choices button").first.click()
    wait_until_in_view(page, "90 days")


def test_nothing_of_a_visitor_or_of_the_data_becomes_markup(show, address):
    page = show(address)
    ask(page, f"Which: {HOSTILE} | 14 days", f"{LEAVE} {HOSTILE} end")
    wait_until_in_view(page, HOSTILE)
    assert page.locator(".passage:not([hidden]) .text").text_content() == f"{LEAVE} {HOSTILE} end"
    page.locator("#examples button").nth(2).click()
    page.locator(".answer.none").wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#found img, #found script, #examples img, h1 img").count() == 0


def test_a_question_to_try_is_asked_at_once_with_its_label_beside_it(show, address):
    page = show(address)
    page.locator("#examples button").first.click()
    page.locator(".expected").wait_for()
    assert page.locator(".expected").text_content() == "The data says: 28 days"
    assert page.locator("#question textarea").input_value() == "Which: 14 days | a year"
    assert page.locator("#text textarea").input_value() == LEAVE
    page.locator("#examples button").nth(1).click()
    page.locator(".answer.none").wait_for()
    assert "Not found" in page.locator(".card").text_content()
    assert page.locator(".expected").text_content() == "The data says: not in the text."


def test_files_are_asked_and_one_that_cannot_be_read_is_said_in_words(show, address, tmp_path):
    import docx

    word = docx.Document()
    word.add_paragraph("The notice period is 90 days.")
    word.save(tmp_path / "notice of <leave>.docx")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    page = show(address, 390)
    page.get_by_label("Files", exact=True).check()
    chooser = page.locator("#files input[type=file]")
    chooser.set_input_files(tmp_path / "notice of <leave>.docx")
    page.locator("#files").get_by_text("docx").last.wait_for()
    ask(page, "Which: 90 days")
    wait_until_in_view(page, "90 days")
    assert re.fullmatch(r"notice of .*leave.*\.docx", page.locator(".passage figcaption").first.text_content())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.reload()
    page.get_by_label("Files", exact=True).check()
    chooser.set_input_files(tmp_path / "broken.pdf")
    page.locator("#files").get_by_text("broken").last.wait_for()
    ask(page, "Which: 90 days")
    said = page.locator(".problem").text_content()
    assert said.startswith("broken.pdf: ") and str(tmp_path) not in said and "Traceback" not in said


def test_what_is_missing_is_said_in_words(show, address):
    page = show(address)
    page.locator("#button").click()
    page.locator(".problem").wait_for()
    assert page.locator(".problem").text_content() == "There is no question yet. Type one, then press Ask."
    assert page.locator(".problem").get_attribute("role") == "alert"
    ask(page, "Which: 14 days", " ")
    page.get_by_text("There is no text to search yet.").wait_for()
    ask(page, "fault: x", LEAVE)
    page.get_by_text("fault in the program: KeyError").wait_for()
    assert "Traceback" not in page.locator("body").text_content()


@pytest.mark.parametrize(
    ("text", "answer", "direction"),
    [
        ("تُحفظ السجلات لمدة تسعين يومًا. ثم تُحذف بعد ذلك من الخادم (the server).", "تسعين يومًا", "rtl"),
        ("הרשומות נשמרות במשך תשעים יום. אחר כך הן נמחקות.", "תשעים יום", "rtl"),
        ("记录保存九十天，然后删除。" * 30, "九十天", "ltr"),
        ("記録は九十日間保管されます。" * 30, "九十日間", "ltr"),
        ("x" * 400 + " kept for " + "y" * 300, "y" * 300, "ltr"),
    ],
    ids=["arabic", "hebrew", "chinese", "japanese", "long words"],
)
def test_texts_of_other_scripts_and_words_without_end_fit_a_phone(show, address, text, answer, direction):
    page = show(address, 390)
    ask(page, f"?: {answer}", text)
    page.locator(".answer").wait_for()
    assert page.locator(".answer").text_content() == answer
    assert page.locator(".passage .text").first.text_content() == text
    assert page.locator(".passage .text").first.evaluate("node => getComputedStyle(node).direction") == direction
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = "node => node.scrollWidth <= node.clientWidth + 1"
    for selector in (".card", ".passage .text", ".answer"):
        assert page.locator(selector).first.evaluate(inside), selector


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_two_models_stand_side_by_side_or_below_each_other(show, pair, width, scheme):
    page = show(pair, width, scheme)
    ask(page, "How long is it kept for: 90 days | 28 days")
    page.locator(".card").nth(1).wait_for()
    boxes = [page.locator(".card").nth(place).bounding_box() for place in (0, 1)]
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width == 1280)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tuned, base = (page.locator(".card").nth(place) for place in (0, 1))
    assert base.locator(".answer").text_content() == "Not found"
    assert base.locator("h2").text_content() == "Base model: <b>base</b>"
    assert tuned.locator("figcaption").first.text_content() == "<img src=x onerror=window.hacked=1>.md"
    base.locator(".choices button").first.click()
    assert in_view(page, 1) == "90 days" and in_view(page, 0) == "90 days"
    page.locator(".documents summary").click()
    assert page.locator(".documents li").all_text_contents() == ["<img src=x onerror=window.hacked=1>.md", "leave.md"]
    assert page.evaluate("window.hacked") is None
    for selector in (".card h2", ".answer.none", ".documents summary"):
        assert page.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector
