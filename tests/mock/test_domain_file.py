from __future__ import annotations

import json
import re

import pytest

from qa_pipeline.cli.mock import main
from qa_pipeline.errors import ConfigError, run_script
from qa_pipeline.mock import DOMAINS, SPLITS, make_dataset, read_domain
from qa_pipeline.mock.domain_file import domain_from
from qa_pipeline.mock.writing import check_alignment
from tests.mock.made import BAKERY, bakery

PRICE = "topics.breads.attributes.price"


def problems_of(content) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        domain_from(content, "bakery.yaml")
    assert str(caught.value).startswith(("bakery.yaml: ", f"{len(caught.value.problems)} problems in bakery.yaml:"))
    return caught.value.problems


def test_the_documented_domain_makes_data(tmp_path, capsys):
    path = tmp_path / "bakery.yaml"
    path.write_text(BAKERY, encoding="utf-8")
    words = ["--output_dir", str(tmp_path / "out"), "--domain_file", str(path), "--num_examples", "300"]
    assert main(words) == 0
    assert "240 questions, 48 unanswerable" in capsys.readouterr().out
    for split in SPLITS:
        value = json.loads((tmp_path / "out" / f"{split}.json").read_text(encoding="utf-8"))
        check_alignment(value, split)
        for document in value["data"]:
            for paragraph in document["paragraphs"]:
                assert not re.search(r"[{}\[\]|]", paragraph["context"])
                assert all(question["id"].startswith("bakery-") for question in paragraph["qas"])
    assert main(words) == 0  # its own files are known again, and replaced


def test_json_and_lists_say_the_same_as_yaml_and_lines(tmp_path):
    content = bakery()
    (tmp_path / "bakery.yaml").write_text(BAKERY, encoding="utf-8")
    content["keywords"] = content["keywords"].split(", ")
    content["topics"]["breads"]["fillers"] = content["topics"]["breads"]["fillers"].splitlines()
    (tmp_path / "bakery.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_domain(tmp_path / "bakery.json") == read_domain(tmp_path / "bakery.yaml")


def test_a_pool_of_ones_own_comes_before_a_shared_one():
    towns = [f"Bredville{letter}" for letter in "abcdefghijklmnopqrstuvwxy"]
    content = bakery("pools", bakery()["pools"] | {"town": towns})
    made = make_dataset(domain_from(content, "bakery.yaml"), 60, 0.2, 0)
    assert all("Bredville" in document["title"] for value in made.values() for document in value["data"])


@pytest.mark.parametrize("name", DOMAINS)
def test_built_in_domains_are_called_as_their_files(name):
    assert DOMAINS[name].name == name


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("name", "Train Times", 'name: expected small letters, digits and _ such as train_times, found "Train Times"'),
        ("name", 5, "name: expected small letters, digits and _ such as train_times, found 5"),
        ("name", None, "name: is missing"),
        ("description", "  ", "description: expected one line of text, found"),
        ("keywords", [], "keywords: expected at least 1 text, with commas between them, found 0"),
        ("keywords", "", "keywords: expected at least 1 text"),
        ("keywords", {"a": 1}, "keywords: expected texts, with commas between them, or a list of texts, found a mapp"),
        ("titles", "Bakeries", 'titles: "Bakeries": expected a name of a pool such as {town}, so that no two splits'),
        ("titles", "[{town}|Bakeries]", "titles: .*expected a name of a pool"),
        ("titel", "x", "titel: unknown key; did you mean titles?"),
        ("zzz", "x", "zzz: unknown key; known here: name, description, keywords, titles, topics, pools"),
        ("topics", ["a"], "topics: expected sections, each under its name, found a list"),
        ("pools.grain", "rye, oat", "pools.grain: expected at least 5 different names, which the splits share out, f"),
        ("pools.grain", "a, a, a, a, a, b", "pools.grain: expected at least 5 different names, .* found 2"),
        ("pools.grain", "a, b, c, d, {town}", 'pools.grain: "{town}": expected a plain name, without any of [ ] { } |'),
        ("pools.v", "a, b, c, d, e", "pools.v: expected a name of small letters, digits and _, and none of e, v, e2"),
        ("topics", {}, "topics: expected at least 1, found 0"),
        ("topics", None, "topics: is missing"),
        ("topics.breads", None, "topics: expected at least 1, found 0"),
        ("topics.breads", "x", 'topics.breads: expected a section with entities, pronouns, openings, .* found "x"'),
        ("topics.breads.fillers", "One.", "topics.breads.fillers: expected at least 2 texts, one a line, found 1"),
        (
            "topics.breads.openings",
            "Here.",
            'openings: "Here.": expected {all} in it, whatever alternatives are chosen',
        ),
        ("topics.breads.entities", "the {grain", "entities: .*expected placeholders in pairs of braces, as in {town}"),
        (
            "topics.breads.entities",
            "the bread",
            "topics.breads.entities: expected at least 5 different texts in each spl",
        ),
        ("topics.breads.attributes.weight", None, "topics.breads.attributes: expected at least 5, found 4"),
        (f"{PRICE}.kind", "cost", f'{PRICE}.kind: expected one of number, money, .*, found "cost"'),
        (f"{PRICE}.kind", ["money"], f"{PRICE}.kind: expected one of number, money, .*, found a list"),
        (f"{PRICE}.values", [1, 2], f"{PRICE}.values: expected texts, one a line, or a list of texts, found a list"),
        (f"{PRICE}.values", "dear\ncheap", f"{PRICE}.values: expected at least 3 different texts in each split"),
        (f"{PRICE}.values", "{money}", "{money}: expected a range such as {money:5-60} or {money:100-900:50}"),
        (f"{PRICE}.values", "{money:5-60:0}", "{money:5-60:0}: expected a range such as {money:5-60}"),
        (
            f"{PRICE}.values",
            "{money:60-5}",
            "{money:60-5}: expected a range from 0 to 999999999, its first number at mo",
        ),
        (f"{PRICE}.values", "{words:2-30}", "{words:2-30}: expected a range from 0 to 20, its first number at most"),
        (
            f"{PRICE}.values",
            "{clock:7-7}",
            "{clock:7-7}: expected a range from 0 to 24, its first number below its sec",
        ),
        (f"{PRICE}.values", "{date:0-9}", "{date:0-9}: expected a range from 1 to 9999"),
        (f"{PRICE}.values", "{decimal:1-9:2}", "{decimal:1-9:2}: expected a range such as {decimal:1-9}"),
        (f"{PRICE}.values", "{day:May}", "{day:May}: expected {day:any} or {day:week}"),
        (f"{PRICE}.values", "{twon}", "{twon}: unknown placeholder; did you mean town? known here: the pools firm, "),
        (f"{PRICE}.values", "{grain:5-9}", "{grain:5-9}: unknown placeholder"),
        (f"{PRICE}.values", "{e} [a|b", "expected alternatives in pairs of square brackets, as in [first|second]"),
        (f"{PRICE}.values", "a | b", "expected alternatives in pairs of square brackets"),
        (f"{PRICE}.values", "[" * 3000, "expected at most 2,000 characters, found 3,000"),
        (f"{PRICE}.sentences", "{e} costs [{v}|much].", "expected {v} in it, whatever alternatives are chosen"),
        (f"{PRICE}.sentences", "{e}'s price is {v}.", "expected {e} without 's, since a pronoun may stand for it"),
        (f"{PRICE}.sentences", "{v} is paid.", "expected {e} in it"),
        (f"{PRICE}.pairs", "{e} costs {v}.", "expected {e2} and {v2} in it"),
        (f"{PRICE}.questions", "What is {v} for {e}?", "{v}: unknown placeholder"),
        (f"{PRICE}.questions", None, f"{PRICE}.questions: is missing"),
        (f"{PRICE}.question", "How much is {e}?", f"{PRICE}.question: unknown key; did you mean questions?"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(place, value, problem):
    (found, *others) = problems_of(bakery(place, value))
    pattern = re.escape(problem).replace(r"\.\*", ".*")
    assert re.search(pattern, found), found
    assert not others


def test_all_that_is_wrong_is_said_at_once():
    content = bakery("name", None) | {"keywords": []}
    content["topics"]["breads"]["attributes"]["price"] = None
    assert [problem.split(":")[0] for problem in problems_of(content)] == ["name", "keywords", PRICE]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not valid YAML"),
        ("- a\n- b", "expected a mapping from setting to value, found a list"),
        ("", "name: is missing"),
        ("name: a\nname: b", "name is given twice"),
    ],
)
def test_a_file_that_is_no_domain_is_one_message_and_leaves_no_folder(tmp_path, capsys, text, message):
    path = tmp_path / "domain.yaml"
    path.write_text(text, encoding="utf-8")
    assert run_script(main, ["--output_dir", str(tmp_path / "out"), "--domain_file", str(path)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and message in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    (tmp_path / "bakery.yaml").write_text(BAKERY, encoding="utf-8")
    with pytest.raises(ConfigError, match=r'no such file; did you mean ".*bakery\.yaml"'):
        read_domain(tmp_path / "bakry.yaml")


def test_values_of_which_one_holds_the_others_are_still_told_apart():
    """Drawn first, "red and blue" leaves no room for "red" and "blue": the drawing begins again."""
    content = bakery(f"{PRICE}.values", "red\nblue\ngreen\nred and blue\nred and blue and green")
    made = make_dataset(domain_from(content, "bakery.yaml"), 600, 0.2, 0)
    assert sum(len(p["qas"]) for value in made.values() for d in value["data"] for p in d["paragraphs"]) == 600
