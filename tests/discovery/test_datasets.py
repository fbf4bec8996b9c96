"""Data sets are ranked by their subject, every source counts, and what fails on the way is said and ends nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from qa_pipeline.discovery.arguments import DatasetSearchArguments
from qa_pipeline.discovery.catalogue import known_datasets
from qa_pipeline.discovery.dataset_candidate import DatasetCandidate, why_refused
from qa_pipeline.discovery.datasets import choose_few_shots, find_datasets, retrieve_rows
from qa_pipeline.discovery.hub import Hub
from qa_pipeline.discovery.hub_requests import HubRequests
from qa_pipeline.discovery.languages import wanted_languages
from qa_pipeline.discovery.topic import topic_of
from qa_pipeline.errors import BackendError, ConfigError
from qa_pipeline.generation.backends.protocol import Completion, Failure, UsageTotals
from qa_pipeline.generation.specification.specification import Specification, parse_prompt
from qa_pipeline.retrieval import Embedder
from tests.discovery.hub_server import Fault, dataset, hub_server, no_sockets
from tests.discovery.test_datasets_folders import rows, save

__all__ = ["hub_server", "no_sockets"]


@pytest.fixture(scope="module")
def embedder():
    return Embedder()


def hub_of(server, **options) -> Hub:
    requests = {"token": None, "timeout_s": 2.0, "most_requests": 60, "sleep": lambda seconds: None} | options
    return Hub(server.url, viewer=server.url, requests=HubRequests(**requests))


def find(prompt, embedder=None, hub=None, backend=None, notes=None, **settings):
    """By words alone, which is quick, unless a test says otherwise."""
    how = {"dataset_ranking": "both" if embedder else "words"}
    arguments = DatasetSearchArguments(**{**how, **settings})
    return find_datasets(parse_prompt(prompt), arguments, hub=hub, backend=backend, embedder=embedder, notes=notes)


def by_id(candidates) -> dict[str, DatasetCandidate]:
    return {one.id: one for one in candidates}


# The subject decides


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("Answer questions about our leave policy", "our leave policy"),
        ("squad-like questions about football", "football"),
        ("Build an extractive question answering model for insurance contracts", "insurance contracts"),
        ("Fragen zu Mietverträgen beantworten", "zu Mietverträgen"),
        ("Make 200 questions about whales", "whales"),
    ],
)
def test_the_words_of_the_task_are_no_part_of_the_subject(prompt, topic):
    assert topic_of(parse_prompt(prompt)) == topic


def test_a_domain_that_was_edited_is_the_subject():
    assert (
        topic_of(Specification(prompt="Answer questions about football", domain="handball rules")) == "handball rules"
    )


@pytest.mark.parametrize(
    ("prompt", "codes"),
    [
        ("Answer questions about our leave policy", ("en",)),
        ("Ich brauche ein Modell, das Fragen zu Arzneimitteln beantwortet", ("de",)),
        ("Questions about wine in French", ("fr",)),
        ("Polish reading comprehension", ("pl",)),
        ("Answer questions about Spanish football", ("en",)),
        ("Answer questions about French and German wines", ("en",)),
        ("questions in French and German", ("fr", "de")),
        ("a multilingual reader for Danish or Swedish laws", ("da", "sv")),
        ("One model for English, German and Arabic manuals", ("en", "de", "ar")),
        ("回答关于医学的问题", ("zh",)),
    ],
)
def test_the_language_is_named_or_that_of_the_prompt(prompt, codes):
    assert wanted_languages(parse_prompt(prompt)) == codes


def test_the_nearest_of_the_subject_comes_first_and_says_why(embedder):
    first = find("SQuAD-like questions about the privacy policies of apps", embedder)[0]
    assert first.id == "alzoubi36/policy_qa" and first.fits and first.usable
    for said in ("about the subject (privacy policies of apps)", "rows", "MB", "licence", "English"):
        assert said in first.reason


def test_where_nothing_is_about_the_subject_general_data_is_named_as_what_it_is_and_nothing_is_used(embedder):
    found = find("Answer questions about knitting patterns for socks", embedder)
    assert found[0].general and "general-purpose, not about the subject" in found[0].reason
    assert not any(one.fits for one in found)
    assert retrieve_rows(found, DatasetSearchArguments(), offline=True).to_dict() == {
        "rows": 0,
        "used": [],
        "refused": [],
    }


def test_a_wish_without_a_subject_is_served_by_general_data():
    found = find("a question answering model")
    assert found[0].general and found[0].fits and "none is named" in found[0].reason


def test_data_in_another_language_stands_last_and_says_so():
    found = find("Fragen zu Wikipedia-Artikeln beantworten")
    assert "de" in found[0].languages
    last = found[-1]
    assert "de" not in last.languages and not last.usable and "German is wanted" in last.why_not
    spoken = ["de" in one.languages for one in found]
    assert spoken == sorted(spoken, reverse=True)


def test_a_wish_for_questions_without_answers_prefers_data_with_some(embedder):
    found = find("English Wikipedia questions, a third of them unanswerable", embedder)
    assert found[0].general and found[0].answerable_only is False
    assert find("English Wikipedia questions", embedder)[0].answerable_only is not False


def test_the_configuration_is_that_of_the_language():
    assert by_id(find("Fragen zu Wikipedia-Artikeln beantworten"))["google/xquad"].config == "xquad.de"


def test_candidates_are_json(embedder):
    content = json.loads(json.dumps([one.to_dict() for one in find("football", embedder)]))
    wanted = {"id", "reason", "rows", "num_rows", "size_mb", "licence", "languages", "source", "usable", "why_not"}
    assert wanted <= content[0].keys()


# Filters


def refusal(settings=None, has_token=False, **facts) -> str | None:
    one = DatasetCandidate("some/set", "hub", "set", **facts)
    return why_refused(one, settings or DatasetSearchArguments(), ["en"], has_token)


def test_every_filter_says_what_it_refuses():
    assert refusal() is None
    assert "Python script" in refusal(has_script=True) and "refs/convert/parquet" in refusal(has_script=True)
    assert "more than max_dataset_mb=300" in refusal(size_mb=301.0)
    mit = DatasetSearchArguments(dataset_licences=["MIT"])
    assert refusal(mit, licence="mit") is None
    assert "its licence (cc-by-4.0)" in refusal(mit, licence="cc-by-4.0")
    assert "its licence (not known)" in refusal(mit)
    both = refusal(mit, has_script=True, languages=("de",))
    assert "script" in both and "it is in German, and English is wanted" in both and "licence" in both


def test_gated_data_is_used_with_a_token_beside_the_open_ones():
    assert "set HF_TOKEN" in refusal(gated=True)
    assert refusal(gated=True, has_token=True) is None
    off = DatasetSearchArguments(gated_datasets=False)
    assert "gated_datasets is off" in refusal(off, has_token=True, gated=True) and refusal(off) is None


def test_weights_that_cannot_be_used_are_an_error_with_each_fault():
    with pytest.raises(ConfigError, match="2 problems"):
        find("football", dataset_weights={"a": 0, "b": "much"})


# The Hub


def test_data_sets_of_the_hub_stand_beside_the_known_ones_with_card_and_size(hub_server, embedder):
    found = by_id(find("questions about privacy policies", embedder, hub_of(hub_server)))
    one = found["acme/privacy_qa"]
    assert (one.source, one.licence, one.num_rows, one.size_mb) == ("hub", "cc-by-4.0", 18000, 5.0)
    assert one.fits and "Questions about privacy policies" in one.description
    assert found["alzoubi36/policy_qa"].source == "catalogue"


def test_what_the_catalogue_knows_too_is_one_candidate_with_the_hubs_size(hub_server):
    hub_server.add(dataset("rajpurkar/squad", "language:en", "license:cc-by-sa-4.0", rows=90000, size=17_000_000))
    found = [one for one in find("football", hub=hub_of(hub_server)) if one.id == "rajpurkar/squad"]
    assert len(found) == 1
    assert (found[0].source, found[0].size_mb, found[0].field_mapping) == ("catalogue", 17.0, "squad")


def test_a_known_data_set_whose_size_nobody_wrote_down_has_the_hubs(hub_server, monkeypatch):
    unsized = [replace(one, size_mb=None) for one in known_datasets()]
    monkeypatch.setattr("qa_pipeline.discovery.datasets.known_datasets", lambda: unsized)
    known = by_id(find("newspaper articles"))["lucadiliello/newsqa"]
    assert known.size_mb is None and known.fits and known.usable
    hub_server.add(dataset("lucadiliello/newsqa", "language:en", rows=74160, size=900_000_000))
    one = by_id(find("newspaper articles", hub=hub_of(hub_server)))["lucadiliello/newsqa"]
    assert one.size_mb == 900.0 and "900 MB, more than max_dataset_mb" in one.why_not


def test_gated_and_script_data_of_the_hub_are_listed_with_the_reason(hub_server):
    found = by_id(find("clinic contracts", hub=hub_of(hub_server)))
    assert "set HF_TOKEN" in found["acme/clinic_notes_qa"].why_not
    assert "Python script" in found["acme/contracts_qa"].why_not
    assert found["acme/privacy_qa"].usable


def test_configurations_that_cannot_be_read_are_a_note_of_their_entry(hub_server):
    one = by_id(find("odd configs", hub=hub_of(hub_server)))["acme/odd_configs"]
    assert one.usable and one.config is None
    assert any("its configurations could not be read" in note for note in one.notes)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("/api/datasets", status=429, headers={"Retry-After": "3600"}), "asks to wait 3600 seconds"),
        (Fault("/api/datasets", status=500), "the Hub"),
        (Fault("/api/datasets", status=200, body='[{"id": '), "damaged"),
    ],
    ids=["rate limit", "server", "damaged"],
)
def test_a_fault_of_the_hub_is_a_note_and_the_catalogue_serves(hub_server, fault, said):
    hub_server.faults.append(fault)
    notes: list[str] = []
    found = find("privacy policies", hub=hub_of(hub_server), notes=notes)
    assert found[0].id == "alzoubi36/policy_qa"
    assert len(notes) == 1 and "data sets of the Hub are left out" in notes[0] and said in notes[0]


def test_a_fault_of_one_card_stays_with_its_entry(hub_server):
    hub_server.faults.append(Fault("/api/datasets/acme/privacy_qa", status=404, body="{}"))
    found = by_id(find("privacy policies", hub=hub_of(hub_server)))
    assert any("its card could not be read" in note for note in found["acme/privacy_qa"].notes)
    assert not any("could not be read" in note for note in found["acme/german_quad"].notes)


def test_without_a_hub_no_socket_is_opened(no_sockets, embedder):
    assert find("privacy policies", embedder)[0].id == "alzoubi36/policy_qa"


def test_the_hub_is_not_asked_where_the_settings_say_so(hub_server):
    find("privacy policies", hub=hub_of(hub_server), hub_datasets=False)
    assert hub_server.requests == []


def test_a_data_set_that_only_the_weights_name_is_a_candidate(hub_server):
    names = {"acme/german_quad": 1, "acme/nowhere": 1}
    notes: list[str] = []
    found = by_id(find("privacy policies", hub=hub_of(hub_server), notes=notes, dataset_weights=names))
    assert found["acme/german_quad"].licence == "mit" and "acme/nowhere" in found
    assert any("acme/nowhere" in note for note in notes)


# Folders


def test_a_folder_about_the_subject_is_found_and_its_rows_are_used(tmp_path, embedder):
    texts = "The lighthouse keeper of the harbour took office in {} and kept the lamp burning."
    made = [{**row, "question": row["question"].replace("number", "lighthouse keeper")} for row in rows(30, text=texts)]
    folder = str(save(tmp_path / "lighthouses" / "train.jsonl", made).parent)
    prompt = "Answer questions about lighthouses and their keepers"
    found = find(prompt, embedder, dataset_folders=[folder])
    assert found[0].id == folder and found[0].fits and found[0].num_rows == 30
    retrieved = retrieve_rows(found, DatasetSearchArguments(max_retrieved_rows=7), offline=True)
    assert len(retrieved.rows) == 7 and retrieved.used[0].id == folder
    shots = choose_few_shots(retrieved.rows, parse_prompt(prompt), 3, embedder)
    assert len({row["context"] for row in shots}) == len(shots) <= 3


def test_a_german_folder_is_found_by_its_german_questions(tmp_path, embedder):
    texts = "Der Leuchtturmwärter des Hafens begann {} seinen Dienst und hielt die Lampe am Brennen."
    made = [{**row, "question": "Wann begann der Leuchtturmwärter seinen Dienst?"} for row in rows(30, text=texts)]
    folder = str(save(tmp_path / "turm" / "train.jsonl", made).parent)
    wish = "Fragen über Leuchtturmwärter und ihren Dienst beantworten"
    assert find(wish, embedder, dataset_folders=[folder])[0].id == folder
    other = by_id(find("Fragen zum Mietrecht beantworten", embedder, dataset_folders=[folder]))[folder]
    assert not other.fits and "name it in dataset_weights" in other.reason


# A language model


class Model:
    """A backend that answers each key with a text, or fails."""

    model = "scripted"
    usage = UsageTotals()

    def __init__(self, **answers):
        self.answers, self.requests = answers, []

    def complete(self, requests):
        for request in requests:
            self.requests.append(request)
            answer = self.answers[request.key.split("/")[1]]
            if isinstance(answer, Exception):
                raise answer
            yield answer if isinstance(answer, Failure) else Completion(request.key, answer, "stop", 9, 9, False)


def test_a_description_by_the_model_finds_what_the_prompts_words_do_not(embedder):
    written = json.dumps(
        {"description": "Questions about privacy policies of websites: what data is collected, shared."}
    )
    prompt = "Was passiert mit meinen Daten, in English documents"
    model = Model(description=written, order="{}")
    found = find(prompt, embedder, backend=model)
    assert found[0].id == "alzoubi36/policy_qa"
    assert all(request.schema and request.temperature == 0 for request in model.requests)


def test_the_models_order_and_its_word_on_the_subject_count_and_nothing_is_lost():
    before = find("football and history")
    places = [3, 1, 99, "2", 3]
    model = Model(description='{"description": "about history"}', order=json.dumps({"order": places, "fitting": [3]}))
    after = find("football and history", backend=model)
    assert sorted(by_id(after)) == sorted(by_id(before))
    assert after[0].fits and "as the language model says" in after[0].reason
    shown = model.requests[1].messages[0].content
    assert f"3. {after[0].name}" in shown


@pytest.mark.parametrize(
    "fault",
    [BackendError("the server says 401"), Failure("k", "timeout", "no answer in 2 s", True), "no JSON here", "{}"],
    ids=["refused", "failed", "text", "empty"],
)
def test_where_the_model_fails_the_first_ranking_stays_and_a_note_says_so(fault):
    notes: list[str] = []
    found = find("privacy policies", backend=Model(description=fault, order=fault), notes=notes)
    assert [one.id for one in found] == [one.id for one in find("privacy policies")]
    assert len(notes) == 2 and "first order" in notes[1]


def test_the_model_is_not_asked_where_the_settings_say_so():
    model = Model()
    find("privacy policies", backend=model, rerank_datasets=False)
    assert model.requests == []


# Few shots


def test_few_shots_are_short_varied_and_near():
    made = rows(12)
    made += [{**made[0], "id": "long", "context": made[0]["context"] + " more" * 400}]
    made += [{**made[1], "id": "other", "question": "Which year saw number 1 opened?"}]
    examples = [{**row, "is_impossible": False} for row in made]
    examples.append({**examples[2], "id": "none", "answers": {"text": [], "answer_start": []}, "is_impossible": True})
    shots = choose_few_shots(examples, parse_prompt("Questions about the opening of libraries"), 4)
    assert not {"long", "none"} & {row["id"] for row in shots}
    assert len({row["context"] for row in shots}) == len(shots)
    assert choose_few_shots(examples, parse_prompt("libraries"), 0) == []
    assert choose_few_shots([], parse_prompt("libraries"), 4) == []
