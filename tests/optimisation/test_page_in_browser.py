"""The page of a search in headless Chromium: no request, nothing wider than the window, light and dark.

Needs the playwright package and a Chromium or Chrome of the system; skips without.
"""

from __future__ import annotations

import pytest

from qa_pipeline.optimisation.page import page_of
from tests.journey.test_report_in_browser import CONTRASTS, LONG, WIDER
from tests.optimisation.made_page import HOSTILE, write_folder

KINDS = [
    *("h1", ".about", ".figure h3", ".figure p", ".lead", ".cautions li", ".facts dt", ".panel figcaption p"),
    *(".diff .same", ".diff del", ".diff ins", "td", ".legend li", "footer p"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("page"), f"{HOSTILE} {LONG}")
    path = folder / "report.html"
    path.write_text(page_of(folder), encoding="utf-8")
    return path


@pytest.fixture
def show(browser, file):
    """Opens the page; holds that nothing was fetched and nothing went wrong."""
    opened = []

    def _show(width, scheme):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.goto(file.as_uri())
        opened.append((context, page))
        return page

    yield _show
    for context, page in opened:
        assert page.requests == [file.as_uri()] and page.errors == []
        context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_window(show, width):
    page = show(width, "light")
    page.locator("details").evaluate_all("nodes => nodes.forEach(node => node.open = true)")
    assert page.evaluate(WIDER) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(show, scheme):
    ratios = show(1280, scheme).evaluate(CONTRASTS, KINDS)
    assert {what: ratio for what, ratio in ratios.items() if ratio < 4.5} == {}


def test_no_text_of_others_becomes_markup_or_runs(show):
    page = show(1280, "light")
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img, main u").count() == 0


def test_a_narrow_page_shows_equal_lines_of_two_prompts_once(show):
    narrow, wide = show(390, "light"), show(1280, "light")
    assert narrow.locator(".diff .same.right:visible").count() == 0 < wide.locator(".diff .same.right:visible").count()
    assert narrow.locator(".diff .new:visible").count() == wide.locator(".diff .new:visible").count() > 0
