"""Exports of tiny models, made once for all tests of this folder. Do not change them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny_models import save_tiny

CONTEXTS = [
    f"Tariff {number}: a lost card costs {20 + number} euros in {town}. It is sent by post, and children pay nothing."
    for number, town in enumerate(["Ulm", "Bern", "Graz", "Lyon", "Turin", "Porto", "Ghent", "Oslo"])
]


@pytest.fixture(autouse=True)
def no_search_encoder(monkeypatch):
    """Exports of tests leave out the encoder of the search, which takes seconds; test_encoder.py tests it."""
    from qa_pipeline.export import exporting

    monkeypatch.setattr(exporting, "encoder_at_hand", lambda name: None)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory) -> Path:
    """A file of 16 labelled questions."""
    rows = []
    for number, context in enumerate(CONTEXTS):
        answer = f"{20 + number} euros"
        for question in ("What does a lost card cost?", f"How much is tariff {number}?"):
            rows.append({"id": f"{len(rows)}", "context": context, "question": question, "answer": answer})
    path = tmp_path_factory.mktemp("data") / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """Gives the folder of a tiny model of a family with a head, whose answers differ from question to question."""
    made: dict[str, str] = {}

    def folder(family: str = "bert") -> str:
        if family not in made:
            made[family] = save_reader(family, tmp_path_factory.mktemp(family) / "reader")
        return made[family]

    return folder


def save_reader(family: str, folder: Path) -> str:
    """A tiny model with a head that counts as trained, with tokenizer and settings."""
    from qa_pipeline.arguments import LoRAArguments, ModelArguments
    from qa_pipeline.modeling import StoredSettings, load_model, load_tokenizer, save_model

    arguments = ModelArguments(model_name_or_path=save_tiny(family, folder.with_name(f"{folder.name}_encoder"), seed=3))
    model = load_model(arguments, LoRAArguments(), device="cpu", seed=5)
    settings = StoredSettings(max_seq_length=64, doc_stride=16, max_question_length=16, max_answer_length=10)
    return str(save_model(model, load_tokenizer(arguments), settings, folder))


@pytest.fixture(scope="session")
def exported(tmp_path_factory, reader, labelled):
    """Gives the report of an export of the tiny BERT."""
    from qa_pipeline.export import export

    made = {}

    def report(form: str, int8: bool = False):
        if (form, int8) not in made:
            options = {"int8": True, "validation_data": labelled, "most_lost_f1": 100.0} if int8 else {}
            options |= {"calibration_data": labelled} if int8 and form == "openvino" else {}
            folder = tmp_path_factory.mktemp(form) / "export"
            made[form, int8] = export(reader(), folder, form, **options)
        return made[form, int8]

    return report
