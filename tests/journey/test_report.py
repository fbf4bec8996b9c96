"""The page of a journey, whole or part way: it loads nothing, takes no text for markup, and says whose questions."""

from __future__ import annotations

import copy
import doctest
import re
from html import escape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import yaml

from qa_pipeline.journey.page import report, report_parts
from qa_pipeline.journey.page.report import SECTIONS, JourneyOutline, StageState, outline_of, report_html
from qa_pipeline.journey.page.report_parts import PassageMark, passage
from qa_pipeline.journey.results import card
from qa_pipeline.journey.results.card import model_card
from qa_pipeline.journey.results.evaluation import MADE_BY, MADE_BY_TAGS
from tests.journey.made_journey import HOSTILE, ROW, journey_file, journey_record

VOID = {"meta", "link", "br", "img", "input", "wbr", "use", "line", "rect", "circle", "path", "polyline"}


class Page(HTMLParser):
    """Collects tags, attributes and the text of a page, and holds that every tag is closed in its place."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return journey_record(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def html(record):
    steps = {"Ask it:": "qa-pipeline ask --model out/model --question '<when>?'"}
    outline = outline_of(journey_file(record), created="2026-11-30T20:00:00+00:00", next_steps=steps)
    return report_html(record, outline)


def test_the_page_loads_nothing_and_needs_no_script(html):
    page = Page(html)
    assert not {"script", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [a for a in page.attributes if a[1] in ("src", "srcset", "action", "data") or a[1].startswith("on")]
    assert all(value.startswith(("#", "data:")) for _, name, value in page.attributes if name == "href")
    assert "default-src 'none'" in html and "script-src" not in html
    assert not re.search(r"url\(|@import|https?://", html)


def test_no_text_of_others_is_taken_for_markup(html):
    page = Page(html)
    assert not {"i", "u", "em"} & set(page.tags)
    shown = HOSTILE.replace("\u202e", "\ufffd")
    assert shown in page.words  # {{title}} in it is filled by nobody
    assert "\u202e" not in html
    for text in (ROW["question"], "SQuAD <2>", "About <em>everything</em>.", "'<when>?'", "no <u>retrieved</u> rows"):
        assert text in page.words


def test_every_section_has_what_its_stage_found(html):
    text = Page(html).words
    for said in (
        "30 November 2026", "extractive question answering", "87,599 rows", "used: 10 rows", "weight 2",
        "Refused: it is loaded by a script", "5 more", "some-model through openai", "too many words <of> the question",
        "30 training questions are <few>", "Does not fit: it takes 9 GB", "SQuAD 2.0 F1 90.1, published",
        "best: 50.0 after epoch 2", "Trial 1 has the highest F1.", "1 (chosen)", "0 (default)", "pruned", "12.0",
        "Trial 3: the loss is <not> a number",
        "fitted on the validation questions only", "What the filters add", "Exactly right", "the surest mistakes first",
        "9,000 read, 2,500 written", "0.0123", "evaluate/<out>.json", "How this was measured",
    ):  # fmt: skip
        assert said in text, said


def test_charts_are_well_formed_stay_within_their_frames_and_are_said_in_words(html):
    drawn = re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)
    assert len(drawn) > 12
    for chart in drawn:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img" and len(tree.attrib["aria-label"]) > 25
        width, height = (float(value) for value in tree.attrib["viewBox"].split()[2:])
        for node in tree.iter():
            if node.tag == "text":
                places = [(float(node.attrib["x"]), float(node.attrib["y"]))]
            elif node.tag == "rect" and "x" in node.attrib and node.attrib.get("class"):
                places = [(float(node.attrib["x"]) + float(node.attrib["width"]), float(node.attrib["y"]))]
            elif node.tag == "polyline":
                places = [tuple(map(float, pair.split(","))) for pair in node.attrib["points"].split()]
            else:
                continue
            assert all(-0.5 <= x <= width + 0.5 and 0 <= y <= height for x, y in places), chart[:300]


def test_the_answer_is_marked_in_its_passage(html):
    assert '<mark class="gold" title="reference answer">four metres</mark>' in html
    assert "It falls again. It falls again." in html and len(re.findall("It falls again", html)) < 60  # cut short


@pytest.mark.parametrize("made_by", ["generator", "mixed", "people"])
def test_whose_questions_stands_beside_every_score(tmp_path, made_by):
    html = report_html(journey_record(tmp_path, made_by=made_by, bootstrap_samples=20, latency_questions=0))
    page = Page(html)
    tag = escape(MADE_BY_TAGS[made_by])
    results = html[html.index('id="results"') : html.index('id="examples"')]
    for title in ("Exactly right", "Overlap with the reference", "By kind of question", "Confidence and speed"):
        assert tag in results[results.index(title) :][:160], title
    assert MADE_BY[made_by] in page.words
    assert ('class="loud"' in html) == (made_by != "people")
    headline = html[html.index("<h1>") : html.index("</h1>")]
    assert {"people": "people&#x27;s test", "generator": "generated test", "mixed": "the test"}[made_by] in headline
    assert html.count(tag) >= 8


def test_the_questions_of_people_lead_where_the_test_has_others_too(tmp_path):
    kinds = ("generated", "labelled")
    html = report_html(journey_record(tmp_path, made_by="mixed", kinds=kinds, bootstrap_samples=20))
    headline = html[html.index("<h1>") : html.index("</h1>")]
    assert "of the 30 test questions of people are answered exactly right" in headline
    assert "The 30 questions of people alone" in html and "F1, people's questions</h3>" in html


def test_a_journey_without_test_questions_says_so_loudly(record):
    from qa_pipeline.journey.results.evaluation import evaluate

    none = evaluate("a", "b", None, made_by="none", why_not="one document <is> too little")
    page = Page(report_html({**record, "evaluate": none.facts}))
    assert "How good it is was not measured." in page.words
    assert page.words.count("one document <is> too little") >= 2


def test_part_of_a_journey_makes_a_page_too(record):
    stages = list(record)
    for count in range(len(stages) + 1):
        html = report_html({name: record[name] for name in stages[:count]})
        page = Page(html)
        assert page.words.count("Nothing here yet") == sum(name in SECTIONS for name in stages[count:])
        if 0 < count <= stages.index("evaluate"):
            assert f"{count} stage" in page.words
    for name in stages:  # and each stage is enough for itself
        Page(report_html({name: record[name]}))
        Page(report_html({name: {}}))


def test_stages_that_were_left_out_or_ended_early_say_why(record):
    some = {name: record[name] for name in ("parse", "generate")}
    outline = JourneyOutline(
        stages={
            "retrieve_data": StageState("skipped", why="--skip <retrieve_data>"),
            "generate": StageState("stopped", 3.0, "max_cost was reached"),
        }
    )
    text = Page(report_html(some, outline)).words
    assert "This stage was left out: --skip <retrieve_data>." in text
    assert "Ended early: max_cost was reached" in text


def test_a_stage_whose_facts_say_that_it_was_left_out_is_shown_so(record):
    left_out = {"skipped": True, "why": "left out, as asked for: its <reason>"}
    others = {name: facts for name, facts in record.items() if name not in ("execute", "report")}
    for name in ("retrieve_data", "generate", "select", "evaluate"):
        text = Page(report_html({**others, name: left_out})).words
        assert "This stage was left out: its <reason>." in text
    assert "How good it is was not measured." in Page(report_html({**others, "evaluate": left_out})).words
    given = {**left_out, "candidates": [], "chosen": "my/<model>", "reason": "given as model_name_or_path"}
    text = Page(report_html({**others, "retrieve_model": given})).words
    assert "my/" in text and "Given as model_name_or_path" in text


def test_facts_that_are_missing_or_none_leave_lines_out(record):
    """What a stage of somebody else did not note must not end the report."""

    def thinned(value, drop):
        if isinstance(value, dict):
            return {key: None if drop(key) else thinned(one, drop) for key, one in value.items()}
        return [thinned(one, drop) for one in value] if isinstance(value, list) else value

    others = {name: facts for name, facts in record.items() if name != "evaluate"}
    for name, facts in others.items():
        for key in facts:
            Page(report_html({**others, name: {**copy.deepcopy(facts), key: None}}))
    for word in ("reason", "licence", "rows", "settings", "report", "languages", "f1", "metadata", "by_kind", "source"):
        Page(report_html(thinned(others, lambda key, word=word: key == word)))


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        ([(0, 3, "gold")], '<mark class="gold" title="t">abc</mark>def'),
        ([(1, 3, "gold"), (2, 5, "said m1")], 'a<mark class="gold" title="t">b</mark><mark class="gold" title="t">'
         '<mark class="said m1" title="t">c</mark></mark><mark class="said m1" title="t">de</mark>f'),
        ([(4, 9, "gold"), (3, 3, "gold"), (-1, 2, "gold")], "abcdef"),
    ],
)  # fmt: skip
def test_spans_may_overlap_and_those_outside_are_left_out(marks, shown):
    found = passage("abcdef", [PassageMark(start, end, style, "t") for start, end, style in marks])
    assert found == f'<p class="context" dir="auto">{shown}</p>'


def test_a_long_passage_is_shown_around_its_marks():
    context = "before " * 300 + "kept for ninety days " + "after " * 300 + "one more year" + " end" * 300
    start, later = context.index("ninety"), context.index("one more")
    found = passage(context, [PassageMark(start, start + 6, "gold", ""), PassageMark(later, later + 8, "said m1", "")])
    assert len(found) < 1600 and found.count("\N{HORIZONTAL ELLIPSIS}") == 3
    assert "kept for" in found and "year" in found


@pytest.mark.parametrize("module", [card, report, report_parts], ids=lambda module: module.__name__)
def test_the_examples_of_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


def test_the_card_says_whose_questions_the_scores_are_of(tmp_path):
    for made_by in ("generator", "people"):
        record = journey_record(tmp_path, made_by=made_by, bootstrap_samples=20, latency_questions=0)
        text = model_card(record, name="tides", folder="out/model", merged=True)
        measured = text[text.index("## Measured") : text.index("## Data")]
        assert MADE_BY[made_by] in measured and ("**" in measured) == (made_by == "generator")
        assert f"{record['evaluate']['metrics']['f1']['value']:.1f} (" in measured


def test_the_head_of_the_card_is_yaml_and_its_text_obeys_nobody(record):
    text = model_card(record, name="tides", folder='out/"model"', merged=False)
    _, header, body = text.split("---\n", 2)
    found = yaml.safe_load(header)
    assert found["library_name"] == "peft" and found["pipeline_tag"] == "question-answering"
    metrics = {one["type"]: one["value"] for one in found["model-index"][0]["results"][0]["metrics"]}
    assert metrics["f1"] == round(record["evaluate"]["metrics"]["f1"]["value"], 2)
    assert "<script" not in body and "&lt;script" in body and "\u202e" not in body
    assert 'from_pretrained("out/\\"model\\"")' in body and "AutoModelForQuestionAnswering" not in body
    assert "licence cc-by-sa-4.0" in body


def test_a_card_of_a_journey_that_measured_nothing_says_so(record):
    text = model_card({name: record[name] for name in ("parse", "train")}, name="tides", merged=True)
    assert "It was not measured: no test questions were asked" in text
    assert "model-index" not in text and "AutoModelForQuestionAnswering" in text
