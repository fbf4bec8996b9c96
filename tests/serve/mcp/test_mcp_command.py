"""An assistant's client starts the real command and speaks to it over its standard input and output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

ROOT = Path(__file__).resolve().parents[3]
MODEL = "package:qa_pipeline/warm_starts/all_minilm_l6_v2"
COMMAND = ["-m", "qa_pipeline", "serve", "--mcp", "--model", MODEL]
GREETING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "QA_PIPELINE_CACHE": str(tmp_path / "cache"),
    }


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *COMMAND, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_client_lists_and_calls_all_tools(environment, tmp_path):
    folder = ROOT / "docs" / "examples" / "workshop"
    server = StdioServerParameters(
        command=sys.executable, args=[*COMMAND, "--documents", str(folder)], env=environment, cwd=ROOT
    )
    calls = [
        ("ask", {"question": "What does a badge for a red machine cost?"}),
        ("ask", {"question": "Who won the cup in 1974?"}),
        ("ask", {"question": "What is it?", "top_k": 0}),
        ("highlight", {"question": "What does a badge for a red machine cost?", "max_words": 60}),
        ("verify", {"quotes": ["A badge for a red machine takes a full Saturday", "A badge costs 71 euros"]}),
    ]

    async def run():
        with (tmp_path / "errors.txt").open("w") as errors:
            async with Client(stdio_client(server, errlog=errors)) as client:
                tools = [tool.name for tool in (await client.list_tools()).tools]
                return tools, [await client.call_tool(name, given) for name, given in calls]

    tools, (found, lost, refused, evidence, verified) = anyio.run(run)
    assert tools == ["ask", "highlight", "verify"]
    best = found.structured_content["answers"][0]
    text = (folder / "machines.md").read_text(encoding="utf-8")
    assert (best["document"], best["answer"]) == ("machines.md", "70 euros")
    assert text[best["start"] : best["end"]] == best["answer"] and best["headings"][-1] == "How to get a badge"
    assert found.content[0].text.startswith("Answer: 70 euros\nSource: machines.md, ")
    assert not lost.structured_content["found"] and lost.content[0].text.startswith("Not found")
    assert refused.is_error and "top_k: should be greater than or equal to 1, found 0" in refused.content[0].text
    assert any("70 euros" in piece["text"] for piece in evidence.structured_content["pieces"])
    assert [check["status"] for check in verified.structured_content["checks"]] == ["verbatim", "not_found"]
    assert (tmp_path / "errors.txt").read_text().count("Traceback") == 0


def test_it_ends_with_0_when_standard_input_closes_and_prints_the_protocol_alone(environment):
    with start(environment) as process:
        out, errors = process.communicate(json.dumps(GREETING).encode() + b"\n", timeout=120)
    assert process.returncode == 0, errors.decode()
    replies = [json.loads(line) for line in out.splitlines()]
    assert [reply["id"] for reply in replies] == [1]
    assert replies[0]["result"]["serverInfo"]["name"] == "qa-pipeline"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_on_a_signal(environment, number):
    with start(environment) as process:
        process.stdin.write(json.dumps(GREETING).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.send_signal(number)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--documents", "no_such_folder"], ["--documents: no such file or folder: no_such_folder"]),
        (["--port", "9000", "--label_studio"], ["--port: is for HTTP", "--label_studio: is for HTTP"]),
    ],
)
def test_what_is_wrong_with_the_command_is_said_before_anything_is_spoken(environment, arguments, said):
    with start(environment, *arguments) as process:
        out, errors = process.communicate(b"", timeout=120)
    assert process.returncode == 2 and out == b""
    assert all(one in errors.decode() for one in said) and "Traceback" not in errors.decode()
