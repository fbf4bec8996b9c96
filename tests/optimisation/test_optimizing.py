"""The whole optimisation against a scripted server: what it writes, what it may use, and what a second start asks."""

from __future__ import annotations

import json

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.questions.llm.recipes import read_recipe
from qa_pipeline.optimisation.tables import read_table
from tests.generation.server import Reply, ScriptedServer, Status, like_a_model
from tests.optimisation.searches import TABLES, asked_of, bytes_of, run, values_for


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optimizing")
    with ScriptedServer() as server:
        values = values_for(folder, server.url, baselines=["random", "cloze"])
        result = run(values)
    return server, values, result, bytes_of(result.folder)


def test_it_writes_the_best_prompt_the_tables_and_the_report(finished):
    _, _, result, _ = finished
    for name in TABLES:
        assert read_table(result.folder / f"{name}.parquet", name), name
    assert read_recipe(result.best_prompt).hash == result.best.hash == result.report["search"]["best"]
    assert json.loads((result.folder / "report.json").read_text()) == json.loads(json.dumps(result.report))
    assert "<html" in (result.folder / "report.html").read_text()


def test_every_row_says_which_prompt_made_it_and_where_that_came_from(finished):
    _, _, result, _ = finished
    prompts = {row["hash"]: row for row in read_table(result.folder / "prompts.parquet", "prompts")}
    for name in ("evaluations", "synthetic_data"):
        for row in read_table(result.folder / f"{name}.parquet", name):
            prompt = prompts[row["prompt_hash"]]
            assert (row["parent"], row["made_by"], row["round"]) == (
                prompt["parent"],
                prompt["made_by"],
                prompt["round"],
            )
    later = [row for row in prompts.values() if row["round"] == 1]
    assert later and all(row["parent"] in prompts for row in later)


def test_the_server_counts_no_more_tokens_than_it_may(finished):
    server, values, result, _ = finished
    assert 0 < server.tokens <= values["max_tokens"]
    assert result.report["tokens"]["search"] <= result.report["tokens"]["planned"]


def test_few_prompts_climb_and_the_correlation_of_rungs_is_said(finished):
    _, _, result, _ = finished
    evaluated = result.report["search"]["evaluated"]
    assert evaluated["validity"] > evaluated["round trip"] >= evaluated["trained reader"] >= 2
    assert {tuple(one["rungs"]) for one in result.report["search"]["correlations"]} >= {(0, 1)}


def test_baseline_and_others_are_compared_for_the_same_tokens(finished):
    _, _, result, _ = finished
    rows = read_table(result.folder / "comparison_results.parquet", "comparison_results")
    names = {row["name"] for row in rows}
    assert {"baseline", "random", "cloze"} <= names
    means = {row["name"]: row for row in rows if row["seed"] is None}
    asked = [row["tokens"] for row in means.values() if row["prompt_hash"] is not None]
    assert 0 < max(asked) <= 1.5 * min(asked)  # whole passages, of which there are ten
    assert means["cloze"]["tokens"] == 0 and means["cloze"]["made_by"] == "rules"
    assert means["baseline"]["p_value"] is None and means["cloze"]["p_value"] is not None
    assert {row["seed"] for row in rows if row["name"] == "baseline"} == {0, 1, None}
    assert {row["questions"] for row in rows} == {24}


def test_a_second_start_asks_nothing_and_writes_the_same_bytes(finished):
    _, values, result, contents = finished
    with ScriptedServer(lambda number, body: Status(500)) as dead:
        run({**values, "base_url": dead.url})
        assert dead.log == []
    assert bytes_of(result.folder) == contents


def test_another_folder_gets_the_same_bytes(finished, tmp_path):
    _, values, result, contents = finished
    with ScriptedServer() as server:
        again = run({**values, "base_url": server.url, "output_dir": str(tmp_path / "again"), "concurrency": 1})
    assert bytes_of(again.folder) == contents


def test_more_tokens_and_rounds_go_on_from_what_is_there(finished):
    first, values, result, _ = finished
    with ScriptedServer() as server:
        more = {"rounds": 3, "max_tokens": 2 * values["max_tokens"], "base_url": server.url}
        longer = run({**values, **more})
        asked = set(asked_of(server))
        assert asked and longer.report["search"]["candidates"] > result.report["search"]["candidates"]
    assert not asked & set(asked_of(first))


def test_other_settings_in_the_same_folder_are_refused(finished):
    _, values, _, _ = finished
    with pytest.raises(ConfigError, match="(?s)belongs to other settings.*questions_per_context: was 3, is 4"):
        run({**values, "questions_per_context": 4})


def test_without_check_questions_the_round_trip_judges_and_the_report_says_so(tmp_path):
    with ScriptedServer() as server:
        values = values_for(tmp_path, server.url)
        del values["check_file"], values["test_file"]
        result = run(values)
    assert result.report["judge"] == {"rung": 1, "name": "round trip", "check_questions": 0, "by_people": False}
    assert any("no questions of people" in text for text in result.report["notes"])
    assert any("better reader" in text for text in result.report["not_measured"])
    rows = read_table(result.folder / "comparison_results.parquet", "comparison_results")
    assert {row["split"] for row in rows} == {"round trip"} and all(row["f1"] is None for row in rows)


def test_half_of_the_check_documents_are_kept_for_the_end_where_there_is_no_test_file(tmp_path):
    with ScriptedServer() as server:
        values = values_for(tmp_path, server.url, rounds=1, num_candidates=2)
        del values["test_file"]
        result = run(values)
    assert result.report["judge"]["check_questions"] == 12
    assert any(
        "12 questions of" in text and "are kept for the end, 12 judge" in text for text in result.report["notes"]
    )
    rows = read_table(result.folder / "comparison_results.parquet", "comparison_results")
    assert {row["questions"] for row in rows} == {12}


def test_the_test_questions_are_not_read_by_the_search(tmp_path):
    with ScriptedServer() as server:
        values = values_for(tmp_path, server.url, rounds=1, num_candidates=2)
        (tmp_path / "test.json").write_text("no JSON at all")
        result = run({**values, "stage": "synthesize"})
    assert result.report["comparison"] is None


def test_too_few_tokens_are_refused_before_anything_is_asked(tmp_path):
    with ScriptedServer() as server:
        with pytest.raises(ConfigError, match="max_tokens: the baseline alone needs about"):
            run(values_for(tmp_path, server.url, max_tokens=2_000))
        assert server.log == []


def test_a_small_budget_ends_the_search_early_and_still_gives_a_result(tmp_path):
    with ScriptedServer() as server:
        result = run(values_for(tmp_path, server.url, max_tokens=30_000))
        assert server.tokens <= 30_000
    assert "the budget" in result.report["search"]["stopped"]
    assert read_recipe(result.best_prompt)


def test_a_server_that_fails_ends_it_with_how_to_go_on(tmp_path):
    def failing(number, body):
        return Reply(like_a_model(body)) if number < 12 else Status(503)

    with ScriptedServer(failing) as server:
        values = values_for(tmp_path, server.url, max_retries=0)
        with pytest.raises(BackendError):
            run(values)
        first = asked_of(server)
    with ScriptedServer() as server:
        run({**values, "base_url": server.url})
        assert first and not set(first) & set(asked_of(server))


def test_the_plan_asks_nothing_and_writes_nothing(tmp_path, capsys):
    with ScriptedServer() as server:
        values = values_for(tmp_path, server.url)
        config = tmp_path / "c.yaml"
        config.write_text(yaml.safe_dump(values))
        assert main(["optimize-prompt", str(config), "--plan"]) == 0
        assert server.log == []
    printed = capsys.readouterr().out
    for part in ("first round: tokens", "rung 2: tokens", "3 prompts, 10 passages each", "360,000   of max_tokens"):
        assert part in printed
    assert not (tmp_path / "out").exists()


def test_evaluate_alone_needs_a_search(tmp_path):
    with ScriptedServer() as server, pytest.raises(ConfigError, match="holds no search to evaluate"):
        run(values_for(tmp_path, server.url, stage="evaluate"))


def test_stages_one_by_one_give_what_all_at_once_give(finished, tmp_path):
    _, values, result, contents = finished
    with ScriptedServer() as server:
        own = {**values, "base_url": server.url, "output_dir": str(tmp_path / "stages")}
        run({**own, "stage": "synthesize"})
        before = len(server.log)
        run({**own, "stage": "evaluate"})
        assert len(server.log) == before
    assert bytes_of(tmp_path / "stages") == contents


def test_gepa_searches_with_tokens_of_its_own_and_is_compared(tmp_path):
    pytest.importorskip("gepa", reason="the package gepa is not installed")
    with ScriptedServer() as server:
        values = values_for(tmp_path, server.url, baselines=["gepa"], proposers=["grid", "gepa"], num_candidates=3)
        result = run(values)
        assert server.tokens <= values["max_tokens"]
        contents, asked = bytes_of(result.folder), len(server.log)
        run(values)
        assert len(server.log) == asked and bytes_of(result.folder) == contents
    rows = read_table(result.folder / "comparison_results.parquet", "comparison_results")
    assert "gepa" in {row["name"] for row in rows} and result.report["tokens"]["searches"] == 2
