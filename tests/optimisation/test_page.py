from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
from qa_pipeline.optimisation import page, page_diff, page_tree
from qa_pipeline.optimisation.page import page_of, report_html
from qa_pipeline.optimisation.page_diff import prompts_diff, text_diff
from tests.journey.test_report import Page
from tests.optimisation.made_page import HOSTILE, candidates, comparison, report, tables, write_folder

TRIED = candidates()


@pytest.fixture(scope="module")
def html():
    return report_html(tables(TRIED), report(TRIED))


def headline(html):
    return html[html.index("<h1>") + 4 : html.index("</h1>")]


def test_the_page_is_whole_and_asks_for_nothing(html):
    page = Page(html)
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert "default-src 'none'" in html
    assert not [name for name in ("style", "symbols", "headline", "sections", "footer") if f"{{{{{name}}}}}" in html]
    assert [value for _, name, value in page.attributes if name in ("src", "href") and "//" in value] == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    anchors = {value[1:] for tag, name, value in page.attributes if tag == "a" and name == "href"}
    assert anchors <= set(ids)


def test_no_text_of_others_is_taken_for_markup(html):
    page = Page(html)
    assert "u" not in page.tags and "\u202e" not in html
    assert HOSTILE.replace("\u202e", "\ufffd").strip() in page.words


def test_what_was_found_tried_spent_and_not_measured_is_said(html):
    text = Page(html).words
    for said in (
        "+4.4 F1 (+1.4 to +7.4) on the test questions", "120 test questions", "150,000",
        "Not measured: other language models", "a note on",
        "scored highest: a gain of +8.8 points (\N{MINUS SIGN}3.1 to +13.0)",
        "highest rung that it climbed. The search ended: all rounds are done.",
        "p = 0.031", "no gain", "what cloze is", "51.0, 52.0, 53.0", "20,500",
        "rank correlation 0.61, over 7 prompts", "rank correlation \N{MINUS SIGN}0.20, over 5 prompts",
        "300,000 of 400,000 (max_tokens), 75%", "900, for requests whose outcome is not known", "0.0123",
        "proposals of a language model", "The winning prompt beside the baseline", "It is in best_prompt.yaml.",
        "made_by: \"rewrite\"", "qa-pipeline 9.9.9", "3 small readers",
    ):  # fmt: skip
        assert said in text, said


def test_every_prompt_stands_in_the_tree_with_its_mark_and_what_it_came_from(html):
    drawn = re.search(r'<div class="scroll tree".*?</svg>', html, re.DOTALL)[0]
    tree = ElementTree.fromstring(drawn.partition(">")[2])
    marks = [node for node in tree.iter("g") if node.attrib.get("class", "").startswith("marker")]
    assert len(marks) == len(TRIED)
    assert sum("m3" in node.attrib["class"] for node in marks) == 1  # the leader
    lines = [node.attrib["class"] for node in tree.iter("path") if "descent" in node.attrib.get("class", "")]
    assert len(lines) == sum(one.recipe.parent is not None for one in TRIED) == 4
    assert lines.count("descent led") == 2  # from the grid to a rewrite, from that to the leader
    titles = "".join(node.text for node in tree.iter("title"))
    assert all(one.hash[:8] in titles for one in TRIED)
    width, height = (float(value) for value in tree.attrib["viewBox"].split()[2:])
    for node in tree.iter("text"):
        assert 0 <= float(node.attrib["x"]) <= width and 0 <= float(node.attrib["y"]) <= height
    rounds = [node.text for node in tree.iter("text") if node.attrib["class"] == "round"]
    assert rounds == ["first round: 8", "round 2: 3", "round 3: 1"]


def test_charts_are_well_formed_and_said_in_words(html):
    drawn = re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)
    assert len(drawn) == 3 + 2 + 2 + 1  # rungs, correlations, the comparison, tokens
    for chart in drawn:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img" and len(tree.attrib["aria-label"]) > 25
        width, height = (float(value) for value in tree.attrib["viewBox"].split()[2:])
        for node in tree.iter("text"):
            assert -0.5 <= float(node.attrib["x"]) <= width + 0.5 and 0 <= float(node.attrib["y"]) <= height


def test_the_rung_has_its_best_and_the_baseline_though_it_is_not_among_them():
    many = candidates() + [
        type(TRIED[0])(recipe_of(Factors(temperature=t, few_shot=k)), None) for t in (0.3, 1.0) for k in (0, 1, 4)
    ]
    html = report_html(tables(many), report(many))
    chart = html[html.index("<h3>Validity</h3>") :].partition("</figure>")[0]
    assert "11 of 18 are drawn." in chart
    assert chart.count('class="label"') == 11 and "baseline: question-first" in chart


def test_a_lead_that_may_be_chance_is_called_no_gain_everywhere():
    html = report_html(tables(TRIED), report(TRIED, is_gain=False))
    assert "No gain on the test questions" in headline(html)
    assert "may be chance, so that best_prompt.yaml holds the baseline" in html
    assert "The winning prompt" not in html


def test_where_the_baseline_leads_it_is_shown_alone():
    found = report(TRIED, is_gain=False)
    found["search"]["gain"]["winner"] = TRIED[0].hash
    found["comparison"] = None
    html = report_html({name: rows for name, rows in tables(TRIED).items() if name != "comparison_results"}, found)
    assert headline(html) == "No gain: the prompt that the search began with stays."
    assert "no prompt scored higher than" in html and "The prompt that stays" in html
    assert 'class="diff"' not in html.partition("<main>")[2]
    assert "The comparison on the test questions was not made." in html


def test_without_questions_of_people_the_page_says_who_judged():
    tried = candidates()
    rows = tables(tried, top=1)
    rows["comparison_results"] = [
        {**row, "f1": None, "em": None, "questions": None, "split": "round trip"}
        for row in comparison(tried)
        if row["seed"] is None and row["name"] in ("baseline", "refined")
    ]
    for row in rows["comparison_results"]:
        row.setdefault("difference", None)
    found = report(tried, top=1)
    found["comparison"] = []
    html = report_html(rows, found)
    assert "judged by the round trip. No questions of people judged it." in headline(html)
    assert "the round trip judged" in html and "points of the round trip" in html and "F1 on the test" not in html


def test_lines_and_words_that_differ_are_marked():
    old = "Ask two questions.\n- Keep answers short.\n- Be kind."
    new = "Ask two hard questions.\n- Be kind.\n- Quote\tverbatim, always."
    markup = text_diff(old, new, ("before", "after"))
    assert "Ask two <ins>hard </ins>questions." in markup
    assert '<div class="old"><del>- Keep answers short.</del></div><div class="none right"></div>' in markup
    assert '<div class="same">- Be kind.</div><div class="same right">- Be kind.</div>' in markup
    assert "<ins>- Quote\tverbatim, always.</ins>" in markup
    assert "&lt;<del>b</del>&gt;" in text_diff("<b>", "<i>", ("a", "b")) and text_diff("", "", ("a", "b")) == ""


def test_prompts_of_different_kinds_are_compared_with_their_second_request():
    one, other = recipe_of(Factors()), recipe_of(Factors(order="answer_first", few_shot=4, evidence="sentence"))
    words = Page(f"<html>{prompts_diff(one, other, ('before', 'after'))}</html>").words
    assert "Second request, which asks for questions to the answers" in words and "For each answer write one" in words
    for said in (
        "questions with their answers at once",
        "answers first, then questions",
        "one of the passage's sentences",
    ):
        assert said in words
    assert "examples shown 2 \N{RIGHTWARDS ARROW} 4" in words and "The same in both: asks for other words" in words


def test_a_folder_gives_its_page(tmp_path):
    html = page_of(write_folder(tmp_path))
    assert "+4.4 F1" in headline(html)
    assert html == page_of(tmp_path)
    (tmp_path / "comparison_results.parquet").unlink()
    assert "was not made" in page_of(tmp_path)


def test_a_table_of_an_earlier_comparison_is_not_shown(tmp_path):
    write_folder(tmp_path)
    found = json.loads((tmp_path / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps({**found, "comparison": None}))
    assert "was not made" in page_of(tmp_path)


@pytest.mark.parametrize("content", [None, "[1]", "{", "\xff"])
def test_a_folder_without_a_readable_report_says_so(tmp_path, content):
    write_folder(tmp_path)
    (tmp_path / "report.json").unlink() if content is None else (tmp_path / "report.json").write_bytes(
        content.encode("latin-1")
    )
    with pytest.raises(
        DataError, match=r"report\.json: cannot be read .*expected the report of optimize-prompt.*Start the"
    ):
        page_of(tmp_path)


@pytest.mark.parametrize("module", [page, page_diff, page_tree], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module):
    import doctest

    assert doctest.testmod(module).failed == 0
