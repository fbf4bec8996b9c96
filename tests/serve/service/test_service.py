"""A service that is asked by many at once, and says what its predictor says when it is asked alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.predictor import QuestionAnsweringPipeline
from qa_pipeline.quotes import verify
from qa_pipeline.serve.refusals import BusyError, NothingToAskError, OutOfTimeError, StoppingError
from qa_pipeline.serve.service.checking import ServiceLimits
from qa_pipeline.serve.service.service import Service
from qa_pipeline.serve.service.store import DocumentStore
from tests.predictor.made import lookup
from tests.serve.fakes import LEAVE, PhraseFinder

LIGHT = "Dogs are kept on a lead. The lighthouse was built by Ostermann. It rains a lot here."


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leave.md").write_text(f"# Leave\n\n{LEAVE}\n")
    for name in ("one", "two", "three"):
        (tmp_path / "docs" / f"{name}.md").write_text(f"The {name} rule says that {name} boats may sail here.")
    return tmp_path / "docs"


@pytest.fixture
def serve(folder):
    """Makes services of a model, over the folder's documents; closes them at the end."""
    made = []

    def _serve(model=None, documents=True, **options):
        store = DocumentStore.open([str(folder)] if documents else [], dense=False)
        made.append(Service(PhraseFinder() if model is None else model, store, **options))
        return made[-1]

    yield _serve
    for service in made:
        service.close()


class HeldFinder(PhraseFinder):
    """Answers nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()

    def predict(self, examples, **decoding):
        self.entered.set()
        assert self.go.wait(30)
        return super().predict(examples, **decoding)


def test_an_answer_says_where_it_stands_and_what_else_it_could_be(serve):
    reply = serve().ask("Which days of leave: 28 days | 14 days")
    text = f"# Leave\n\n{LEAVE}\n"
    assert (reply["found"], reply["answer"], reply["document"]) == (True, "28 days", "leave.md")
    assert text[reply["start"] : reply["end"]] == "28 days"
    assert reply["headings"] == ["Leave"] and reply["page"] is None
    assert reply["sentence"] == "Every employee has 28 days of leave a year."
    assert [one["answer"] for one in reply["runner_ups"]] == ["14 days"]
    assert reply["runner_ups"][0]["sentence"] == "The notice period is 14 days, and 28 days after ten years."


def test_what_the_documents_do_not_hold_is_not_found(serve):
    reply = serve().ask("Which days of leave: 99 days")
    assert (reply["found"], reply["answer"], reply["start"], reply["document"]) == (False, "", None, None)
    assert reply["confidence"] == reply["no_answer_confidence"] == 0.8


def test_a_text_of_the_callers_own_is_asked_in_place_of_the_documents(serve):
    reply = serve(documents=False).ask("Which: Ostermann", LIGHT)
    assert (reply["answer"], reply["document"]) == ("Ostermann", None)
    assert LIGHT[reply["start"] : reply["end"]] == "Ostermann"


def test_answers_have_the_shapes_of_the_pipeline(serve):
    model = lookup({"Ostermann": 9.0, "lead": 7.0}, version_2_with_negative=True)
    service, pipeline = serve(model), QuestionAnsweringPipeline(model)
    for call in (
        {"question": "Who built it?", "context": LIGHT},
        {"question": "Who built it?", "context": LIGHT, "top_k": 2},
        {"question": ["Who built it?", "Why?"], "context": LIGHT},
        {"question": ["Who built it?"], "context": LIGHT},
        {"question": "Who built it?", "context": [LIGHT, "Nothing is here."], "handle_impossible_answer": True},
        {"question": "Who built it?", "context": LIGHT, "all_answers": True, "min_confidence": 0.01},
        {"question": "Who built it?", "context": LIGHT, "max_answer_len": 1, "align_to_words": False},
    ):
        assert service.answer(**call) == pipeline(**call), call
    assert service.answer("Who built it?", LIGHT)["answer"] == "Ostermann"


def test_evidence_is_that_of_the_predictor(serve):
    model = lookup({"Ostermann": 9.0}, version_2_with_negative=True)
    found = serve(model).highlight("Who built it?", LIGHT, max_words=6, dense=False)
    alone = model.highlight("Who built it?", LIGHT, max_words=6, dense=False)
    assert found["context"] == alone.context == "[...] The lighthouse was built by Ostermann. [...]"
    assert (found["words"], found["kept_words"]) == (17, 6)
    [span] = found["spans"]
    assert LIGHT[span["start"] : span["end"]] == span["text"] == "Ostermann" and span["document"] is None


def test_evidence_of_the_documents_names_them(serve):
    model = lookup({"boats": 9.0}, version_2_with_negative=True)
    found = serve(model).highlight("What does the two rule say?", dense=False, num_passages=1)
    assert {piece["document"] for piece in found["pieces"]} == {"two.md"}


def test_a_service_without_meaning_scores_evidence_by_words_unless_a_request_says_otherwise(serve, monkeypatch):
    model, asked = lookup({"Ostermann": 9.0}), []
    highlight = model.highlight

    def noting(question, source, *, dense, **options):
        asked.append(dense)
        return highlight(question, source, dense=False, **options)

    monkeypatch.setattr(model, "highlight", noting)
    service = serve(model, documents=False, dense=False)
    service.highlight("Who built it?", LIGHT)
    service.highlight("Who built it?", LIGHT, dense=True)
    assert asked == [False, True]


def test_quotations_are_verified_against_the_documents_or_a_text(serve):
    service = serve()
    rows = service.verify(
        ["The notice period is 14 days", {"quote": "the notice period is 15 days", "id": "q7", "source": "leave.md"}]
    )
    assert [row["status"] for row in rows] == ["verbatim", "not_found"]
    assert (rows[0]["id"], rows[1]["id"], rows[1]["source"]) == ("0", "q7", "leave.md")
    [row] = service.verify(["built by ostermann"], context=LIGHT)
    assert row == {"id": "0"} | verify("built by ostermann", LIGHT).as_row()
    [row] = service.verify([{"claim": "Somebody has 28 days"}], context=LEAVE)
    assert row["status"] == "evidence" and row["by"] == "reader"


def test_many_at_once_with_different_options_each_get_their_own_answer(serve):
    words = ["one", "two", "three"]
    service = serve()
    alone = {}
    for word in words:
        for top_k in (1, 3):
            alone[word, top_k] = service.ask(f"Which rule says: {word} boats | {word} rule", top_k=top_k)
    assert len({str(reply) for reply in alone.values()}) == 6

    def ask(number):
        word, top_k = words[number % 3], 1 + 2 * (number % 2)
        return service.ask(f"Which rule says: {word} boats | {word} rule", top_k=top_k) == alone[word, top_k]

    with ThreadPoolExecutor(24) as threads:
        assert all(threads.map(ask, range(240)))


def test_many_texts_at_once_each_get_their_own_place(serve):
    service = serve(lookup({"Ostermann": 9.0}, version_2_with_negative=True), documents=False)

    def ask(number):
        context = f"{'Yes. ' * number}The lighthouse was built by Ostermann."
        found = service.answer("Who built it?", context, top_k=1)
        return context[found["start"] : found["end"]] == "Ostermann"

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(100)))


def test_questions_that_wait_are_read_together_and_one_that_fails_fails_alone(serve):
    model, told = HeldFinder(), []

    class Observing:
        def batch(self, requests, tokens, seconds):
            told.append(f"batch of {requests}")

        def answered(self, found):
            told.append(found)

    service = serve(model, limits=ServiceLimits(batch_tokens=100_000), observer=Observing())
    first = service.submit_ask("Which: 28 days")
    assert model.entered.wait(30)
    asked = [service.submit_ask(f"Which leave: {words}") for words in ("14 days", "crash", "28 days", "99 days")]
    model.go.set()
    assert first.result(30)["answer"] == "28 days"
    assert [asked[place].result(30)["answer"] for place in (0, 2, 3)] == ["14 days", "28 days", ""]
    with pytest.raises(ModelError, match="the model gives NaN"):
        asked[1].result(30)
    service.close()
    assert sorted(told, key=str) == [False, True, True, True, "batch of 1", "batch of 4"]


def test_a_fault_of_the_program_is_raised_and_the_service_lives_on(serve):
    service = serve()
    with pytest.raises(KeyError):
        service.ask("Which fault: 28 days")
    assert service.ask("Which: 28 days")["found"] and service.health()["ready"]


def test_who_waits_too_long_is_told_so_and_a_full_queue_too(serve):
    model = HeldFinder()
    service = serve(model, limits=ServiceLimits(seconds=0.05, waiting=1))
    running = service.submit_ask("Which: 28 days")
    assert model.entered.wait(30)
    waiting = service.submit_ask("Which: 28 days")
    with pytest.raises(BusyError):
        service.ask("Which: 14 days")
    waiting.cancel()
    with pytest.raises(OutOfTimeError, match=r"no answer within 0\.05 s"):
        service.ask("Which: 14 days")
    model.go.set()
    assert running.result(30)["found"], "what was begun is answered"


def test_closing_answers_what_waits(serve):
    model = HeldFinder()
    service = serve(model)
    futures = [service.submit_ask("Which: 28 days") for _ in range(3)]
    assert model.entered.wait(30)
    closing = threading.Thread(target=service.close)
    closing.start()
    model.go.set()
    closing.join(30)
    assert all(future.result(0)["answer"] == "28 days" for future in futures)
    assert not service.health()["ready"]
    with pytest.raises(StoppingError):
        service.ask("Which: 28 days")


def test_a_document_that_is_added_is_asked_at_once(serve):
    service = serve()
    service.add_document("parking.md", b"Cars are parked in hall seven.")
    assert service.ask("Where are cars parked: hall seven")["document"] == "parking.md"
    service.remove_document("parking.md")
    assert not service.ask("Where are cars parked: hall seven")["found"]
    assert service.documents(limit=1)["total"] == 4


def test_without_documents_only_texts_can_be_asked(serve):
    service = serve(documents=False)
    for ask in (lambda: service.ask("Who?"), lambda: service.highlight("Who?"), lambda: service.verify(["he"])):
        with pytest.raises(NothingToAskError, match="there are no documents yet; add one, or give a text"):
            ask()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s.ask(" "), DataError, "question: is blank"),
        (lambda s: s.ask(7), DataError, "question: expected a text, found int 7"),
        (lambda s: s.ask("x" * 1001), DataError, "question: has 1,001 characters; 1,000 are the most"),
        (lambda s: s.ask("\ud800"), DataError, "question: is not valid Unicode"),
        (lambda s: s.ask("x", top_k=0), ConfigError, "top_k must be a whole number"),
        (lambda s: s.ask("x", top_k=21), ConfigError, "top_k: expected at most 20, found 21"),
        (lambda s: s.ask("x", num_passages=51), ConfigError, "num_passages: expected at most 50"),
        (lambda s: s.ask("x", min_confidence=float("nan")), ConfigError, "min_confidence: expected a number from 0 to"),
        (lambda s: s.ask("x", ""), DataError, "context: is empty"),
        (lambda s: s.answer("x", "y" * 200_001), DataError, "context: has 200,001 characters; 200,000 are the most"),
        (lambda s: s.answer(["x"] * 101, "y"), DataError, "question: expected 1 to 100 in a request, found 101"),
        (lambda s: s.answer([], "y"), DataError, "expected 1 to 100 in a request, found 0"),
        (lambda s: s.answer(["x", "y"], ["a", "b", "c"]), DataError, "2 questions and 3 contexts"),
        (lambda s: s.answer(["x", " "], "y"), DataError, "question is blank"),
        (lambda s: s.answer("x", "y", topk=2), ConfigError, "unknown: topk; known are top_k"),
        (lambda s: s.answer("x", "y", max_answer_len=0), DataError, "max_answer_len must be a whole number, 1 or more"),
        (lambda s: s.answer("x", "y", max_seq_len=5), ConfigError, "max_seq_length must be a whole number"),
        (lambda s: s.answer(["x"] * 60, ["y" * 4000] * 60), DataError, "context: has 240,000 characters"),
        (lambda s: s.highlight("x", keep=3), ConfigError, "keep must be a number from 0 to 1, found 3"),
        (lambda s: s.highlight("x", words=3), ConfigError, "unknown: words; known are max_words"),
        (lambda s: s.verify("a quote"), DataError, "quotes: expected a list of quotations"),
        (lambda s: s.verify([]), DataError, "quotes: expected 1 to 100 in a request, found 0"),
        (lambda s: s.verify([{}]), DataError, 'quote 0: expected "quote" or "claim", found neither'),
        (lambda s: s.verify([{"quote": "a", "claim": "b"}]), DataError, "found quote and claim"),
        (lambda s: s.verify(["a", 7]), DataError, 'quote 1: expected a text, or {"quote": ...}, found int 7'),
        (
            lambda s: s.verify([{"quote": "a", "source": 7}]),
            DataError,
            "quote 0: source must be the name of a document",
        ),
        (lambda s: s.verify(["a"], min_similarity=2), ConfigError, "min_similarity: expected a number from 0 to 1"),
    ],
)
def test_what_cannot_be_asked_is_said_before_it_is_queued(serve, call, error, words):
    model = lookup({"Ostermann": 9.0})
    service = serve(model)
    with pytest.raises(error, match=words):
        call(service)
    assert not model.model.batches


def test_importing_a_service_imports_neither_torch_nor_fastapi():
    import subprocess
    import sys

    code = "import sys, qa_pipeline.serve.service, qa_pipeline.cli.serve as _; print([name for name in ('torch', "
    code += "'transformers', 'fastapi', 'pydantic', 'prometheus_client', 'uvicorn') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
