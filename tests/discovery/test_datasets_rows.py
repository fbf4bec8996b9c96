"""Rows are taken only from data sets whose sample holds, in the wanted shares, exactly as many as wanted."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.data.schema import validate
from qa_pipeline.discovery.arguments import DatasetSearchArguments
from qa_pipeline.discovery.dataset_candidate import DatasetCandidate
from qa_pipeline.discovery.dataset_rows import is_cached, quotas, retrieve_rows
from qa_pipeline.discovery.folders import folder_datasets
from qa_pipeline.errors import ConfigError
from tests.discovery.hub_server import no_sockets
from tests.discovery.test_datasets_folders import rows, save

__all__ = ["no_sockets"]


def candidate(path: Path, **facts) -> DatasetCandidate:
    return DatasetCandidate(str(path), "folder", path.name, files={"train": (str(path),)}, fits=True, **facts)


@pytest.fixture
def two(tmp_path):
    """Two data sets of 40 and of 10 rows, two questions to a context."""
    paths = [save(tmp_path / "many.jsonl", pairs(20)), save(tmp_path / "few.jsonl", pairs(5, 100))]
    return [candidate(path, licence="mit") for path in paths]


def pairs(count: int, start: int = 0) -> list[dict]:
    made = rows(count, start)
    return [*made, *({**row, "id": f"{row['id']}b", "question": f"And {row['question']}"} for row in made)]


def retrieve(candidates, seed=0, **settings):
    return retrieve_rows(candidates, DatasetSearchArguments(**settings), seed=seed)


def sources(retrieved) -> Counter:
    return Counter(row["metadata"]["source"] for row in retrieved.rows)


def test_shares_are_equal_and_what_one_lacks_the_other_gives(two):
    assert list(sources(retrieve(two, max_retrieved_rows=9)).values()) == [5, 4]
    assert list(sources(retrieve(two, max_retrieved_rows=30)).values()) == [20, 10]
    assert list(sources(retrieve(two, max_retrieved_rows=1000)).values()) == [40, 10]


def test_weights_name_the_data_sets_and_their_shares(two):
    many, few = two[0].id, two[1].id
    retrieved = retrieve(two, max_retrieved_rows=8, dataset_weights={many: 3, few: 1})
    assert sources(retrieved) == {many: 6, few: 2}
    assert [one.weight for one in retrieved.used] == [0.75, 0.25]
    assert set(sources(retrieve(two, max_retrieved_rows=8, dataset_weights={few: 1}))) == {few}


def test_weights_that_are_wrong_are_all_named(two):
    with pytest.raises(ConfigError, match="nowhere is none of the data sets found"):
        retrieve(two, dataset_weights={"nowhere": 1})
    with pytest.raises(ConfigError, match="expected a number above 0, found 0"):
        retrieve(two, dataset_weights={two[0].id: 0})


def test_rows_say_where_they_come_from_and_keep_the_schema(two):
    retrieved = retrieve(two, max_retrieved_rows=12)
    assert len({row["id"] for row in retrieved.rows}) == 12
    assert retrieved.rows[0]["metadata"] == {
        "source": two[0].id,
        "licence": "mit",
        "config": None,
        "split": "train",
    }
    for row in retrieved.rows:
        text, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
        assert row["context"][start : start + len(text)] == text
    from qa_pipeline.data import to_squad

    validate(to_squad(retrieved.rows), "squad", "rows")


def test_questions_about_one_context_are_taken_together(two):
    retrieved = retrieve(two[:1], max_retrieved_rows=12)
    assert set(Counter(row["context"] for row in retrieved.rows).values()) == {2}


def test_the_same_seed_takes_the_same_rows_whatever_else_is_used(two):
    first = retrieve(two[:1], max_retrieved_rows=12)
    assert retrieve(two[:1], max_retrieved_rows=12) == first
    beside = retrieve(two, max_retrieved_rows=22, dataset_weights={two[0].id: 12, two[1].id: 10})
    assert [row for row in beside.rows if row["metadata"]["source"] == two[0].id] == first.rows
    other = retrieve(two[:1], seed=1, max_retrieved_rows=12)
    assert {row["id"] for row in other.rows} != {row["id"] for row in first.rows}


def test_no_more_data_sets_are_used_than_wanted(two):
    assert len(retrieve(two, num_datasets=1).used) == 1
    assert retrieve(two, num_datasets=0).rows == []


def test_what_does_not_fit_is_not_used_unless_general_data_is_asked_for(two):
    from dataclasses import replace

    off = [replace(one, fits=False, general=place == 1) for place, one in enumerate(two)]
    assert retrieve(off).rows == [] and retrieve(off).refused == []
    assert set(sources(retrieve(off, general_datasets=True))) == {two[1].id}


REFUSED = {
    "yes_no": ([{"answer": "yes"}], "none of 40 rows can be used.*not yes or no"),
    "not_in_text": ([{"answer": "a number that the text does not have"}], "no answer is in the context"),
    "classification": ([{"answer": "library"}], "reads like classification"),
    "whole_text": ([{"answer": None}], "whole text"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_extractive_data_is_refused_with_its_reason(tmp_path, kind):
    (change,), reason = REFUSED[kind]
    made = [
        {"question": row["question"], "context": row["context"], "answer": change["answer"] or row["context"]}
        for row in rows(40)
    ]
    retrieved = retrieve([candidate(save(tmp_path / f"{kind}.jsonl", made))])
    assert retrieved.rows == [] and retrieved.used == []
    assert re.search(reason, retrieved.refused[0].reason), retrieved.refused


def test_the_next_candidate_takes_the_place_of_a_refused_one(two, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("[{", encoding="utf-8")
    retrieved = retrieve([candidate(broken), *two], num_datasets=1, max_retrieved_rows=4)
    assert set(sources(retrieved)) == {two[0].id}
    assert [one.id for one in retrieved.refused] == [str(broken)]


def test_a_known_mapping_that_does_not_hold_gives_way_to_the_inferred_one(tmp_path):
    one = candidate(
        save(tmp_path / "a.jsonl", rows(30)),
        field_mapping={"context": "question", "question": "id", "answers": "answers"},
    )
    retrieved = retrieve([one], max_retrieved_rows=5)
    assert len(retrieved.rows) == 5 and retrieved.used[0].field_mapping["context"] == "context"


def test_a_candidate_that_is_not_usable_is_refused_with_its_reason(two):
    from dataclasses import replace

    retrieved = retrieve([replace(two[0], usable=False, why_not="it is made by a script"), two[1]])
    assert retrieved.refused[0].reason == "it is made by a script" and set(sources(retrieved)) == {two[1].id}


def test_shards_of_a_split_are_read_together_with_ids_of_their_own(tmp_path):
    save(tmp_path / "train-00000-of-00002.jsonl", rows(3))
    save(tmp_path / "train-00001-of-00002.jsonl", [{**row, "id": f"q{n}"} for n, row in enumerate(rows(3, 50))])
    from dataclasses import replace

    (one,), _ = folder_datasets([str(tmp_path)])
    retrieved = retrieve([replace(one, fits=True)])
    assert len({row["id"] for row in retrieved.rows}) == 6


# Without a network


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A data set of the Hub in the cache of `datasets`, as it lies there after a download."""
    import datasets

    file = save(tmp_path / "made" / "train.jsonl", rows(30))
    built = datasets.load_dataset("json", data_files={"train": str(file)}, cache_dir=str(tmp_path / "built"))
    made = Path(built["train"].cache_files[0]["filename"]).parent
    place = tmp_path / "cache" / "acme___museum_qa" / "default" / "0.0.0" / "0123456789abcdef"
    place.parent.mkdir(parents=True)
    made.rename(place)
    for arrow in place.glob("json-*.arrow"):
        arrow.rename(place / arrow.name.replace("json-", "museum_qa-"))
    info = json.loads((place / "dataset_info.json").read_text())
    info |= {"dataset_name": "museum_qa", "config_name": "default"}
    info["splits"]["train"]["dataset_name"] = "museum_qa"
    (place / "dataset_info.json").write_text(json.dumps(info))
    return str(tmp_path / "cache")


def test_offline_only_the_cache_is_read_and_no_socket_is_opened(cached, two, no_sockets, monkeypatch):
    import datasets
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    hub = [
        DatasetCandidate(id, "hub", id, rows={"train": 30}, fits=True) for id in ("acme/museum_qa", "acme/else_where")
    ]
    settings = DatasetSearchArguments(max_retrieved_rows=10, num_datasets=3)
    retrieved = retrieve_rows([*hub, two[0]], settings, offline=True, cache_dir=cached)
    assert sources(retrieved) == {"acme/museum_qa": 5, two[0].id: 5}
    assert "not in the local cache" in retrieved.refused[0].reason and "offline" in retrieved.refused[0].reason
    assert not constants.HF_HUB_OFFLINE and not datasets.config.HF_HUB_OFFLINE
    assert is_cached("acme/museum_qa", cached) and not is_cached("acme/else_where", cached)


@pytest.fixture
def hub_data(monkeypatch):
    """What `datasets.load_dataset` gives, or raises; and what it was asked for."""
    import datasets

    asked = []

    def answer(*splits, error=None):
        def load(repository, **options):
            asked.append((repository, options))
            if error:
                raise error
            return datasets.DatasetDict({split: datasets.Dataset.from_list(rows(30)) for split in splits})

        monkeypatch.setattr(datasets, "load_dataset", load)
        return asked

    return answer


def of_hub(**facts) -> DatasetCandidate:
    return DatasetCandidate("acme/museum_qa", "hub", "museum qa", fits=True, **facts)


def test_data_of_the_hub_is_loaded_with_its_configuration_and_its_split(hub_data):
    asked = hub_data("train", "validation")
    retrieved = retrieve([of_hub(config="en", rows={"validation": 30})], max_retrieved_rows=5)
    assert retrieved.used[0].split == "validation" and len(retrieved.rows) == 5
    assert asked[0] == ("acme/museum_qa", {"name": "en"})


def test_the_only_split_is_read_whatever_its_name(hub_data):
    hub_data("questions")
    retrieved = retrieve([of_hub()], max_retrieved_rows=5)
    assert len(retrieved.rows) == 5 and retrieved.rows[0]["metadata"]["split"] is None


def test_what_the_hub_refuses_is_refused_with_its_words_and_the_next_is_used(hub_data, two):
    hub_data(error=ValueError("Config name is missing. Please pick one among: en, de"))
    retrieved = retrieve([of_hub(), two[0]], max_retrieved_rows=5)
    assert "Config name is missing" in retrieved.refused[0].reason
    assert set(sources(retrieved)) == {two[0].id}


def test_the_result_is_json(two):
    content = json.loads(json.dumps(retrieve(two, max_retrieved_rows=4).to_dict()))
    assert content["rows"] == 4 and {"id", "rows", "weight", "reason", "licence"} <= content["used"][0].keys()


@pytest.mark.parametrize(("bad", "rows_read", "used"), [(2, 8, True), (5, 8, False), (40, 200, True), (60, 200, False)])
def test_a_few_bad_rows_of_a_small_sample_may_be_chance(tmp_path, bad, rows_read, used):
    made = rows(rows_read)
    for row in made[:bad]:
        row["answers"] = {"text": ["not in there"], "answer_start": [0]}
    retrieved = retrieve([candidate(save(tmp_path / "some.jsonl", made))])
    assert bool(retrieved.used) == used
    if not used:
        assert "hold, 80% must" in retrieved.refused[0].reason


# Shares


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 500)), min_size=1, max_size=6),
    st.integers(1, 800),
)
def test_quotas_add_up_to_what_is_wanted_or_to_all_there_is(parts, total):
    weights, limits = [weight for weight, _ in parts], [limit for _, limit in parts]
    taken = quotas(weights, limits, total)
    assert sum(taken) == min(total, sum(limits))
    assert all(0 <= count <= limit for count, limit in zip(taken, limits, strict=True))
    if all(count < limit for count, limit in zip(taken, limits, strict=True)):
        exact = [total * weight / sum(weights) for weight in weights]
        assert all(abs(count - share) < 1 + 1e-6 for count, share in zip(taken, exact, strict=True))
