"""The Parquet tables: what goes in comes out, the same rows are the same bytes, and no wrong file is read."""

from __future__ import annotations

import dataclasses
import json

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.errors import DataError
from qa_pipeline.optimisation import tables
from qa_pipeline.optimisation.evaluations import PromptEvaluation
from qa_pipeline.optimisation.tables import (
    TABLES,
    data_rows,
    evaluation_rows,
    pair_rows,
    prompt_rows,
    read_table,
    table_schema,
    write_table,
)
from tests.generation.fakes import document
from tests.optimisation.made import BASELINE, InstantBackend, candidate, passages, rewrite, synthesizer

SHORT, REWRITTEN = candidate(order="short", few_shot=0), rewrite("Ask as a customer would.")


def evaluation(one, score=50.0, noise=1.0, **changes) -> PromptEvaluation:
    values = {"domain": "fees", "rung": 1, "passages": 4, "rows": 9, "tokens": 800} | changes
    return PromptEvaluation(one.hash, score=score, low=score - 3, high=score + 3, noise=noise, **values)


@pytest.fixture(scope="module")
def synthesis():
    return synthesizer(InstantBackend())(BASELINE, passages([document(i) for i in range(4)]))


def test_every_table_gives_back_what_was_written(tmp_path, synthesis):
    evaluations = [
        evaluation(BASELINE, rejected={"overlap": 2, "length": 1}, parts={"accepted": 0.5}, values=(40.0, 60.0)),
        evaluation(SHORT, 61.0),
        evaluation(REWRITTEN, 55.0),
    ]
    candidates = [BASELINE, SHORT, REWRITTEN]
    comparison = {"name": "best", "prompt_hash": SHORT.hash, "seed": None, "f1": 61.0, "p_value": 0.01}
    written = {
        "prompts": prompt_rows(candidates),
        "evaluations": evaluation_rows(evaluations, candidates),
        "pairs": pair_rows(evaluations, candidates),
        "synthetic_data": data_rows(synthesis, BASELINE, "fees"),
        "comparison_results": [comparison],
    }
    for name, rows in written.items():
        found = read_table(write_table(tmp_path / f"{name}.parquet", name, rows), name)
        assert rows and found == [dict.fromkeys(TABLES[name]) | row for row in rows]


def test_the_same_rows_are_the_same_bytes_in_whatever_order_their_fields_come(tmp_path):
    rows = [row | {"parts": {"b": 1.0, "a": 2.0}} for row in evaluation_rows([evaluation(SHORT)], [SHORT])]
    turned = [dict(reversed(row.items())) | {"parts": {"a": 2.0, "b": 1.0}} for row in rows]
    first, second = (
        write_table(tmp_path / f"{i}.parquet", "evaluations", given) for i, given in enumerate((rows, turned))
    )
    assert first.read_bytes() == second.read_bytes()


def test_a_table_without_rows_is_a_table(tmp_path):
    assert read_table(write_table(tmp_path / "pairs.parquet", "pairs", []), "pairs") == []


def test_a_file_names_its_table_and_version(tmp_path):
    write_table(tmp_path / "pairs.parquet", "pairs", [])
    metadata = parquet.read_schema(tmp_path / "pairs.parquet").metadata
    assert metadata[b"qa_pipeline.table"] == b"pairs" and metadata[b"qa_pipeline.table_version"] == b"1"


def test_synthetic_data_is_read_as_labelled_data_like_any_other(tmp_path, synthesis):
    path = write_table(tmp_path / "synthetic_data.parquet", "synthetic_data", data_rows(synthesis, BASELINE, "fees"))
    examples, _ = load_examples(path)
    wanted = [row.to_example() for row in synthesis.rows]
    for name in ("id", "context", "question", "answers"):
        assert [one[name] for one in examples] == [one[name] for one in wanted]


def test_rows_say_where_their_prompt_came_from(synthesis):
    parent = BASELINE.hash
    (row,) = evaluation_rows([evaluation(REWRITTEN)], [BASELINE, REWRITTEN])
    assert (row["parent"], row["made_by"], row["round"]) == (parent, "rewrite", 1)
    made = data_rows(dataclasses.replace(synthesis, prompt_hash=REWRITTEN.hash), REWRITTEN, "fees", round=2)
    assert {(row["prompt_hash"], row["parent"], row["round"]) for row in made} == {(REWRITTEN.hash, parent, 2)}
    assert json.loads(made[0]["metadata"])["generator"] == "llm"


def test_factors_of_the_grid_are_kept_and_rewrites_have_none():
    first, second = prompt_rows([SHORT, REWRITTEN])
    assert first["factors"]["order"] == "short" and first["factors"]["few_shot"] == 0
    assert second["factors"] is None


def test_pairs_are_of_one_domain_and_rung_and_weigh_what_is_beyond_the_noise():
    evaluations = [
        evaluation(BASELINE, 50.0, noise=3.0),
        evaluation(SHORT, 60.0, noise=4.0),
        evaluation(REWRITTEN, 60.0, noise=4.0, domain="boats"),
        evaluation(REWRITTEN, 90.0, noise=0.0, rung=0),
    ]
    (pair,) = pair_rows(evaluations, [BASELINE, SHORT, REWRITTEN])
    assert (pair["winner"], pair["loser"], pair["domain"], pair["rung"]) == (SHORT.hash, BASELINE.hash, "fees", 1)
    assert (pair["difference"], pair["noise"], pair["weight"]) == (10.0, 5.0, 5.0)


def test_a_pair_within_the_noise_weighs_nothing_and_equal_scores_are_no_pair():
    candidates = [BASELINE, SHORT, REWRITTEN]
    evaluations = [evaluation(BASELINE, 50.0), evaluation(SHORT, 50.5), evaluation(REWRITTEN, 50.5)]
    found = pair_rows(evaluations, candidates)
    assert {pair["weight"] for pair in found} == {0.0}
    assert {pair["loser"] for pair in found} == {BASELINE.hash} and len(found) == 2


def test_a_column_that_a_table_has_not_is_a_mistake():
    with pytest.raises(ValueError, match="table pairs, row 0: it has no column wining"):
        write_table("unused.parquet", "pairs", [{"wining": "a", "winner": "a", "loser": "b"}])


def test_a_key_may_not_be_missing():
    with pytest.raises(ValueError, match="table pairs, row 1: loser may not be null"):
        write_table("unused.parquet", "pairs", [{"winner": "a", "loser": "b"}, {"winner": "a"}])


def test_a_value_of_another_type_is_a_mistake():
    with pytest.raises(ValueError, match="table pairs: a row holds a value of another type"):
        write_table("unused.parquet", "pairs", [{"winner": "a", "loser": "b", "difference": "much"}])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"pairs\.parquet: cannot be read .* expected the table pairs"):
        read_table(tmp_path / "pairs.parquet", "pairs")


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-30], lambda b: b[:60] + b"\0" * 40 + b[100:]])
def test_a_damaged_file_is_named_and_how_to_mend_it(tmp_path, damage):
    rows = pair_rows([evaluation(BASELINE), evaluation(SHORT, 60.0)], [BASELINE, SHORT])
    path = write_table(tmp_path / "pairs.parquet", "pairs", rows)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"pairs\.parquet: damaged, or no Parquet file .*Remove it"):
        read_table(path, "pairs")


def test_another_table_is_refused(tmp_path):
    path = write_table(tmp_path / "pairs.parquet", "pairs", [])
    with pytest.raises(DataError, match="expected the table prompts of optimize-prompt, found the table pairs"):
        read_table(path, "prompts")


def test_a_parquet_file_of_another_program_is_refused(tmp_path):
    parquet.write_table(pa.table({"winner": ["a"]}), tmp_path / "pairs.parquet")
    with pytest.raises(DataError, match="found a Parquet file of another program"):
        read_table(tmp_path / "pairs.parquet", "pairs")


def test_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "VERSION", 7)
    path = write_table(tmp_path / "pairs.parquet", "pairs", [])
    monkeypatch.undo()
    with pytest.raises(DataError, match="expected version 1 of the table pairs, found 7"):
        read_table(path, "pairs")


def test_columns_that_were_changed_are_named(tmp_path):
    schema = table_schema("pairs")
    changed = pa.schema([f for f in schema if f.name != "noise"], metadata=schema.metadata)
    parquet.write_table(changed.empty_table(), tmp_path / "pairs.parquet")
    with pytest.raises(DataError, match="the columns noise are not as the table pairs has them"):
        read_table(tmp_path / "pairs.parquet", "pairs")
