"""The page of a journey in headless Chromium: no request, nothing wider than the window, light and dark.

Needs the playwright package and a Chromium or Chrome of the system; skips without.
"""

from __future__ import annotations

import pytest

from qa_pipeline.journey.page.report import outline_of, report_html
from tests.journey.made_journey import HOSTILE, journey_file, journey_record

WIDER = """() => [...document.querySelectorAll('body *')]
    .filter(node => !node.closest('.scroll, svg, .skip'))
    .filter(node => {
        const box = node.getBoundingClientRect();
        return box.width && (box.right > innerWidth + 1 || box.left < -1);
    })
    .map(node => node.outerHTML.slice(0, 120))"""
KINDS = [
    *("h1", ".wish", ".loud", ".loud b", ".lead", ".tag", ".tag.loudly", ".tag.yes", ".tag.no", ".figure p"),
    *(".figure h3", ".stages small", ".facts dt", ".candidate .line", ".cautions li", ".card .context", "mark.gold"),
    *("pre", "td"),
]
CONTRASTS = """kinds => {
    const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = numbers(colour);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    };
    const behind = node => {
        for (let n = node; n; n = n.parentElement) {
            const colour = getComputedStyle(n).backgroundColor;
            if (numbers(colour)[3] !== 0) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    return Object.fromEntries(kinds.map(kind => {
        const node = document.querySelector(kind);
        const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
        return [kind, (a + 0.05) / (b + 0.05)];
    }));
}"""
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle" * 3


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    prompt = f"{HOSTILE} {LONG}"
    record = journey_record(folder, prompt)
    record["retrieve_data"]["candidates"][0]["name"] = LONG
    record["process"]["samples"][0]["question"] = LONG
    record["generate"]["report"]["warnings"] = [LONG]
    steps = {"Ask it:": f"qa-pipeline ask --model {LONG}"}
    path = folder / "report.html"
    path.write_text(report_html(record, outline_of(journey_file(record, prompt), next_steps=steps)), encoding="utf-8")
    return path


@pytest.fixture
def show(browser, file):
    """Opens the page; holds that nothing was fetched and nothing went wrong."""
    opened = []

    def _show(width, scheme, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
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
        context.close()
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
        assert len([url for url in page.requests if url.startswith("file:")]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(show, width, scheme):
    page = show(width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wider = page.evaluate(WIDER)
    assert wider == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_told_from_what_lies_behind_them(show, scheme):
    """Contrast of at least 4.5 to 1 (WCAG AA) for the words of each kind of element."""
    page = show(1280, scheme)
    ratios = page.evaluate(CONTRASTS, KINDS)
    assert {what: ratio for what, ratio in ratios.items() if ratio < 4.5} == {}


def test_no_text_of_others_becomes_markup_or_runs(show):
    page = show(1280, "light")
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img, section em, section u").count() == 0
    assert page.locator(".wish").evaluate("node => node.textContent").startswith("Ask about <script>window.hacked=1")


def test_the_page_is_read_without_any_script(show):
    page = show(390, "light", java_script_enabled=False)
    assert page.locator("h1").text_content()
    assert page.locator(".card").count() >= 8
    page.locator(".stages a").nth(8).click()
    assert page.url.endswith("#results")


def test_the_page_prints_with_all_that_is_folded(show, tmp_path):
    page = show(1280, "dark")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    pdf = page.pdf(format="A4", path=str(tmp_path / "report.pdf"))
    from pypdf import PdfReader

    text = "\n".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "report.pdf").pages)
    assert len(pdf) > 20_000 and "What next" in text
    assert "trained on" in text  # a table behind "The numbers"
