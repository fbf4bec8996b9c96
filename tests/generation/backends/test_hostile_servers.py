"""Servers that lead elsewhere, never end, unfold without end, or give back what is secret."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends import Cache, endpoint
from qa_pipeline.generation.backends.chat_api import ChatReply, Fault, read_answer
from qa_pipeline.generation.backends.endpoint import MARK, is_secret_name, redact, secrets_in
from qa_pipeline.generation.backends.pace import LONGEST_RETRY_AFTER, retry_after
from qa_pipeline.generation.backends.protocol import Completion, Failure
from qa_pipeline.generation.journal import differences
from tests.generation.backends.made import backend, request, requests
from tests.generation.server import Endless, Raw, Reply, ScriptedServer, Status, first_then, like_a_model
from tests.generation.test_command import write_documents

FINE = json.dumps({"choices": [{"message": {"content": "fine"}}]}).encode()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(code):
    with ScriptedServer() as other:
        there = other.url.replace("//", "//me:pass-word@") + "/chat/completions?key=1"
        with ScriptedServer(lambda n, body: Status(code, {"Location": there})) as server:
            with pytest.raises(BackendError, match=f"HTTP {code}, sent on to {other.url}.*as base_url") as caught:
                list(backend(server.url, concurrency=1, max_requests=14).complete(requests(20)))
            assert len(server.log) == 1 and not other.log
            assert "pass-word" not in str(caught.value) and "key=1" not in str(caught.value)


PAGE = b"\xef\xbb\xbf <!DOCTYPE html><html><head><title>My router</title></head>" + b"<p>Hello</p>" * 1000


@pytest.mark.parametrize("code", [404, 405, 501])
def test_a_page_as_address_stops_at_once_and_is_called_a_page(code):
    with ScriptedServer(lambda n, body: Raw(PAGE, code=code)) as server:
        with pytest.raises(BackendError, match="page, not an API: check that base_url.*title: My router.*ends in /v1"):
            list(backend(server.url, concurrency=1).complete(requests(5)))
        assert len(server.log) == 1


def test_a_page_with_status_200_is_called_a_page():
    with ScriptedServer(lambda n, body: Raw(PAGE)) as server:
        [result] = backend(server.url, max_retries=0).complete([request()])
        assert result.reason == "bad_response" and "page, not an API: check that base_url ends in /v1" in result.detail


@pytest.mark.parametrize("code", [200, 400, 500])
def test_a_reply_that_never_ends_is_cut_off(code):
    with ScriptedServer(first_then(Endless(code))) as server:
        [result] = backend(server.url).complete([request()])
        assert isinstance(result, Completion) and result.text == "fine" and len(server.log) == 2


@pytest.mark.parametrize("code", [200, 503])
def test_a_reply_that_unfolds_to_gigabytes_is_cut_off(code):
    bomb = gzip.compress(b" " * 400_000_000, 1)
    with ScriptedServer(lambda n, body: Raw(bomb, {"Content-Encoding": "gzip"}, code)) as server:
        asking = backend(server.url, max_retries=0)
        tracemalloc.start()
        [result] = asking.complete([request()])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(result, Failure) and result.reason == "bad_response"
    assert "the reply is longer than 16 MiB; the rest was not read" in result.detail
    assert most < 120e6


def test_replies_that_are_packed_are_unfolded():
    packed = Raw(gzip.compress(FINE), {"Content-Encoding": "gzip"})
    with ScriptedServer(lambda n, body: packed) as server:
        [result] = backend(server.url).complete([request()])
        assert result.text == "fine"


@pytest.mark.parametrize(
    ("packing", "content", "said"),
    [("br", FINE, "packed as 'br'"), ("gzip, gzip", FINE, "packed as"), ("gzip", FINE, "cannot be unpacked")],
)
def test_replies_that_cannot_be_unfolded_are_faults(packing, content, said):
    with ScriptedServer(lambda n, body: Raw(content, {"Content-Encoding": packing})) as server:
        [result] = backend(server.url, max_retries=0).complete([request()])
        assert result.reason == "bad_response" and said in result.detail


def test_a_reply_of_the_longest_length_is_read(monkeypatch):
    monkeypatch.setattr(endpoint, "LONGEST_REPLY", len(FINE))
    with ScriptedServer(lambda n, body: Raw(FINE)) as server:
        [result] = backend(server.url, max_retries=0).complete([request()])
        assert result.text == "fine"


@pytest.mark.parametrize(
    "value",
    ["Fri, 31 Dec 99999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -2359", "9" * 5000,
     "Fri, 31 Dec " + "9" * 5000 + " 23:59:59 GMT", "1e999", "-1", "nan", "", ",",
     "Fri, 99 Foo 2020 99:99:99 +99999999"],
)  # fmt: skip
def test_times_to_wait_beyond_range_are_none_or_the_longest(value):
    for name in ("retry-after", "retry-after-ms"):
        assert retry_after({name: value}, now=1e9) in (None, LONGEST_RETRY_AFTER, 0.0)


@pytest.mark.parametrize("count", ["1e30", "1" + "0" * 30, "1e400", "-5", "null", '"12"', "true", "1.5", "[1]"])
def test_counts_of_tokens_that_cannot_be_meant_are_not_booked(tmp_path, count):
    content = FINE[:-1] + b', "usage": {"prompt_tokens": %b, "completion_tokens": 1}}' % count.encode()
    with ScriptedServer(lambda n, body: Raw(content)) as server:
        asking = backend(server.url, tmp_path / "c.sqlite")
        [result] = asking.complete([request()])
        assert result.text == "fine" and asking.usage.prompt_tokens < 1000


def test_counts_of_tokens_may_be_written_with_a_point():
    answer = read_answer(FINE[:-1] + b', "usage": {"prompt_tokens": 12.0, "completion_tokens": 3}}')
    assert isinstance(answer, ChatReply) and (answer.used.prompt_tokens, answer.used.completion_tokens) == (12, 3)


@pytest.mark.parametrize(
    "content",
    [b'{"a": %s}' % (b"9" * 5000), b"[" * 10**6, b'{"error":' * 900 + b"1" + b"}" * 900, b"\xff\xfe\x00",
     b'{"choices": {}}',
     b'{"error": "\\u001b[2J\\u202e"}', b'{"choices": [{"message": {"content": [[[1]], {"text": {"a": 1}}]}}]}'],
    ids=range(7),
)  # fmt: skip
def test_no_reply_is_a_traceback_or_speaks_to_the_terminal(content):
    found = read_answer(content)
    assert isinstance(found, ChatReply | Fault)
    assert isinstance(found, ChatReply) or found.detail.isprintable()


SECRET = "abc-SECRET-123"
EXTRA = {"metadata": {"api_key": SECRET, "nested": [{"accessToken": SECRET + "2"}]}, "top_p": 0.9, "min_tokens": 1}


def test_values_under_names_of_secrets_are_marked_and_all_others_stay():
    assert redact(EXTRA) == {
        "metadata": {"api_key": MARK, "nested": [{"accessToken": MARK}]},
        "top_p": 0.9,
        "min_tokens": 1,
    }
    assert set(secrets_in(EXTRA)) == {SECRET, SECRET + "2"}
    assert redact(["Say Bearer instruments", f"it is {SECRET}", "sk-" + "a" * 30], [SECRET]) == [
        "Say Bearer instruments",
        f"it is {MARK}",
        MARK,
    ]


@pytest.mark.parametrize(
    ("name", "secret"),
    [("api_key", True), ("X-Api-Key", True), ("apiKey", True), ("Authorization", True), ("password", True),
     ("hf_token", True), ("AWS_SECRET_ACCESS_KEY", True), ("max_tokens", False), ("stop_token_ids", False),
     ("eos_token", False), ("top_k", False), ("chat_template_kwargs", False), ("logprobs", False)],
)  # fmt: skip
def test_names_of_secrets(name, secret):
    assert is_secret_name(name) is secret


def test_another_key_in_extra_body_asks_nothing_again(tmp_path):
    with ScriptedServer() as server:
        for secret in ("first-secret-1", "other-secret-2"):
            extra = {"top_p": 0.9, "api_key": secret}
            asking = backend(server.url, tmp_path / "c.sqlite", extra_body=extra)
            assert len(list(asking.complete([request()]))) == 1
            asking.close()
        assert len(server.log) == 1 and server.log[0].body["api_key"] == "first-secret-1"
    assert len(Cache(tmp_path / "c.sqlite")) == 1


def test_no_file_of_a_run_holds_a_secret_that_was_given_or_given_back(tmp_path, monkeypatch):
    """In extra_body, in the address, in the environment; and in the words of the model."""
    secrets = ("env-SECRET-key-1", SECRET, SECRET + "2", "url-SECRET-pass-3")

    def script(number, body):
        content = json.loads(like_a_model(body))
        for record in content.get("questions", []):
            record["question"] = f"What of {' '.join(secrets)} {record['question']}"
        return Reply(json.dumps(content))

    monkeypatch.setenv("A_KEY", secrets[0])
    docs = write_documents(tmp_path / "docs", 2)
    with ScriptedServer(script) as server:
        url = server.url.replace("//", f"//me:{secrets[3]}@")
        words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--base_url", url]
        words += ["--api_key_env=A_KEY", "--output_dir", str(tmp_path / "out"), "--extra_body", json.dumps(EXTRA)]
        assert main(words) == 0
        asked = len(server.log)
        assert server.log[0].body["metadata"]["api_key"] == SECRET
        assert main([word.replace(SECRET, "quite-another-key") for word in words]) == 0
        assert len(server.log) == asked
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"dataset_report.json", "README.md"} <= {path.name for path in files} and len(files) > 4
    for path in files:
        content = path.read_bytes()
        assert not [one for one in secrets if one.encode() in content], path
    report = json.loads((tmp_path / "out" / "dataset_report.json").read_text())
    assert report["settings"]["extra_body"]["metadata"]["api_key"] == MARK and report["rows"] > 0


def test_a_poisoned_answer_ends_neither_the_run_nor_its_restart(tmp_path):
    def script(number, body):
        poison = '{"questions": [{"number": "DIGITS", "question": "Why?"}]}'.replace("DIGITS", "9" * 5000)
        return Reply(poison if '"number"' in body["messages"][-1]["content"] else like_a_model(body))

    docs = write_documents(tmp_path / "docs", 8)
    with ScriptedServer(script) as server:
        words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--base_url", server.url]
        words += ["--rephrase", "--output_dir", str(tmp_path / "out")]
        assert main(words) == 0
        (tmp_path / "out" / "work" / "journal-00001-of-00001.jsonl").unlink()
        asked = len(server.log)
        assert main(words) == 0
        assert len(server.log) == asked
    report = json.loads((tmp_path / "out" / "dataset_report.json").read_text())
    assert report["not_rephrased"] == {"wrong_schema": report["rows"]}


_NUMBERS = ["9" * 4299, "-" + "9" * 4300, "1e400", "-Infinity", "NaN", "0x" + "f" * 4000, "true", '"9e9"', "[[1]]"]
POISON = [
    *(f'{{"questions": [{{"number": {n}, "question": {n}, "answer": {n}, "evidence": {n}}}]}}' for n in _NUMBERS),
    *(
        "[" * 100_000,
        '{"questions":' * 900 + "[]" + "}" * 900,
        "{" + " " * 500_000,
        "\0\ud800\u202e",
        "```json\n" * 9000,
    ),
    "{'questions': [{'number': 1, ('question',): 2, None: {1, 2}, 'answer': b'x'}]}",
    '{"questions": [{"number": 1, "question": "\\ud800", "answer": "\\u0000\\udfff", "evidence": "\\u202e"}]}',
    '{"questions": [{"number": 1, "question": "%s", "answer": "a", "evidence": ""}]}' % ("why " * 100_000),
]


@pytest.mark.parametrize("more", [[], ["--rephrase"]], ids=["asked", "rephrased"])
@pytest.mark.parametrize("first", range(0, len(POISON), 6))
def test_whatever_is_kept_of_answers_a_restart_reads_it(tmp_path, more, first):
    """Two answers of three are poison, the first attempt and the repair alike; all of them are kept."""

    def script(number, body):
        dice = int(hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest(), 16)
        return Reply(like_a_model(body) if dice % 3 == 0 else POISON[first + dice % len(POISON[first : first + 6])])

    docs = write_documents(tmp_path / "docs", 12)
    with ScriptedServer(script) as server:
        words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--base_url", server.url]
        words += [*more, "--seed=3", "--output_dir", str(tmp_path / "out")]
        assert main(words) == 0
        made = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.json*")}
        assert json.loads(made["dataset_report.json"])["rows"] > 0
        (tmp_path / "out" / "work" / "journal-00001-of-00001.jsonl").unlink()
        asked = len(server.log)
        assert asked > 12
        assert main(words) == 0
        assert len(server.log) == asked
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("train*.json*")} == {
        name: content for name, content in made.items() if name.startswith("train")
    }


def test_a_journal_of_a_version_that_kept_secrets_belongs_to_the_same_run():
    old, new = {"extra_body": {"api_key": SECRET}, "seed": 1}, {"extra_body": {"api_key": MARK}, "seed": 1}
    assert differences(old, new) == []
    assert differences(old, {**new, "seed": 2}) == ["seed: was 1, is 2"]
    [line] = differences(old, {"seed": 1})
    assert SECRET not in line and "extra_body" in line
