"""The page in headless Chromium: marking by mouse and by keys, two people at once, a killed server, any text.

Needs the fastapi and playwright packages and a Chromium or Chrome of the system; skips without.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.compare.test_report_in_browser import _CONTRAST
from tests.serve.label.conftest import FEES, HOURS, rows_of

pytest.importorskip("fastapi")

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> ${window.hacked=1} & \' `'
HEBREW = "\u05d4\u05e1\u05d9\u05e8\u05d4 \u05e2\u05d5\u05dc\u05d4 40 \u05e9\u05e7\u05dc."
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.fixture
def serve(make_project):
    """Serves a project in this process, and gives it with its address."""
    import uvicorn

    from qa_pipeline.serve.label.app import build_label_app

    with contextlib.ExitStack() as stack:

        def start(*args, **options):
            project = make_project(*args, **options)
            server = uvicorn.Server(uvicorn.Config(build_label_app(project), port=0, log_level="warning"))
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()

            def stop():
                server.should_exit = True
                thread.join(30)

            stack.callback(stop)
            while not server.started:
                thread.join(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            return project, f"http://127.0.0.1:{port}"

        yield start


@pytest.fixture
def show(browser):
    """Opens the page; what it requests must be of this machine, and nothing may fail in it."""
    opened = []

    def _show(url, name="Ada", width=1280, scheme="light", fails=False, touch=False):
        screen = {"width": width, "height": 860}
        context = browser.new_context(viewport=screen, color_scheme=scheme, has_touch=touch)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        if not fails:
            page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        opened.append((context, page, url))
        page.goto(f"{url}/?name={name}")
        page.locator(".card").first.wait_for()
        return page

    yield _show
    for context, page, url in opened:
        context.close()
        assert [one for one in page.requests if not one.startswith((url, "data:"))] == []
        assert page.errors == []


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def until(page, expression):
    """Waits until something holds in the page; Playwright's own way needs what its policy forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} does not come to hold")


def decide(page, key="a"):
    """Presses a key that decides, and waits until it is kept."""
    with page.expect_response(lambda reply: reply.url.endswith("/api/decide")) as reply:
        page.keyboard.press(key)
    until(page, "!busy")
    return reply.value.json()["item"]


def drag(page, first, last, **held):
    """Drags the mouse from inside the first occurrence of some characters to inside that of others."""
    places = page.evaluate(
        """([first, last]) => {
          const walker = document.createTreeWalker(document.querySelector('#text'), NodeFilter.SHOW_TEXT);
          const find = (words, end) => {
            walker.currentNode = walker.root;
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
              const at = node.data.indexOf(words);
              if (at < 0) continue;
              const range = document.createRange();
              range.setStart(node, at); range.setEnd(node, at + words.length);
              const boxes = [...range.getClientRects()], box = end ? boxes.at(-1) : boxes[0];
              return [end ? box.right - 1 : box.left + 1, box.top + box.height / 2];
            }
          };
          return [find(first, false), find(last, true)];
        }""",
        [first, last],
    )
    for key in held:
        page.keyboard.down(key)
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()
    for key in held:
        page.keyboard.up(key)
    page.wait_for_timeout(50)


def marked(page):
    found = page.locator("#text mark")
    return found.text_content() if found.count() else None


def ask_own(page, question):
    press(page, "n")
    page.keyboard.insert_text(question)
    press(page, "Enter")


def test_the_mouse_marks_whole_words_and_the_row_has_their_characters(serve, show):
    project, url = serve((FEES,), questions=0)
    page = show(url)
    ask_own(page, "Who built the mill?")
    drag(page, "na Be", "rg b")
    assert marked(page) == "Anna Berg built"
    drag(page, "nna Berg", "nna Ber")
    assert marked(page) == "Anna Berg"
    item = decide(page)
    row = rows_of(project.store.path)[item["id"]]
    assert row["question"] == "Who built the mill?"
    assert row["answers"] == [{"text": "Anna Berg", "answer_start": FEES.index("Anna")}]
    assert page.locator("#counts").text_content().startswith("1 labelled")


def test_alt_marks_characters_and_a_click_marks_a_word_that_shift_extends(serve, show):
    _, url = serve((FEES,), questions=0)
    page = show(url)
    ask_own(page, "Which?")
    drag(page, "0 euro", "0 euro", Alt=True)
    assert marked(page) == "0 euro"
    box = page.locator("#text").bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + 14)
    assert marked(page) == "The"
    page.keyboard.down("Shift")
    page.mouse.click(box["x"] + 48, box["y"] + 14)
    page.keyboard.up("Shift")
    page.wait_for_timeout(50)
    assert marked(page) == "The boat"


def test_a_tap_marks_a_word_and_buttons_extend_it(serve, show):
    _, url = serve((FEES,), questions=0)
    page = show(url, width=390, touch=True)
    page.locator("#new").tap()
    page.locator(".now textarea").fill("Which?")
    box = page.locator("#text").bounding_box()
    page.touchscreen.tap(box["x"] + 10, box["y"] + 14)
    until(page, "document.querySelector('#text mark')?.textContent === 'The'")
    page.get_by_role("button", name="End a word later").tap()
    assert marked(page) == "The boat"
    page.locator("#accept").tap()
    page.get_by_text("1 labelled").wait_for()


def test_everything_can_be_done_with_keys_alone(serve, show):
    project, url = serve((FEES,), questions=4, unanswerable_fraction=0.0)
    page = show(url)
    first = page.locator(".now h3").text_content()
    assert decide(page, "a")["decision"]["verdict"] == "accepted"
    before = marked(page)
    press(page, "ArrowRight")
    assert marked(page) != before and marked(page).startswith(before)
    press(page, "ArrowLeft", "Shift+ArrowLeft")
    assert marked(page) != before and marked(page).endswith(before)
    press(page, "Shift+ArrowRight", "Alt+ArrowRight")
    assert len(marked(page)) == len(before) + 1
    press(page, "Alt+ArrowLeft", "w")
    assert " " not in marked(page) and marked(page) != before
    press(page, "b", "Escape")
    assert marked(page) == before
    press(page, "/")
    page.keyboard.insert_text("MILL of nor")
    press(page, "Enter")
    assert marked(page) == "mill of Norby"
    assert decide(page, "a")["decision"]["verdict"] == "corrected"
    assert decide(page, "u")["decision"]["start"] is None
    press(page, "e", "Control+a")
    page.keyboard.insert_text("When was it sold?")
    press(page, "Enter")
    assert decide(page, "r")["decision"]["verdict"] == "rejected"
    press(page, "k", "k", "k", "k")
    until(page, "!busy")
    assert page.locator(".now h3").text_content() == first
    press(page, "z")
    until(page, "document.querySelector('#said').textContent.startsWith('Taken back')")
    assert "2 labelled" not in page.locator("#said").text_content()
    press(page, "?")
    assert page.locator("#help").is_visible()
    press(page, "Escape")
    press(page, "g")
    page.locator("#list-rows button").first.wait_for()
    assert page.locator("#list-rows button").count() == 3
    page.locator("#list-rows button").last.focus()
    press(page, "Enter")
    until(page, "!document.querySelector('#list').open && !busy")
    assert page.locator(".now h3").text_content() == first
    ask_own(page, "Who sold it?")
    press(page, "w", "w")
    decide(page, "a")
    assert len(rows_of(project.store.path)) == 4
    assert project.store.decisions == 6


def test_an_own_question_needs_a_mark_or_is_unanswerable(serve, show):
    project, url = serve((FEES,), questions=0)
    page = show(url)
    ask_own(page, "Who painted it?")
    press(page, "a")
    page.get_by_text("Nothing is marked yet.").wait_for()
    assert project.store.decisions == 0
    decide(page, "u")
    (row,) = rows_of(project.store.path).values()
    assert row["is_impossible"] and row["question"] == "Who painted it?"


def test_two_people_see_each_other_and_lose_nothing(serve, show):
    project, url = serve((FEES, HOURS))
    ada, ben = show(url, "Ada"), show(url, "Ben")
    assert ada.locator("#place").text_content() != ben.locator("#place").text_content()
    for page in (ada, ben, ada, ben):
        decide(page)
    people = {row["metadata"]["labelled_by"] for row in rows_of(project.store.path).values()}
    assert len(rows_of(project.store.path)) == 4 and people == {"Ada", "Ben"}
    place = ada.evaluate("work.passage.id")
    ben.evaluate("place => doing(() => openPassage(place))", place)
    ben.get_by_text("Ada is at this passage too.").wait_for()


def test_what_two_decide_differently_is_shown_and_settled(serve, show):
    project, url = serve((FEES,))
    ada, ben = show(url, "Ada"), show(url, "Ben")
    place = ada.evaluate("work.passage.id")
    ben.evaluate("place => doing(() => openPassage(place))", place)
    ben.get_by_text("Ada is at this passage too.").wait_for()
    item = decide(ada)
    ben.evaluate("id => pick(id)", item["id"])
    ben.evaluate("seen = 0")  # as before the page looked again
    ben.evaluate("setMark({start: 0, end: 3})")
    assert len(decide(ben)["rivals"]) == 1
    ben.locator(".dispute-box").wait_for()
    ada.get_by_text("disputed").first.wait_for()
    assert rows_of(project.store.path)[item["id"]]["metadata"]["disputed"][0]["labelled_by"] == "Ben"
    ben.locator(".dispute-box button").first.click()
    assert decide(ben)["rivals"] == []
    assert "disputed" not in rows_of(project.store.path)[item["id"]]["metadata"]


@pytest.mark.parametrize(
    ("text", "words", "direction"),
    [
        (
            f"\U0001f6a4 Boats {FAMILY} cost cafe\u0301s 40 \u20ac.\r\nThey are lent.",
            f"{FAMILY} cost cafe\u0301s 40",
            "ltr",
        ),
        (
            "\u05d4\u05e1\u05d9\u05e8\u05d4 \u05e2\u05d5\u05dc\u05d4 40 \u05e9\u05e7\u05dc \u05dc\u05d9\u05d5\u05dd.",
            "40 \u05e9\u05e7\u05dc",
            "rtl",
        ),
        ("\u8bb0\u5f55\u4fdd\u5b58\u4e5d\u5341\u5929\uff0c\u7136\u540e\u5220\u9664\u3002", "\u4e5d\u5341\u5929", "ltr"),
        (f"Line one\r\n\r\n  indented {HOSTILE} end", HOSTILE, "ltr"),
    ],
    ids=["emoji", "hebrew", "chinese", "markup"],
)
def test_marks_of_any_text_are_its_own_characters(serve, show, text, words, direction):
    project, url = serve((text,), questions=0)
    page = show(url)
    assert page.locator("#text").evaluate("node => node.textContent") == text
    assert page.locator("#text").evaluate("node => getComputedStyle(node).direction") == direction
    ask_own(page, f"Which? {HOSTILE}")
    press(page, "/")
    page.keyboard.insert_text(words)
    press(page, "Enter")
    item = decide(page)
    row = rows_of(project.store.path)[item["id"]]
    start = row["answers"][0]["answer_start"]
    assert row["context"] == text and text[start : start + len(row["answers"][0]["text"])] == row["answers"][0]["text"]
    assert row["answers"][0]["text"].strip(" .'`") == words.strip(" .'`") and row["question"] == f"Which? {HOSTILE}"
    page.reload()
    page.locator(".card").first.wait_for()
    assert page.evaluate("window.hacked") is None and page.locator("main img, main script").count() == 0


def test_the_arrow_keys_follow_the_direction_of_the_text(serve, show):
    _, url = serve((HEBREW,), questions=0)
    page = show(url)
    ask_own(page, "Which?")
    press(page, "w", "ArrowLeft")
    assert marked(page) == "\u05d4\u05e1\u05d9\u05e8\u05d4 \u05e2\u05d5\u05dc\u05d4"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_nothing_sticks_out_and_everything_is_readable(serve, show, width, scheme):
    _, url = serve((FEES, "x" * 900 + " is long."))
    page = show(url, width=width, scheme=scheme)
    seen = ["h1", "#counts", "#place", "#place-detail", "#text", "#text mark", ".now h3", ".sure", "#accept"]
    seen += ["#reject", "#questions .badge", "footer", ".tool span", "kbd"]
    for selector in seen:
        assert page.locator(selector).first.evaluate(_CONTRAST) >= 4.5, selector
    decide(page, "r")
    assert page.locator(".badge.reject").first.evaluate(_CONTRAST) >= 4.5
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    press(page, "J")
    until(page, "!busy")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    press(page, "g")
    page.locator("#list-rows button").first.wait_for()
    inside = page.locator("#list").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert inside and page.locator("#list small").first.evaluate(_CONTRAST) >= 4.5


def test_every_control_has_a_name_and_the_page_speaks(serve, show):
    _, url = serve((FEES,))
    page = show(url)
    for name in (
        "Accept",
        "Unanswerable here",
        "Reject question",
        "New question",
        "Undo",
        "Next passage",
        "Start a word earlier",
    ):
        assert page.get_by_role("button", name=re.compile(name)).first.is_visible(), name
    for label in ("Your name", "Documents"):
        assert page.get_by_label(label).first.is_visible(), label
    assert page.locator("#said").get_attribute("aria-live") == "polite"
    decide(page)
    assert page.get_by_role("status").filter(has_text="Kept: ").count() == 1


def test_documents_can_be_filtered(serve, show):
    _, url = serve((FEES, HOURS))
    page = show(url)
    page.locator("#document").select_option("document1.md")
    until(page, "work.passage?.document === 'document1.md'")
    assert page.locator("#text").text_content() == HOURS


def start_command(folder, port=None):
    command = [sys.executable, "-m", "qa_pipeline", "label", str(folder / "fees.md"), "--output"]
    command += [str(folder / "labels.json"), *(["--port", str(port)] if port else [])]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[2]


def test_a_server_that_is_killed_loses_nothing_and_the_open_page_goes_on(show, tmp_path):
    (tmp_path / "fees.md").write_text(FEES)
    process, url = start_command(tmp_path)
    try:
        page = show(url, fails=True)
        first = decide(page)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert first["id"] in rows_of(tmp_path / "labels.json")
        press(page, "u")
        page.get_by_text("The server cannot be reached").wait_for()
        process, again = start_command(tmp_path, url.rsplit(":", 1)[1])
        assert again == url
        until(page, "!busy && document.querySelector('#trouble').hidden")
        page.get_by_text("2 labelled").wait_for()
        rows = rows_of(tmp_path / "labels.json")
        assert len(rows) == 2 and sum(row["is_impossible"] for row in rows.values()) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(30)
