"""The page of docs/browser as a visitor has it: what he asks, sees and cannot break."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser.exporting import with_settings

HOSTILE = '<img src=x onerror="window.hacked = 1"><b>The fee</b> is <i>25 euros</i> & no more.'


@pytest.fixture(scope="module")
def opened(visit, warm):
    """The page with the package's own trained weights, ready."""
    predictor, address = warm
    page = visit(f"?model={address}")
    page.locator("#ask:enabled").wait_for()
    return page, predictor


def ask(page, question, context=None):
    if context is not None:
        page.locator("#context").fill(context)
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    page.locator("#ask:enabled").wait_for()


def test_an_answer_is_shown_with_its_places_and_marked_in_the_text(opened):
    page, predictor = opened
    text = "🙂 Books are lent for 28 days. " + "Nothing else is said here. " * 60 + "The fee is 25 euros."
    ask(page, "How high is the fee?", text)
    answer = next(predictor.predict([{"question": "How high is the fee?", "context": text}]))
    assert page.locator(".best").inner_text() == answer.text == "25 euros"
    about = page.locator(".about").inner_text()
    assert f"characters {answer.start + 1} to {answer.end + 1} (in Python {answer.start} to {answer.end})" in about
    assert f"confidence {100 * answer.confidence:.1f} %" in about
    assert page.locator("#text").inner_text() == text
    mark = page.locator("#text mark")
    assert mark.inner_text() == "25 euros"
    box, inner = page.locator("#text").bounding_box(), mark.bounding_box()
    assert box["y"] <= inner["y"] and inner["y"] + inner["height"] <= box["y"] + box["height"]  # scrolled into view


def test_other_answers_can_be_looked_at(opened):
    page, _ = opened
    ask(page, "How long?", "Books are lent for 28 days, films for 7 days and maps for a year.")
    buttons = page.locator("ol button")
    assert buttons.count() > 1 and buttons.nth(0).get_attribute("aria-pressed") == "true"
    buttons.nth(1).click()
    assert page.locator("#text mark").inner_text() == buttons.nth(1).locator("span").inner_text()
    assert [one.get_attribute("aria-pressed") for one in buttons.all()[:2]] == ["false", "true"]


def test_no_answer_is_said_and_the_best_spans_follow(visit, warm, models):
    address = with_settings(models, "silent", version_2_with_negative=True, null_score_diff_threshold=-1000.0)
    page = visit(f"?model={address}")
    page.locator("#ask:enabled").wait_for()
    ask(page, "Who wrote it?")
    assert page.locator(".best").inner_text() == "No answer in this text"
    assert page.locator("#text mark").count() == 0
    assert page.locator("ol button").nth(0).inner_text().startswith("no answer")
    page.locator("ol button").nth(1).click()
    assert page.locator("#text mark").count() == 1


def test_a_text_stays_text(opened):
    page, _ = opened
    ask(page, "How high is the fee?", HOSTILE)
    assert page.locator("#text").inner_text() == HOSTILE
    assert page.evaluate("window.hacked") is None and page.locator("#found b, #found img").count() == 0


def test_a_text_file_is_opened(opened):
    page, _ = opened
    page.locator("#file").set_input_files(
        {"name": "fees.txt", "mimeType": "text/plain", "buffer": "Für Bücher:\r\n25 euros is the fee.".encode()}
    )
    page.wait_for_function("document.getElementById('context').value.startsWith('Für')")
    ask(page, "How high is the fee?")
    assert page.locator(".best").inner_text() == "25 euros"


def test_a_blank_question_is_refused_and_the_next_one_is_answered(opened):
    page, _ = opened
    ask(page, "  ")
    assert page.locator("#found .problem").inner_text() == "the question is empty; write one"
    ask(page, "How high is the fee?", "The fee is 25 euros.")
    assert page.locator(".best").inner_text() == "25 euros"


FAULTS = {
    "nothing is there": (None, r"export.json cannot be read \(404\); expected a folder that qa-pipeline export"),
    "an OpenVINO folder": (
        {"format": "openvino"},
        "holds a reader of format openvino; a browser needs .*--format onnx",
    ),
    "a newer format": ({"format_version": 2}, r"export.json is of a newer format \(2\) than this page knows"),
    "no model file": ({"model_file": "model.onnx"}, 'model_file is "model.onnx"; expected such as onnx/model.onnx'),
    "a missing model": ({"model_file": "onnx/other.onnx"}, r"the model cannot be loaded \("),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_folder_that_cannot_be_loaded_is_told(name, visit, warm, models):
    changes, message = FAULTS[name]
    address = "models/nowhere/"
    if changes is not None:
        address = with_settings(models, name.replace(" ", "_"))
        record = models.parent / address.replace("models", models.name) / "export.json"
        value = json.loads(record.read_text())
        record.unlink()
        record.write_text(json.dumps({**value, **changes}))
    page = visit(f"?model={address}", faults=["404"])
    page.locator("#state .problem").wait_for()
    assert page.locator("#ask").is_disabled()
    assert re.search(message, page.locator("#state").inner_text())


def test_without_the_libraries_the_page_says_how_to_get_them(site, browser):
    page = browser.new_context().new_page()
    page.route("**/node_modules/**", lambda route: route.fulfill(status=404))
    page.goto(site)
    page.locator("#state .problem").wait_for()
    assert "run npm ci in its folder" in page.locator("#state").inner_text()
    page.context.close()
