"""The tools of an assistant: what they take, what they give as data and as text, and what they say of faults."""

from __future__ import annotations

import re
import sys
import threading

import anyio
import pytest
from mcp import Client
from mcp.types import CallToolResult

from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.predictor.excerpts import Excerpt, Highlight
from qa_pipeline.retrieval import Index
from qa_pipeline.serve.mcp.stdio import BackgroundService
from qa_pipeline.serve.mcp.tools import build_mcp_server
from qa_pipeline.serve.service import Service
from tests.serve.fakes import LEAVE, PhraseFinder

FEES = "Fees.\n\nA lost card costs 5 euros. A boat costs 40 euros a year."


class Marker(PhraseFinder):
    """Keeps the first sentence of FEES as evidence, whatever is asked."""

    def __init__(self):
        super().__init__()
        self.budgets: list[int] = []

    def highlight(self, question, documents, *, max_words=None, **options):
        self.budgets.append(max_words)
        piece = Excerpt("A lost card costs 5 euros.", 7, 33, 0.9, "fees.md", 3, ("Fees",))
        return Highlight(question, [], [piece], [piece], 0.1, 13, 6, {"fees.md": len(FEES)})


@pytest.fixture(scope="module")
def service():
    index = Index.build([Document(LEAVE, "leave.md"), Document(FEES, "fees.md")], dense=False)
    made = Service(Marker(), index)
    yield made
    made.close()


def talk(opening, *calls: tuple[str, dict], mode: str = "auto", progress: list | None = None) -> list[CallToolResult]:
    """What a client gets for some calls, one after the other."""

    async def report(done: float, total: float | None, message: str | None) -> None:
        if progress is not None:
            progress.append((done, total, message))

    async def run() -> list[CallToolResult]:
        async with Client(build_mcp_server(BackgroundService(opening)), mode=mode) as client:
            return [await client.call_tool(name, given, progress_callback=report) for name, given in calls]

    return anyio.run(run)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    return content.text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_an_answer_comes_with_its_place_as_data_and_as_text(service, mode):
    (result,) = talk(lambda: service, ("ask", {"question": "Which fee: 5 euros | 40 euros"}), mode=mode)
    assert not result.is_error
    data = result.structured_content
    assert data["found"] and data["question"] == "Which fee: 5 euros | 40 euros"
    best, second = data["answers"][:2]
    assert (best["answer"], best["document"], second["answer"]) == ("5 euros", "fees.md", "40 euros")
    assert FEES[best["start"] : best["end"]] == "5 euros"
    lines = text_of(result).splitlines()
    assert lines[0] == "Answer: 5 euros"
    assert lines[1].startswith(f"Source: fees.md, characters {best['start']} to {best['end']} (confidence 0.")
    assert lines[2] == 'In its sentence: "A lost card costs 5 euros."'
    assert lines[3] == "Other candidates:" and lines[4].startswith("- 40 euros: fees.md")


def test_where_there_is_no_answer_the_text_says_so(service):
    (result,) = talk(lambda: service, ("ask", {"question": "Which colour: blue"}))
    assert not result.is_error and result.structured_content["found"] is False
    assert text_of(result).startswith("Not found: the documents do not answer this question")


def test_a_text_can_be_asked_instead_of_the_documents(service):
    given = {"question": "Which colour: blue", "text": "The door is blue.", "top_k": 1}
    (result,) = talk(lambda: service, ("ask", given))
    assert result.structured_content["answers"][0] | {"confidence": 0} == {
        "answer": "blue",
        "confidence": 0,
        "document": None,
        "page": None,
        "headings": [],
        "start": 12,
        "end": 16,
        "sentence": "The door is blue.",
    }
    assert "Source: the given text, characters 12 to 16" in text_of(result)


def test_evidence_is_given_under_its_place(service):
    (result,) = talk(lambda: service, ("highlight", {"question": "What is lost?", "max_words": 12}))
    assert not result.is_error
    (piece,) = result.structured_content["pieces"]
    assert FEES[piece["start"] : piece["end"]] == piece["text"] == "A lost card costs 5 euros."
    assert text_of(result) == (
        'fees.md, page 3, "Fees", characters 7 to 33:\nA lost card costs 5 euros.\n\n(6 of 13 words that were read)'
    )
    assert service.predictor.budgets[-1] == 12


def test_quotations_are_verified(service):
    quotes = ["A lost card costs 5 euros.", "a lost  card costs 5 euros", "A lost card costs 7 euros."]
    (result,) = talk(lambda: service, ("verify", {"quotes": quotes}))
    data = result.structured_content
    assert [check["status"] for check in data["checks"]] == ["verbatim", "repaired", "not_found"]
    assert (data["verbatim"], data["repaired"], data["not_found"]) == (1, 1, 1)
    assert data["checks"][2]["nearest"]["differs"] == ['"7" for "5" (number)']
    text = text_of(result)
    assert 'VERBATIM: "A lost card costs 5 euros.": fees.md, characters 7 to 33' in text
    assert "after repair of white_space, case" in text
    assert 'NOT FOUND: "A lost card costs 7 euros."' in text and 'differs: "7" for "5" (number)' in text


def test_a_quotation_from_another_document_than_was_said_is_told(service):
    given = {"quotes": ["A boat costs 40 euros a year."], "source": "leave.md"}
    (result,) = talk(lambda: service, ("verify", given))
    assert result.structured_content["checks"][0]["misattributed"] is True
    assert "it stands in another document than was said" in text_of(result)
    (result,) = talk(lambda: service, ("verify", {"quotes": ["is blue"], "text": "The door is blue."}))
    assert result.structured_content["verbatim"] == 1


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("ask", {}, "question: is required"),
        ("ask", {"question": "Who?", "topk": 3}, "topk: unknown; known are question, text, top_k"),
        ("ask", {"question": "Who?", "top_k": 99}, "top_k: should be less than or equal to 20, found 99"),
        ("ask", {"question": 3}, "question: should be a valid string, found 3"),
        ("ask", {"question": "   "}, "question: is blank"),
        ("ask", {"question": "Who? " * 1000}, "question: has .* characters; 1,000 are the most"),
        ("highlight", {"question": "Who?", "max_words": 0}, "max_words: should be greater than or equal to 1, found 0"),
        ("verify", {"quotes": []}, "quotes: list should have at least 1 item"),
        ("verify", {"quotes": ["a", None]}, r"quotes\.1: should be a valid string, found None"),
        ("ask", {"question": "crash of a fee"}, "the model gives NaN"),
    ],
)
def test_faults_are_errors_of_the_tool_with_words_to_mend_them(service, name, given, message):
    (result,) = talk(lambda: service, (name, given))
    assert result.is_error
    assert re.search(message, text_of(result)), text_of(result)
    assert "Traceback" not in text_of(result) and "pydantic" not in text_of(result)


def test_an_error_of_the_program_gives_nothing_away_and_the_server_goes_on(service):
    boom, fine = talk(
        lambda: service, ("ask", {"question": "fault of a fee"}), ("ask", {"question": "Which fee: 5 euros"})
    )
    assert boom.is_error and "KeyError" not in text_of(boom)
    assert not fine.is_error


def test_without_documents_the_words_say_what_to_do():
    made = Service(PhraseFinder())
    try:
        (result,) = talk(lambda: made, ("ask", {"question": "Which fee: 5 euros"}))
        assert result.is_error and "there are no documents yet" in text_of(result)
    finally:
        made.close()


def test_the_tools_say_what_they_take_and_give_and_that_they_only_read(service):
    async def run():
        async with Client(build_mcp_server(BackgroundService(lambda: service))) as client:
            return (await client.list_tools()).tools, client.instructions

    tools, instructions = anyio.run(run)
    assert [tool.name for tool in tools] == ["ask", "highlight", "verify"]
    assert "exact words" in instructions
    for tool in tools:
        assert tool.annotations.read_only_hint and not tool.annotations.open_world_hint
        assert all(value.get("description") for value in tool.input_schema["properties"].values())
        assert tool.output_schema["type"] == "object"


def test_a_call_waits_for_the_model_and_reports_progress(service, monkeypatch):
    monkeypatch.setattr("qa_pipeline.serve.mcp.tools._REPORT_SECONDS", 0.0)
    enough = threading.Event()

    def opening():
        enough.wait(20)
        return service

    class Heard(list):
        def append(self, one):
            super().append(one)
            enough.set()

    reported = Heard()
    (result,) = talk(opening, ("ask", {"question": "Which fee: 5 euros"}), progress=reported)
    assert not result.is_error
    assert reported[0][1:] == (None, "opening the model and the documents")
    assert [one[0] for one in reported] == sorted(one[0] for one in reported)


def test_a_model_that_cannot_be_opened_is_said_in_the_reply_and_is_tried_again(service):
    mended = threading.Event()

    def opening():
        if not mended.is_set():
            raise ModelError("runs/missing: there is no such folder")
        return service

    async def run() -> list[CallToolResult]:
        given = {"question": "Which fee: 5 euros"}
        async with Client(build_mcp_server(BackgroundService(opening))) as client:
            failed = await client.call_tool("ask", given)
            mended.set()
            return [failed, await client.call_tool("ask", given)]

    failed, fine = anyio.run(run)
    assert failed.is_error and text_of(failed) == "runs/missing: there is no such folder"
    assert not fine.is_error


def test_the_package_that_is_missing_is_named(monkeypatch):
    from qa_pipeline.serve.mcp.stdio import check_mcp

    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    with pytest.raises(ConfigError, match='pip install "mcp>=2"'):
        check_mcp()
