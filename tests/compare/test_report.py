"""The page is one file that needs nothing else, holds every question once, and takes no text for markup."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from qa_pipeline.compare import charts, compare, report_html
from qa_pipeline.compare.charts import _calibration_points
from qa_pipeline.compare.drawing import ticks
from qa_pipeline.compare.report import embedded_json, page_data
from tests.compare.fakes import FakeModel, compared
from tests.compare.test_comparison import example

HOSTILE = (
    'Kept </script><script>window.hacked=1</script> <!-- <img src=x onerror="window.hacked=2"> {{data}} & '
    "\u2028 ninety days."
)


class Page(HTMLParser):
    """Collects what a page would load and the text of its scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.scripts, self._in = [], [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append("")
            self._in = True

    def handle_endtag(self, tag):
        if tag == "script":
            self._in = False

    def handle_data(self, data):
        if self._in:
            self.scripts[-1] += data


def hostile():
    start = HOSTILE.index("ninety")
    examples = [example(0, start, start + 11, context=HOSTILE, question="<b>How</b> long?")]
    replies = {"0": (5, 14, 0.5)}
    models = [FakeModel("<i>one</i>", replies), FakeModel('two" onclick="x', replies)]
    return compare(
        models, examples, labels=["<i>one</i>", 'two" onclick="x'], bootstrap_samples=50, source="<u>data</u>"
    )


def test_the_page_loads_nothing():
    html = report_html(compared(30))
    page = Page(html)
    assert not [a for a in page.attributes if a[1] in ("src", "srcset", "action", "data")]
    links = [value for _, name, value in page.attributes if name == "href"]
    assert all(value.startswith(("#", "data:")) for value in links)
    assert "default-src 'none'" in html
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)
    assert not re.search(r"\{\{\w+\}\}", html)


def test_no_text_is_taken_for_markup():
    html = report_html(hostile())
    page = Page(html)
    assert len(page.scripts) == 2
    assert not {"img", "i", "u"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    data = json.loads(page.scripts[0])
    assert data["contexts"] == [HOSTILE]
    assert data["questions"][0][1] == "<b>How</b> long?"
    assert data["labels"] == ["<i>one</i>", 'two" onclick="x']


@pytest.mark.parametrize(
    "text", ["</script>", "<!--<script>", "a\u2028b\u2029c", "&lt;", "\ud800", "\U0001f600", '"\\']
)
def test_embedded_json_gives_back_the_text_without_its_dangerous_characters(text):
    embedded = embedded_json([text])
    assert json.loads(embedded) == [text]
    assert not re.search("[<>&\u2028\u2029]", embedded)
    embedded.encode("utf-8")


def test_each_context_is_stored_once():
    found = compared(30)
    assert len(page_data(found)["contexts"]) == 10
    assert len(page_data(found)["questions"]) == 30


def test_positions_count_utf16_units_as_the_script_does():
    context = "\U0001f600 kept \U0001f4c5\U0001f4c5 ninety days, e\u0301 \U0001f600"
    start = context.index("ninety")
    examples = [example(0, start, start + 11, context=context)]
    replies = {"0": (context.index("kept"), start + 6, 0.5)}
    found = compare([FakeModel("a", replies), FakeModel("b", {"0": None})], examples, bootstrap_samples=50)
    _, _, _, gold, answers, _ = page_data(found)["questions"][0]
    units = context.encode("utf-16-le")

    def cut(begin, end):
        return units[2 * begin : 2 * end].decode("utf-16-le")

    assert cut(*gold[0]) == "ninety days"
    assert cut(*answers[0][:2]) == "kept \U0001f4c5\U0001f4c5 ninety"
    assert answers[1][:2] == [None, None]


def test_the_verdict_comes_before_charts_and_questions():
    found = compared(200, (0.1, 0.8), labels=["base", "tuned"])
    html = report_html(found)
    assert re.search(
        r'<h1><b class="name m1">tuned</b> is better than <b class="name m0">base</b>, beyond chance', html
    )
    assert html.index("<h1>") < html.index('class="chart"') < html.index('id="cards"')


def test_cautions_are_in_the_page():
    assert "only 30 questions" in report_html(compared(30))
    assert "Before you rely on this" not in report_html(compared(120))


def test_charts_are_well_formed_and_say_what_they_show():
    found = compared(60, (0.1, 0.4, 0.6), unanswerable=0.2, labels=["a & b", "<c>", "d"])
    labels = [model.label for model in found.models]
    drawn = [
        charts.scores_chart(labels, [model.f1 for model in found.models], "F1, %"),
        charts.differences_chart(
            ["b - a", "c - a", "c - b"], [1, 2, 2], [p.exact_match for p in found.pairs], "points"
        ),
        charts.outcomes_chart(found),
        charts.reliability_chart(labels, [m.reliability for m in found.models], [m.ece for m in found.models]),
        charts.risk_chart(found),
        *(charts.breakdown_chart(labels, name, groups) for name, groups in found.breakdowns.items()),
    ]
    for chart in drawn:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img"
        assert len(tree.attrib["aria-label"]) > 40
        width, height = (float(value) for value in tree.attrib["viewBox"].split()[2:])
        for node in tree.iter():
            if "transform" in node.attrib:  # a marker
                x, y = map(float, re.match(r"translate\(([\d.-]+) ([\d.-]+)\)", node.attrib["transform"]).groups())
                places = [(x, y)]
            elif node.tag == "text":
                places = [(float(node.attrib["x"]), float(node.attrib["y"]))]
            elif node.tag == "line":
                places = [(float(node.attrib[f"x{end}"]), float(node.attrib[f"y{end}"])) for end in (1, 2)]
            else:
                continue
            assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


def test_small_groups_are_drawn_faint():
    groups = {
        "many": {"total": 30, "f1": [10.0, 20.0], "exact_match": [1.0, 2.0]},
        "few": {"total": 29, "f1": [10.0, 20.0], "exact_match": [1.0, 2.0]},
    }
    assert charts.breakdown_chart(["a", "b"], "size", groups).count('class="few"') == 1


@pytest.mark.parametrize(("low", "high"), [(0, 0.0), (0, 3.2), (0, 100), (-0.4, 0.3), (-18.2, 44), (0, 61.0)])
def test_ticks_are_few_and_hold_the_values(low, high):
    found = ticks(low, high)
    assert found[0] <= low <= high <= found[-1]
    assert 2 <= len(found) <= 8


def test_only_the_script_of_the_page_may_run():
    html = report_html(hostile())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    [allowed] = re.search(r"script-src ([^;]+)", policy)[1].split()
    script = Page(html).scripts[1]
    assert allowed == f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def test_names_turn_no_words_around():
    found = hostile()
    models = [replace(model, label=f"{model.label}\u202e", name="\x1bname\u2066") for model in found.models]
    html = report_html(replace(found, models=models, source="data\u202e.json"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", html)
    assert re.search(r"\.context, mark, [^{]*\{ unicode-bidi: isolate; \}", html)


def test_a_text_of_a_megabyte_makes_a_page_in_a_moment():
    context = "\U0001f600word " * 170_000
    start = len(context) - 5
    examples = [example(i, start, start + 4, context=context) for i in range(2)]
    replies = {str(i): (1, 5, 0.5) for i in range(2)}
    found = compare([FakeModel("a", replies), FakeModel("b", replies)], examples, bootstrap_samples=20)
    began = time.perf_counter()
    html = report_html(found)
    assert time.perf_counter() - began < 5 and len(html) < 2_000_000


@pytest.mark.parametrize(
    ("counts", "points"),
    [([2] * 15, [30]), ([20, 20], [20, 20]), ([25, 10], [35]), ([10, 10, 10, 10, 5], [20, 25]), ([19], []), ([], [])],
)
def test_neighbouring_bins_are_drawn_as_one_until_they_hold_twenty_answers(counts, points):
    bins = [{"count": n, "confidence": 0.1 * i, "accuracy": 0.05 * i} for i, n in enumerate(counts)]
    drawn = _calibration_points(bins)
    assert len(drawn) == len(points)
    if drawn:
        assert sum(n * a for n, (a, _) in zip(points, drawn, strict=True)) == pytest.approx(
            sum(part["count"] * part["confidence"] for part in bins)
        )
    assert all(accuracy == pytest.approx(confidence / 2) for confidence, accuracy in drawn)
