"""Base models: found in catalogue, Hub, cache and folders, refused in words, ranked, and chosen without a network."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from qa_pipeline.discovery.hub import Hub
from qa_pipeline.discovery.hub_requests import HubRequests
from qa_pipeline.discovery.memory import DeviceFacts, TrainingPlan
from qa_pipeline.discovery.model_arguments import ModelSearchArguments
from qa_pipeline.discovery.models import WEIGHTS, find_models
from qa_pipeline.generation.specification.specification import Specification, parse_prompt
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from tests.discovery.hub_server import TOKEN, Fault, hub_server, model, no_sockets

__all__ = ["hub_server", "no_sockets"]

CPU = DeviceFacts("cpu", 24 * 10**9, cores=2, bf16=True)
NOTHING_SPECIAL = "Answer questions about the history of our town"


class Meanings:
    """In place of an embedder: texts with the same one of these words mean the same, all others nothing alike."""

    WORDS = ("medic", "law", "contract")

    def embed(self, texts):
        vectors = np.zeros((len(texts), len(texts) + len(self.WORDS)), dtype=np.float32)
        for row, text in enumerate(texts):
            word = next((place for place, word in enumerate(self.WORDS) if word in text.lower()), None)
            vectors[row, len(self.WORDS) + row if word is None else word] = 1.0
        return vectors


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """The local cache of the Hub: an empty folder, with no models of the machine."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _cache_manager

    folder = tmp_path / "hub_cache"
    folder.mkdir()
    for module in (constants, _cache_manager):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(folder), raising=False)
    return folder


def find(prompt=NOTHING_SPECIAL, hub=None, device=CPU, plan=None, **settings):
    specification = prompt if isinstance(prompt, Specification) else parse_prompt(prompt)
    wanted = ModelSearchArguments(**settings)
    return find_models(specification, wanted, hub=hub, device=device, plan=plan, embedder=Meanings())


def by_id(candidates):
    return {one.id: one for one in candidates}


def hub_of(server, **options):
    defaults = {"token": None, "timeout_s": 5.0, "most_requests": 60, "sleep": lambda seconds: None}
    return Hub(server.url, requests=HubRequests(**{**defaults, **options}))


# Ranking


def test_a_model_that_answers_questions_already_comes_first():
    first = find()[0]
    assert first.fits and first.answers_questions and first.parts["answers"] == WEIGHTS["answers"]
    assert first.reason.startswith("Answers questions already (SQuAD 2.0: F1 ")


def test_a_model_of_the_subject_comes_before_others_and_one_of_another_subject_last():
    ranked = [one.id for one in find("I want a reading comprehension model for medical leaflets") if one.fits]
    medical = ("emilyalsentzer/Bio_ClinicalBERT", "michiyasunaga/BioLinkBERT-base", "microsoft/BiomedNLP-BiomedBERT")
    assert all(name.startswith(medical) for name in ranked[:3])
    ranked = [one.id for one in find("Questions about the clauses of rental contracts") if one.fits]
    assert ranked.index("dmis-lab/biobert-v1.1") > ranked.index("google-bert/bert-large-uncased")


def test_the_language_decides_who_may_answer():
    candidates = find("Ich brauche ein Modell, das Fragen zu Arzneimitteln beantwortet")
    fitting = [one for one in candidates if one.fits and one.id != EMBEDDED_MODEL]
    assert fitting[0].id == "deepset/gelectra-base-germanquad"
    assert all(one.languages == ("multilingual",) or "de" in one.languages for one in fitting)
    assert by_id(candidates)["FacebookAI/roberta-base"].why_not == "it was made for English, not for German"


def test_several_languages_need_one_model_for_all_of_them():
    fitting = [one for one in find("One model for questions in English and German manuals") if one.fits]
    assert all(one.is_multilingual for one in fitting if one.id != EMBEDDED_MODEL)


def test_a_wish_for_a_small_model_or_for_long_documents_is_heard():
    small = find("A tiny model that answers questions about recipes on a phone")[0]
    assert small.parameters < 70e6
    long = by_id(find("Answer questions about reports that are hundreds of pages long"))
    assert long["answerdotai/ModernBERT-base"].parts["wish"] == WEIGHTS["wish"]
    assert long["FacebookAI/roberta-base"].parts["wish"] == 0


def test_what_trains_for_hours_on_a_cpu_comes_later_than_on_a_gpu():
    large, small = "deepset/deberta-v3-large-squad2", "deepset/minilm-uncased-squad2"
    on_cpu = [one.id for one in find()]
    on_gpu = [one.id for one in find(device=DeviceFacts("cuda", 40 * 10**9, cores=8, bf16=True))]
    assert on_cpu.index(small) < on_cpu.index(large) and on_gpu.index(large) < on_gpu.index(small)


def test_every_candidate_says_why_it_stands_where_it_stands_and_is_json():
    candidates = find()
    for one in candidates:
        assert one.reason and (one.fits or one.why_not)
        assert one.score == pytest.approx(sum(one.parts.values()), abs=0.01)
        assert json.loads(json.dumps(one.to_dict()))["id"] == one.id
    assert [one.fits for one in candidates] == sorted((one.fits for one in candidates), reverse=True)


# Filters


def test_licences_are_filtered_and_an_unknown_one_only_where_it_is_allowed():
    candidates = by_id(find(model_licences=["mit", "apache-2.0"]))
    assert candidates["FacebookAI/roberta-base"].fits
    refused = candidates["deepset/roberta-base-squad2"]
    assert refused.why_not == "its licence is cc-by-4.0; model_licences allows mit, apache-2.0"
    unknown = "dmis-lab/biobert-v1.1"
    assert "its licence is unknown" in candidates[unknown].why_not
    assert by_id(find(model_licences=["mit", "unknown"]))[unknown].fits


def test_the_size_limit_is_kept():
    candidates = find(max_model_mb=140)
    assert {one.id for one in candidates if one.fits and one.size_mb} and all(
        one.size_mb <= 140 for one in candidates if one.fits and one.size_mb
    )
    assert "max_model_mb is 140" in by_id(candidates)["FacebookAI/roberta-base"].why_not


def test_memory_decides_how_a_model_would_be_trained_and_whether():
    large = "google-bert/bert-large-uncased"
    gpu = [by_id(find(device=DeviceFacts("cuda", gigabytes * 10**9, bf16=True)))[large] for gigabytes in (24, 7, 2)]
    assert [one.method for one in gpu] == ["full", "lora", None]
    assert "takes more memory than is free here (one cuda device with 2.0 GB free)" in gpu[2].why_not
    chosen = by_id(find(plan=TrainingPlan(method="full", batch_tokens=10**6)))[large]
    assert "training it (all weights) takes more memory" in chosen.why_not


def test_a_catalogue_entry_without_safe_weights_is_refused():
    refused = by_id(find())["google/electra-base-discriminator"]
    assert not refused.fits and "no weights in safetensors" in refused.why_not


# The Hub


def test_hits_of_the_hub_join_the_catalogue_and_every_kind_of_bad_one_is_refused(hub_server):
    hub_server.add(model("deepset/minilm-uncased-squad2", "bert", 33.4, "en", "license:mit", "question-answering"))
    hub_server.cards["deepset/minilm-uncased-squad2"] = "# A small reader"
    candidates = by_id(find("squad questions about our town", hub=hub_of(hub_server)))
    small = candidates["acme/small-squad2"]
    assert small.fits and small.source == "hub" and small.context_length == 512 and not small.at_hand
    assert "SQuAD 2.0: F1 76.1" in small.reason and small.description == "# A small reader"
    known = candidates["deepset/minilm-uncased-squad2"]
    assert (known.source, known.licence) == ("catalogue", "mit")  # the Hub's word is newer
    refusals = {
        "acme/pickled-squad": "no weights in safetensors",
        "acme/chatty-qa": "write texts from left to right",
        "acme/own-code-squad": "needs Python code of its own repository",
        "acme/gated-squad": "accepted on the Hub: do that, and set HF_TOKEN",
    }
    for name, words in refusals.items():
        assert words in candidates[name].why_not


def test_a_gated_model_is_there_too_with_the_token(hub_server):
    hub_server.open_to_token.add("acme/gated-squad")
    hub = hub_of(hub_server, token=TOKEN)
    candidates = by_id(find(hub=hub))
    assert candidates["acme/gated-squad"].fits and candidates["acme/small-squad2"].fits
    off = by_id(find(hub=hub_of(hub_server, token=TOKEN), gated_models=False))
    assert "gated_models is off" in off["acme/gated-squad"].why_not


def test_a_family_without_a_head_is_refused(hub_server):
    hub_server.add(model("acme/image-qa", "vit", 86, "en", "question-answering", downloads=9999))
    refused = by_id(find(hub=hub_of(hub_server)))["acme/image-qa"]
    assert refused.why_not == "transformers has no question-answering head for models of the type vit"


def test_a_model_without_a_fast_tokenizer_is_refused(hub_server):
    files = ["README.md", "config.json", "model.safetensors", "vocab.bin"]
    hub_server.add(model("acme/slow-squad", "flaubert", 50, "en", "question-answering", files=files, downloads=9999))
    assert "no fast tokenizer" in by_id(find(hub=hub_of(hub_server)))["acme/slow-squad"].why_not


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/api/models", 500),
        Fault("/api/models", 429, {"Retry-After": "9999"}),
        Fault("/api/models", 200, body="[{]"),
        Fault("/api/models/", 404, {"X-Error-Code": "RepoNotFound"}),
        Fault("/acme", 500),
    ],
    ids=["500", "429", "damaged", "gone", "no files"],
)
def test_faults_of_the_hub_leave_the_catalogue(hub_server, fault):
    hub_server.faults = [fault]
    candidates = find(hub=hub_of(hub_server))
    assert by_id(candidates)[EMBEDDED_MODEL].fits and candidates[0].fits


def test_the_hub_is_asked_for_the_words_of_the_subject_and_for_models_of_many_languages(hub_server):
    wish = Specification(prompt="Fragen", domain="Verträge und Mietrecht", language="de")
    find(wish, hub=hub_of(hub_server))
    asked = [request.query for request in hub_server.requests if request.path == "/api/models"]
    assert [query.get("search", [""])[0] for query in asked[:3]] == ["verträge", "mietrecht", ""]
    assert {tuple(query["filter"]) for query in asked} == {
        ("question-answering", "de"),
        ("fill-mask", "de"),
        ("question-answering", "multilingual"),
    }


def test_the_number_of_requests_is_small(hub_server):
    hub_server.add(*(model(f"acme/squad-{n}", "bert", 30, "en", "question-answering") for n in range(40)))
    hub = hub_of(hub_server)
    find(hub=hub)
    assert hub.requests.sent <= 40


def test_the_hub_is_not_asked_where_that_is_off(hub_server):
    find(hub=hub_of(hub_server), hub_models=False)
    assert hub_server.requests == []


# Without a network


def test_no_socket_is_opened_without_a_hub(no_sockets):
    candidates = find_models(parse_prompt(NOTHING_SPECIAL), ModelSearchArguments(), hub=None)
    at_hand = [one for one in candidates if one.at_hand and one.fits]
    assert [one.id for one in at_hand] == [EMBEDDED_MODEL]
    assert at_hand[0].reason.endswith("at hand.")
    assert any(one.fits and one.reason.endswith("has to be downloaded.") for one in candidates)


def test_the_embedded_model_is_the_last_resort_where_nothing_fits_better():
    candidates = find("Ich brauche ein Modell, das Fragen zu Arzneimitteln beantwortet")
    package = by_id(candidates)[EMBEDDED_MODEL]
    assert package.fits and candidates[sum(one.fits for one in candidates) - 1] == package
    assert "it was made for English, not for German" in package.reason


def test_a_model_of_the_local_cache_is_at_hand(empty_cache, tiny_bert):
    snapshot = empty_cache / "models--deepset--minilm-uncased-squad2" / "snapshots" / "0123abcd"
    shutil.copytree(tiny_bert, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123abcd")
    other = empty_cache / "models--acme--half" / "snapshots" / "0123abcd"
    other.mkdir(parents=True)
    (other / "config.json").write_text("{")
    candidates = by_id(find())
    cached = candidates["deepset/minilm-uncased-squad2"]
    assert cached.at_hand and cached.fits and cached.source == "catalogue"
    assert "acme/half" not in candidates


def test_a_folder_is_a_candidate_with_what_its_files_say(tiny_bert, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForQuestionAnswering"]}))
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Mine\n")
    mine = by_id(find(model_folders=[str(folder)], model_licences=["apache-2.0"]))[str(folder)]
    assert mine.fits and mine.at_hand and mine.answers_questions and mine.source == "folder"
    assert (mine.languages, mine.licence, mine.family) == (("en",), "mit", "bert")
    assert 5_000 < mine.parameters < 200_000 and mine.size_mb == pytest.approx(mine.parameters * 4 / 1e6, rel=0.2)


def test_folders_without_a_model_are_refused_in_words(tmp_path):
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("[1")
    names = [str(tmp_path / "gone"), str(tmp_path / "empty"), str(broken)]
    candidates = by_id(find(model_folders=names))
    assert "does not exist" in candidates[names[0]].why_not
    assert "holds no model" in candidates[names[1]].why_not
    assert "config.json cannot be read" in candidates[names[2]].why_not


def test_a_folder_with_pickled_weights_only_is_refused(tiny_bert, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_bert, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "no weights in safetensors" in by_id(find(model_folders=[str(folder)]))[str(folder)].why_not
