"""HTML: whatever a reader of the page can open is text, and no page takes long."""

from __future__ import annotations

import pytest

from qa_pipeline.documents.reading import read_document
from tests.data.made import write_document

pytest.importorskip("bs4")


def read(tmp_path, body: str) -> str:
    return read_document(write_document(tmp_path, "a.html", f"<!doctype html><html><body>{body}</body></html>")).text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('<h3><button aria-expanded="false">How much?</button></h3><div hidden>5 EUR.</div>', "How much?\n\n5 EUR."),
        ("<details><summary>How much?</summary>5 EUR.</details>", "How much?\n5 EUR."),
        ('<div class="tab" style="display:none"><p>Open at 9.</p></div>', "Open at 9."),
        ('<p>Open</p><p aria-hidden="true">at 9.</p>', "Open\n\nat 9."),
        ('<p style="visibility: hidden">At 9.</p>', "At 9."),
        ("<dialog>Closed on Monday.</dialog>", "Closed on Monday."),
        ("<select><option>small</option><option>large</option></select>", "small\nlarge"),
        ("<p>A</p><aside>Note: bring water.</aside>", "A\n\nNote: bring water."),
        ("<p>A</p><footer>Call 555 0123.</footer>", "A\n\nCall 555 0123."),
        ("<p>A</p><footer>Closed on Mondays.</footer>", "A\n\nClosed on Mondays."),
        ("<header><p>St Mary's Surgery, High Street</p></header><p>A</p>", "St Mary's Surgery, High Street\n\nA"),
        (
            "<p>A</p><div role='contentinfo'>Opening hours: <a href='#'>by appointment</a></div>",
            "A\n\nOpening hours: by appointment",
        ),
        ("<p>A</p><footer><a href='tel:5550123'>Call 555 0123</a></footer>", "A\n\nCall 555 0123"),
        (
            "<p>A</p><footer><a>Imprint</a> | <ul><li><a>Privacy</a></ul> \u00b7 <button>Search</button>"
            "<nav>Sitemap 3</nav><script>var footer = 1</script></footer><nav>Home 1</nav>"
            "<div role='navigation'>Next 2</div>",
            "A",
        ),
        ("<p>A</p><noscript>Switch scripts on.</noscript><template>Row</template>", "A"),
        ("<svg><title>Icon</title><text>Sales 2025</text></svg>", "Sales 2025"),
        (
            "<p>So <math><mi>E</mi><mo>=</mo><mi>m</mi><msup>\n<mi>c</mi> <mn>2</mn></msup></math>.</p>",
            "So E=mc^2.",
        ),
        ("<math><mfrac><mn>1</mn><mn>3</mn></mfrac><annotation>\\frac13</annotation></math>", "1/3"),
        (
            '<p>So <span><span class="katex-mathml"><math><mi>x</mi></math></span><span class="katex-html" '
            'aria-hidden="true">x</span></span>.</p>',
            "So x.",
        ),
    ],
)
def test_what_a_reader_can_open_is_text(tmp_path, body, text):
    assert read(tmp_path, body) == text


def test_a_page_behind_an_open_dialog_is_read(tmp_path):
    page = '<div id="app" aria-hidden="true"><main><p>The fee is due.</p></main></div><div role="dialog">Cookies?</div>'
    assert read(tmp_path, page) == "The fee is due.\n\nCookies?"


@pytest.mark.parametrize("body", ["<nav>Fees and hours</nav>", "<header>Fees and hours</header>"])
def test_a_page_of_navigation_alone_is_not_blank(tmp_path, body):
    assert read(tmp_path, body) == "Fees and hours"


@pytest.mark.parametrize("tag", ["div", "header", "table><tr><td", 'span aria-hidden="true"', "math", "b"])
def test_thousands_of_nested_elements_are_read_at_once(tmp_path, tag):
    assert read(tmp_path, f"<p>top 1</p>{f'<{tag}>' * 5000}deep 2") == "top 1\n\ndeep 2"


def test_a_hundred_thousand_blanks_are_read_at_once(tmp_path):
    assert read(tmp_path, f"<pre>a{' ' * 100_000}b{' ' * 100_000}\nc</pre>") == f"a{' ' * 100_000}b\nc"
