"""A server that is gone for a while costs nothing but time: what it did not answer is asked again, and only that."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from qa_pipeline.cli.main import main
from qa_pipeline.errors import BackendError
from qa_pipeline.generation.questions.llm.generator import LLMGenerator, LLMOptions
from qa_pipeline.generation.types import Draft, Rejected
from tests.generation.backends.made import backend
from tests.generation.fakes import document
from tests.generation.questions.llm.test_generator import passages
from tests.generation.server import Raw, Reply, Reset, ScriptedServer, Status, like_a_model

FILES = ("train.json", "validation.json", "test.json")
PAGE = b"<!doctype html><html><body>Welcome</body></html>"


@pytest.fixture
def docs(tmp_path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(7):
        (folder / f"{i}.txt").write_text(document(i))
    return folder


def command(url: str, docs: Path, out: Path, *more: str) -> list[str]:
    words = ["generate", f"--documents={docs}", "--backend=openai", "--model=m", f"--base_url={url}"]
    return [*words, f"--output_dir={out}", "--concurrency=1", "--max_retries=0", "--timeout_s=60", *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def report_of(folder: Path) -> dict:
    return json.loads((folder / "dataset_report.json").read_text())


def after(number: int, fault):
    """A server that answers so many requests, and then has a fault."""
    return lambda n, body: Reply(like_a_model(body)) if n < number else fault


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Status(500), "server_error"),
        (Status(429, {"Retry-After": "0"}), "rate_limited"),
        (Reset(), "unreachable"),
        (Raw(PAGE), "bad_response"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_passages_that_got_no_answer_are_said_and_asked_again(tmp_path, docs, capsys, caplog, fault, reason):
    with ScriptedServer() as server:
        assert main(command(server.url, docs, tmp_path / "whole")) == 0
        every = {entry.asked for entry in server.log}
    out = tmp_path / "out"
    caplog.set_level(logging.WARNING)
    with ScriptedServer(after(3, fault)) as server:
        assert main(command(server.url, docs, out)) == 0
        url, answered = server.url, {entry.asked for entry in server.log[:3]}
    report, printed, card = report_of(out), capsys.readouterr().out, (out / "README.md").read_text()
    assert report["facts"]["passages_asked"] == 3 and report["facts"]["passages_unanswered"] == 4
    assert reason not in report["rejected"] and report["rows"] > 0
    for text in (report["stopped_early"], card, printed, caplog.text):
        assert f"4 passages not done, since requests failed, retries included: {reason} 4" in text
        assert url in text and "same command" in text
    assert "3 of 7 passages" in card and f"{'passages not done':<24}{4:>10}" in printed
    assert "give more documents" not in card
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out)) == 0
        assert {entry.asked for entry in server.log} == every - answered and len(server.log) == 4
    assert contents(out) == contents(tmp_path / "whole")
    report = report_of(out)
    assert report["facts"]["passages_asked"] == 7 and "stopped_early" not in report
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out)) == 0
        assert not server.log


def test_with_nothing_accepted_the_error_names_the_server_and_what_it_said(tmp_path, docs):
    out = tmp_path / "out"
    with ScriptedServer(lambda n, body: Raw(PAGE)) as server:
        with pytest.raises(BackendError) as caught:
            main(command(server.url, docs, out))
        for part in (server.url, "expected JSON, found <!doctype html>", "base_url ends in /v1", "bad_response 7"):
            assert part in str(caught.value)
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out)) == 0
        assert len(server.log) == 7
    assert report_of(out)["facts"]["passages_asked"] == 7


def test_what_will_not_pass_is_counted_and_done(tmp_path, docs):
    def script(number, body):
        wanted = "number 2 " not in body["messages"][-1]["content"]
        return Reply(like_a_model(body)) if wanted else Status(422, message="bad words")

    with ScriptedServer(script) as server:
        assert main(command(server.url, docs, tmp_path / "out")) == 0
        sent = len(server.log)
        assert main(command(server.url, docs, tmp_path / "out")) == 0
        assert len(server.log) == sent
    report = report_of(tmp_path / "out")
    assert report["rejected"]["refused"] == 1 and "stopped_early" not in report
    assert report["facts"]["passages_asked"] == 7


def rephrasing(fault):
    """Answers all but requests for other words."""
    wants = '{"questions": [{"number"'
    return lambda n, body: fault if wants in body["messages"][-1]["content"] else Reply(like_a_model(body))


def test_questions_that_were_not_rephrased_are_counted_and_warned_of(tmp_path, docs, capsys):
    out, more = tmp_path / "out", ("--rephrase=true", "--questions_per_context=2", "--min_question_words=1")
    with ScriptedServer(rephrasing(Status(422, message="no"))) as server:
        assert main(command(server.url, docs, out, *more)) == 0
    report, printed = report_of(out), capsys.readouterr().out
    rows = report["rows"]
    assert rows > 0 and report["not_rephrased"] == {"refused": rows}
    assert f"{rows} questions not rephrased but as first asked" in " ".join(report["warnings"])
    assert f"not rephrased{rows:>21}   refused {rows}" in printed
    assert f"{rows} questions not rephrased but as first asked" in (out / "README.md").read_text()
    assert "stopped_early" not in report


def test_rephrasing_that_failed_for_a_while_is_done_later(tmp_path, docs):
    out, more = tmp_path / "out", ("--rephrase=true", "--questions_per_context=2", "--min_question_words=1")
    with ScriptedServer() as server:
        assert main(command(server.url, docs, tmp_path / "whole", *more)) == 0
    with ScriptedServer(rephrasing(Status(500))) as server:
        # Seven passages: each question, then the request for other words that fails.
        assert main(command(server.url, docs, out, *more)) == 0
    assert report_of(out)["facts"]["passages_unanswered"] == 7 and "server_error 7" in report_of(out)["stopped_early"]
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out, *more)) == 0
        assert len(server.log) == 7
    assert contents(out) == contents(tmp_path / "whole") and "not_rephrased" not in report_of(out)


def test_nothing_is_asked_that_builds_on_an_answer_that_is_missing():
    with ScriptedServer(lambda n, body: Status(500)) as server:
        asking = backend(server.url, max_retries=0, concurrency=1)
        found = list(
            LLMGenerator(asking, LLMOptions(questions_per_passage=6, questions_per_request=2)).drafts(passages(1))
        )
        assert len(server.log) == 1
    [one] = found
    assert isinstance(one, Rejected) and one.reason == "server_error" and server.url in one.outage
    with ScriptedServer(after(1, Status(500))) as server:
        asking = backend(server.url, max_retries=0, concurrency=1)
        found = list(
            LLMGenerator(asking, LLMOptions(questions_per_passage=6, questions_per_request=2)).drafts(passages(1))
        )
    assert [type(one) for one in found] == [Draft, Draft, Rejected]


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_an_outage_while_passages_are_written_does_not_change_the_run(tmp_path, failing):
    """failing: the request that fails; first the reading of the prompt, then the topics, then the passages."""
    words = ["generate", "--prompt=Questions about towns", "--num_examples=10", "--backend=openai", "--model=m"]
    words += ["--concurrency=1", "--max_retries=0"]
    with ScriptedServer() as server:
        assert main([*words, f"--base_url={server.url}", f"--output_dir={tmp_path / 'whole'}"]) == 0
    script = lambda n, body: Status(500) if n == failing else Reply(like_a_model(body))  # noqa: E731
    with ScriptedServer(script) as server:
        given = [*words, f"--base_url={server.url}", f"--output_dir={tmp_path / 'out'}"]
        with pytest.raises(BackendError, match=r"1 requests got no answer.*server_error.*http://127.*same command"):
            main(given)
        assert main(given) == 0
        asked = [entry.asked for entry in server.log]
    assert len(asked) == len(set(asked)) + 1
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_shards_say_that_they_stopped_early_and_so_does_what_is_joined_from_them(tmp_path, docs):
    out = tmp_path / "out"
    with ScriptedServer() as server:
        assert main(command(server.url, docs, tmp_path / "whole")) == 0
        assert main(command(server.url, docs, out, "--shard=1/2")) == 0
    with ScriptedServer(after(2, Status(500))) as server:
        assert main(command(server.url, docs, out, "--shard=2/2")) == 0
    merge = ["merge", str(out), f"--output_dir={tmp_path / 'merged'}"]
    assert main(merge) == 0
    report = report_of(tmp_path / "merged")
    assert report["stopped_early"].startswith("1 of the shards") and report["facts"]["passages_unanswered"] > 0
    assert any("shard 2/2 stopped early" in note and "server_error" in note for note in report["notes"])
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out, "--shard=2/2")) == 0
    assert main(merge) == 0
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")
    assert "stopped_early" not in report_of(tmp_path / "merged")


def test_a_limit_is_named_as_the_cause_and_what_was_asked_is_counted(tmp_path, docs, capsys):
    out = tmp_path / "out"
    with ScriptedServer() as server:
        assert main(command(server.url, docs, out, "--max_requests=3")) == 0
        assert len(server.log) == 3
        report, printed, card = report_of(out), capsys.readouterr().out, (out / "README.md").read_text()
        assert report["facts"]["passages_asked"] == 3 and "3 of 7 passages" in card
        assert "max_requests=3 is used up" in report["stopped_early"]
        for text in (printed, card):
            assert "the run stopped early" in text and "more documents" not in text
        with pytest.raises(BackendError, match="no row is left: nothing was accepted.*max_tokens=100: 0 are used"):
            main(command(server.url, docs, tmp_path / "none", "--max_tokens=100"))


def test_use_and_reservation_are_said_apart_and_a_cost_only_with_prices(tmp_path, docs, capsys):
    def one_too_late(number, body):
        return Reset() if number == 2 else Reply(like_a_model(body))

    prices = ("--price_per_million_prompt_tokens=1000", "--price_per_million_completion_tokens=1000")
    for more in ((), prices):
        out = tmp_path / str(len(more))
        with ScriptedServer(one_too_late) as server:
            assert main(command(server.url, docs, out, *more)) == 0
            used, sent = server.tokens, len(server.log)
        facts, printed, card = report_of(out)["facts"], capsys.readouterr().out, (out / "README.md").read_text()
        assert facts["requests"] == sent and facts["prompt_tokens"] + facts["completion_tokens"] == used
        assert facts["reserved_tokens"] > 0
        for text in (printed, card):
            assert (
                f"{used:,} tokens used" in text and "more are reserved for requests whose outcome is not known" in text
            )
            assert ("cost" in text) == bool(more) and (not more or f"cost {used / 1000:,.4g};" in text)
        assert ("cost" in facts) == ("reserved_cost" in facts) == bool(more)
