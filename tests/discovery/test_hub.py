"""The Hub is asked within bounds, every fault becomes words, and a fault of one entry stays with that entry."""

from __future__ import annotations

import logging

import pytest

from qa_pipeline.discovery.hub import Hub, HubError
from qa_pipeline.discovery.hub_requests import HubRequests
from tests.discovery.hub_server import TOKEN, Fault, HubServer, hub_server, no_sockets

__all__ = ["hub_server", "no_sockets"]


def hub_of(server: HubServer, **options) -> Hub:
    """A Hub at the server that waits no longer than the tests can bear."""
    return Hub(server.url, viewer=server.url, requests=HubRequests(**{**defaults(server), **options}))


def defaults(server: HubServer) -> dict:
    return {"token": None, "timeout_s": 5.0, "most_requests": 60, "sleep": lambda seconds: None}


# Search


def test_a_search_finds_by_word_and_by_downloads_and_says_what_the_cards_say(hub_server):
    hub = hub_of(hub_server)
    found = hub.search_datasets("privacy", language="en")
    assert found[0].id == "acme/privacy_qa"
    assert (found[0].licence, found[0].languages) == ("cc-by-4.0", ("en",))
    assert (found[0].rows, found[0].size_bytes, found[0].configs) == (18000, 5_000_000, ("default",))
    assert found[0].config_rows == {"default": {"train": 18000}}
    assert "acme/german_quad" not in [entry.id for entry in found]
    assert hub.faults == []


def test_a_sentence_is_asked_word_by_word_and_each_entry_is_there_once(hub_server):
    found = hub_of(hub_server).search_datasets("German privacy answers from many texts of all kinds", limit=3)
    asked = [request.query.get("search", [""])[0] for request in hub_server.requests]
    assert asked == ["german", "privacy", "answers", "from", "many", ""]
    assert [entry.id for entry in found[:2]] == ["acme/german_quad", "acme/privacy_qa"]
    assert len({entry.id for entry in found}) == len(found) == 3


def test_gated_entries_and_script_sets_are_among_what_is_found_with_these_facts(hub_server):
    by_id = {entry.id: entry for entry in hub_of(hub_server).search_datasets("")}
    assert by_id["acme/clinic_notes_qa"].gated and not by_id["acme/privacy_qa"].gated
    assert by_id["acme/contracts_qa"].has_script and not by_id["acme/privacy_qa"].has_script
    assert by_id["acme/odd_configs"].configs is None


def test_a_damaged_entry_is_named_and_the_others_are_found(hub_server):
    hub_server.models["acme/small-squad2"]["safetensors"] = {"weights": "some"}
    hub = hub_of(hub_server)
    found = hub.search_models("squad", language="en")
    assert "acme/gated-squad" in [entry.id for entry in found]
    assert "acme/small-squad2" not in [entry.id for entry in found]
    assert "acme/small-squad2 is damaged" in hub.faults[0]


def test_models_have_their_published_scores_sizes_and_files(hub_server):
    by_id = {entry.id: entry for entry in hub_of(hub_server).search_models("squad")}
    small = by_id["acme/small-squad2"]
    assert small.squad == {"v2": {"exact_match": 72.5, "f1": 76.1}}
    assert (small.model_type, small.parameters, small.size_bytes) == ("bert", 22_700_000, 90_800_000)
    assert small.has_safetensors and small.has_fast_tokenizer and not small.remote_code
    assert not by_id["acme/pickled-squad"].has_safetensors
    assert by_id["acme/own-code-squad"].remote_code
    assert by_id["acme/many-tongues-squad"].languages == ("multilingual",)


def test_plain_encoders_are_found_by_their_tag(hub_server):
    found = hub_of(hub_server).search_models("", tags=("fill-mask",), language="en")
    assert [entry.id for entry in found] == ["acme/plain-encoder"]


# One entry


def test_a_data_set_has_its_card_and_what_the_viewer_counted(hub_server):
    hub = hub_of(hub_server)
    assert hub.dataset("acme/privacy_qa").card == "# Questions about privacy policies"
    counted = hub.dataset("acme/counted_by_viewer")
    assert (counted.rows, counted.size_bytes) == (1000, 100_000)
    assert counted.config_rows == {"default": {"train": 900, "test": 100}}


def test_the_viewer_is_not_asked_for_what_the_card_says(hub_server):
    hub_of(hub_server).dataset("acme/privacy_qa")
    assert hub_server.asked("/size") == 0


def test_configurations_that_cannot_be_read_are_a_fault_of_the_entry(hub_server):
    entry = hub_of(hub_server).dataset("acme/odd_configs")
    assert entry.configs is None and entry.rows is None and entry.licence == "mit"
    assert "its configurations could not be read: the Hub answers status 500" in " ".join(entry.faults)


def test_a_configuration_that_failed_and_a_partial_count_are_said(hub_server):
    reply = hub_server.sizes["acme/counted_by_viewer"]
    reply |= {"failed": [{"config": "broken", "error": {}}], "partial": True}
    entry = hub_of(hub_server).dataset("acme/counted_by_viewer")
    assert entry.configs == ("default", "broken") and entry.rows is None
    assert "configuration broken could not be read" in entry.faults


def test_gated_parts_are_a_fault_of_the_entry_and_open_with_the_token(hub_server):
    closed = hub_of(hub_server).dataset("acme/clinic_notes_qa")
    assert closed.gated and "accept its terms on huggingface.co" in closed.faults[0]
    hub_server.open_to_token.add("acme/clinic_notes_qa")
    hub_server.cards["acme/clinic_notes_qa"] = "Notes."
    opened = hub_of(hub_server, token=TOKEN).dataset("acme/clinic_notes_qa")
    assert opened.gated and opened.card == "Notes."


def test_a_model_has_its_configuration_and_card(hub_server):
    entry = hub_of(hub_server).model("acme/small-squad2")
    assert entry.context_length == 512 and entry.config["hidden_size"] == 384
    assert entry.card == "# A small reader" and entry.faults == ()
    bare = hub_of(hub_server).model("acme/plain-encoder")
    assert bare.context_length is None and len(bare.faults) == 2


def test_an_entry_that_is_not_there_is_named(hub_server):
    with pytest.raises(HubError, match="the Hub has no model acme/nothing") as caught:
        hub_of(hub_server).model("acme/nothing")
    assert caught.value.reason == "missing" and not caught.value.final


# Faults of the Hub


def test_the_hub_is_given_the_time_that_it_asks_for(hub_server):
    waits: list[float] = []
    hub_server.faults = [Fault("/api/datasets", 429, {"Retry-After": "7"}, times=1)]
    found = hub_of(hub_server, sleep=waits.append).search_datasets("")
    assert waits == [7.0] and len(found) == 6


def test_the_rate_limit_header_of_the_hub_is_read(hub_server):
    waits: list[float] = []
    hub_server.faults = [Fault("/api/datasets", 429, {"RateLimit": '"api";r=0;t=5'}, times=2)]
    hub_of(hub_server, sleep=waits.append).search_datasets("")
    assert waits == [5.0, 5.0]


def test_nobody_waits_for_an_hour(hub_server):
    waits: list[float] = []
    hub_server.faults = [Fault("/api/datasets", 429, {"Retry-After": "3600"})]
    with pytest.raises(HubError, match="asks to wait 3600 seconds .* set HF_TOKEN") as caught:
        hub_of(hub_server, sleep=waits.append).search_datasets("privacy")
    assert caught.value.final and waits == [] and len(hub_server.requests) == 1


def test_a_fault_that_passes_is_not_noticed(hub_server):
    hub_server.faults = [Fault("/api/models", 500, times=1), Fault("/api/models", cut=True, status=200, times=1)]
    assert hub_of(hub_server).search_models("")


def test_a_fault_in_one_of_several_searches_leaves_what_the_others_found(hub_server):
    hub_server.faults = [Fault("/api/models", 500, times=3)]
    hub = hub_of(hub_server)
    assert hub.search_models("squad")
    assert hub.faults == ["the Hub answers status 500 when asked for list of models"]


def test_a_hub_that_does_not_answer_is_asked_no_more_after_three_faults(hub_server):
    hub_server.faults = [Fault("/api/datasets", seconds=0.4)]
    hub = hub_of(hub_server, timeout_s=0.1)
    with pytest.raises(HubError, match=r"did not answer within 0.1 s; that was the third time in a row"):
        hub.search_datasets("one two three four")
    assert hub.requests.sent == 9
    with pytest.raises(HubError, match="third time in a row"):
        hub.dataset("acme/privacy_qa")
    assert hub.requests.sent == 9


@pytest.mark.parametrize("body", ['[{"id": "acme/x"', "<html>sorry</html>", "[" * 100_000, "{}", '"text"', ""])
def test_damaged_replies_are_said_in_words(hub_server, body):
    hub_server.faults = [Fault("/api/datasets", 200, body=body)]
    with pytest.raises(HubError, match=r"the Hub's reply on list of datasets is damaged|list of datasets is no list"):
        hub_of(hub_server).search_datasets("")


@pytest.mark.parametrize("reply", [[], {}, {"size": {"splits": [{}], "dataset": {}}}, {"size": None}, "text"])
def test_a_damaged_reply_of_the_viewer_is_a_fault_of_the_entry(hub_server, reply):
    hub_server.sizes["acme/odd_configs"] = reply
    entry = hub_of(hub_server).dataset("acme/odd_configs")
    assert entry.rows is None and "the dataset viewer's reply is damaged" in " ".join(entry.faults)


def test_items_that_are_no_entries_are_left_out_and_named(hub_server):
    body = '["text", null, {"downloads": 3}, {"id": 7}, {"id": "acme/fine", "tags": ["en", 5], "cardData": "text"}]'
    hub_server.faults = [Fault("/api/datasets", 200, body=body)]
    hub = hub_of(hub_server)
    hub.search_datasets("")
    assert len(hub.faults) >= 4 and "expected a JSON object with an id" in hub.faults[0]


def test_no_network_is_said_once_and_not_tried_again(unused_port, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    requests = HubRequests(None, 5.0, 60, sleep=lambda seconds: None)
    hub = Hub(f"http://127.0.0.1:{unused_port}", requests=requests)
    with pytest.raises(HubError, match="the Hub cannot be reached") as caught:
        hub.search_datasets("some words to look for")
    assert caught.value.reason == "unreachable" and requests.sent == 3
    with pytest.raises(HubError, match="the Hub cannot be reached"):
        hub.model("acme/small-squad2")
    assert requests.sent == 3


def test_offline_opens_no_socket(no_sockets, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub = Hub("https://huggingface.co")
    for ask in (lambda: hub.search_datasets("text"), lambda: hub.model("bert-base-uncased"), lambda: hub.dataset("x")):
        with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
            ask()
    assert hub.requests.sent == 0


def test_the_number_of_requests_is_bounded_and_what_was_found_is_kept(hub_server):
    hub = hub_of(hub_server, most_requests=2)
    assert hub.search_datasets("privacy german contracts")
    assert len(hub_server.requests) == 2
    assert "asked 2 times" in hub.faults[-1]


# The token


def test_the_token_goes_out_in_the_header_only_and_into_no_message(hub_server, caplog):
    caplog.set_level(logging.DEBUG)
    hub_server.faults = [
        Fault("/api/datasets", 401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
        Fault("/api/models", 403, body=f'{{"error": "{TOKEN} may not"}}'),
    ]
    hub = hub_of(hub_server, token=TOKEN)
    with pytest.raises(HubError, match="accept its terms") as gated:
        hub.model("acme/small-squad2")
    with pytest.raises(HubError, match=r"does not accept the token in use \(HF_TOKEN\)") as refused:
        hub.search_datasets("privacy")
    assert refused.value.final
    assert all(request.with_token for request in hub_server.requests)
    said = [str(gated.value), str(refused.value), repr(hub), repr(hub.requests), *hub.faults, caplog.text]
    assert not any(TOKEN in text for text in said)


def test_the_token_of_the_environment_is_used(hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub_of(hub_server).search_datasets("")
    assert hub_server.requests[0].with_token


def test_a_malformed_token_is_said_without_it(hub_server):
    with pytest.raises(HubError, match="characters that none has") as caught:
        hub_of(hub_server, token="hf_secret\nvalue").search_datasets("")
    assert "secret" not in str(caught.value)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
