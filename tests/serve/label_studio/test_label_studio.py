"""The machine-learning backend of Label Studio, with requests and replies in its documented form."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from qa_pipeline.errors import DataError
from qa_pipeline.serve.access import Guard, checked_access
from qa_pipeline.serve.api import build_app
from qa_pipeline.serve.label_studio.backend import (
    MOST_BODY_OF,
    MOST_TASKS,
    PREFIX,
    LabelStudioBackend,
    add_label_studio,
    label_studio_router,
    model_version,
)
from qa_pipeline.serve.refusals import OutOfTimeError
from qa_pipeline.serve.service import Service
from tests.serve.fakes import PhraseFinder

CONFIG = (
    '<View><Text name="text" value="$text"/><Text name="question" value="$question"/>'
    '<Labels name="answer" toName="text"><Label value="Answer"/></Labels></View>'
)
TYPED = CONFIG.replace("</View>", '<TextArea name="asked" toName="text"/></View>')


class Reader:
    """A service that finds the last word of the question in the text."""

    def __init__(self):
        self.asked: list[tuple[str, str]] = []

    def ask(self, question, context, *, top_k):
        self.asked.append((question, context))
        word = question.rstrip("?").split()[-1]
        start = context.find(word)
        if start < 0:
            return {"found": False, "answer": "", "confidence": 0.75, "start": None, "end": None}
        return {"found": True, "answer": word, "confidence": 0.5, "start": start, "end": start + len(word)}


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def backend(reader):
    return LabelStudioBackend(reader, "runs/policies")


@pytest.fixture
def client(backend):
    app = FastAPI()
    app.include_router(label_studio_router(backend), prefix=PREFIX)
    return TestClient(app)


def task(number: int, text: str, question: str | None) -> dict:
    data = {"text": text} | ({} if question is None else {"question": question})
    return {"id": number, "data": data, "project": 3, "annotations": [], "predictions": []}


def request(*tasks: dict, config: str | None = CONFIG, context=None) -> dict:
    return {
        "tasks": list(tasks),
        "model_version": "",
        "project": "3.1615327929",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }


def test_it_says_that_it_is_up(client):
    for path in ("/health", "/"):
        reply = client.get(PREFIX + path)
        assert reply.status_code == 200 and reply.json()["status"] == "UP"


def test_setup_gives_the_version_of_the_model(client):
    body = {"project": "3.1615327929", "schema": CONFIG, "hostname": "http://localhost:8080", "access_token": "x"}
    assert client.post(f"{PREFIX}/setup", json=body).json() == {"model_version": "runs/policies"}
    assert client.get(f"{PREFIX}/versions").json() == {"versions": ["runs/policies"]}
    assert client.post(f"{PREFIX}/versions", json={"project": "3.16"}).json() == {"versions": ["runs/policies"]}


def test_a_project_that_is_not_drawn_yet_can_be_connected_and_another_kind_cannot(backend):
    assert backend.setup({"project": "1.2", "schema": "<View></View>"})["model_version"]
    assert backend.setup({"project": "1.2"})["model_version"]
    with pytest.raises(DataError, match="found <Image>"):
        backend.setup({"project": "1.2", "schema": '<View><Image name="i" value="$i"/></View>'})


def test_the_answer_of_each_task_is_marked_in_its_text(client, reader):
    one, two = task(7, "It costs 30 euros.", "What is 30?"), task(8, "No price.", "What is 30?")
    reply = client.post(f"{PREFIX}/predict", json=request(one, two))
    assert reply.status_code == 200
    first, second = reply.json()["results"]
    region = first["result"][0]
    assert {key: region[key] for key in ("from_name", "to_name", "type", "score")} == {
        "from_name": "answer",
        "to_name": "text",
        "type": "labels",
        "score": 0.5,
    }
    assert region["value"] == {"start": 9, "end": 11, "text": "30", "labels": ["Answer"]}
    assert first["score"] == 0.5 and first["model_version"] == "runs/policies"
    assert second == {"result": [], "score": 0.75, "model_version": "runs/policies"}
    assert sorted(reader.asked) == [("What is 30?", "It costs 30 euros."), ("What is 30?", "No price.")]


def test_characters_are_counted_as_label_studio_does(backend):
    """Its editor splits a text with [...text], which gives code points: an emoji of two UTF-16 units is one."""
    text = "💩 👨‍👩‍👧 e\u0301té\r\nThe fee is 30."
    value = backend.predict(request(task(1, text, "What is 30?")))["results"][0]["result"][0]["value"]
    code_points = text.encode("utf-32-le")
    assert code_points[4 * value["start"] : 4 * value["end"]].decode("utf-32-le") == "30"
    utf16 = text.encode("utf-16-le")
    assert utf16[2 * value["start"] : 2 * value["end"]].decode("utf-16-le") != "30"


def test_the_configuration_of_setup_serves_a_request_without_one(backend):
    with pytest.raises(DataError, match="label config: expected XML, found None"):
        backend.predict(request(task(1, "It is 30.", "What is 30?"), config=None))
    backend.setup({"project": "3.1615327929", "schema": CONFIG})
    results = backend.predict(request(task(1, "It is 30.", "What is 30?"), config=None))["results"]
    assert results[0]["result"][0]["value"]["text"] == "30"


def test_a_task_that_cannot_be_asked_gets_no_prediction_and_the_others_do(backend, caplog):
    tasks = [task(1, "It is 30.", None), task(2, "It is 30.", "What is 30?"), {"id": 3}, task(4, " ", "What is 30?")]
    with caplog.at_level(logging.WARNING):
        results = backend.predict(request(*tasks))["results"]
    assert [one if isinstance(one, list) else one["score"] for one in results] == [[], 0.5, [], []]
    assert "3 tasks without a prediction; task 1: data.question: expected the question, found None" in caplog.text


def test_the_question_of_the_data_is_written_into_the_text_area(backend):
    result = backend.predict(request(task(1, "It is 30.", "What is 30?"), config=TYPED))["results"][0]["result"]
    assert [(one["from_name"], one["type"]) for one in result] == [("asked", "textarea"), ("answer", "labels")]
    assert result[0]["value"] == {"text": ["What is 30?"]}
    assert len({one["id"] for one in result}) == 2


def test_while_somebody_labels_the_question_that_was_typed_is_answered(backend):
    typed = {"id": "a", "from_name": "asked", "to_name": "text", "type": "textarea", "value": {"text": ["Who is 31?"]}}
    results = backend.predict(request(task(1, "30 or 31.", None), config=TYPED, context={"result": [typed]}))["results"]
    assert [one["value"].get("text") for one in results[0]["result"]] == ["31"]
    # Nothing typed, nothing in the data: what is shown is empty, in the form that the editor reads.
    results = backend.predict(request(task(1, "30 or 31.", None), config=TYPED, context={"result": []}))["results"]
    assert results == [{"result": [], "score": 0.0, "model_version": "runs/policies"}]


@pytest.mark.parametrize("tasks", [None, {}, ["x"], "x"])
def test_tasks_in_another_form_are_refused_with_words(backend, tasks):
    with pytest.raises(DataError, match="tasks: expected a list of objects, found"):
        backend.predict({"tasks": tasks, "label_config": CONFIG})


def test_too_many_tasks_are_refused(backend):
    with pytest.raises(DataError, match="5,001 in one request; 5,000 are the most"):
        backend.predict(request(*[{"id": 1}] * (MOST_TASKS + 1)))


def test_tasks_that_take_longer_than_label_studio_waits_are_given_up(backend, reader, monkeypatch):
    monkeypatch.setattr("qa_pipeline.serve.label_studio.backend.MOST_SECONDS", -1.0)
    with pytest.raises(OutOfTimeError):
        backend.predict(request(task(1, "It is 30.", "What is 30?")))
    assert reader.asked == []


def test_events_are_taken_notice_of(client):
    body = {"action": "ANNOTATION_CREATED", "project": {"id": 3, "label_config": CONFIG}, "annotation": {"result": []}}
    reply = client.post(f"{PREFIX}/webhook", json=body)
    assert reply.status_code == 201
    assert reply.json() == {"status": "ok", "result": "ANNOTATION_CREATED: this backend does not train"}


def test_a_real_service_answers_many_tasks_at_once():
    service = Service(PhraseFinder())
    tasks = [task(number, f"It is {number} euros.", f"Which: {number} euros") for number in range(40)]
    try:
        results = LabelStudioBackend(service, "finder").predict(request(*tasks))["results"]
    finally:
        service.close()
    assert [one["result"][0]["value"]["text"] for one in results] == [f"{number} euros" for number in range(40)]


def test_the_version_changes_with_the_model():
    class Model:
        name = "runs/policies"

        def fingerprint(self):
            return "1f3a9c2e55aa55aa"

    assert model_version(Model()) == "policies-1f3a9c2e"


def test_the_server_has_the_endpoints_behind_its_key_and_takes_many_tasks():
    service = Service(PhraseFinder())
    service.predictor.fingerprint = lambda: "1f3a9c2e55aa55aa"
    try:
        access = checked_access("127.0.0.1", key="s3cret", most_body=2_000, most_body_of=MOST_BODY_OF)
        app = build_app(service, access)
        add_label_studio(app, service)
        client = TestClient(app, "http://127.0.0.1")
        assert client.get(f"{PREFIX}/health").status_code == 401
        client.auth = ("label studio", "s3cret")
        assert client.get(f"{PREFIX}/health").json()["model_version"] == "finder-1f3a9c2e"
        tasks = [task(number, f"It is {number} euros.", f"Which: {number} euros") for number in range(30)]
        reply = client.post(f"{PREFIX}/predict", json=request(*tasks))
        assert reply.status_code == 200 and len(reply.json()["results"]) == 30
        refused = client.post(f"{PREFIX}/setup", json={"schema": '<View><Image name="i" value="$i"/></View>'})
        assert refused.status_code == 422 and "found <Image>" in refused.json()["detail"]
        assert client.post(f"{PREFIX}/webhook", json={"action": "x", "a": "b" * 3_000}).status_code == 413
    finally:
        service.close()


def test_a_key_is_given_as_the_password_of_basic_authentication(backend):
    """Label Studio knows no other way; it says who it is, and does not ask."""
    app = FastAPI()
    app.include_router(label_studio_router(backend), prefix=PREFIX)
    client = TestClient(Guard(app, checked_access("127.0.0.1", key="s3cret")))
    path = f"{PREFIX}/predict"
    assert client.post(path, json=request(), auth=("anybody", "s3cret")).status_code == 200
    assert client.post(path, json=request(), auth=("s3cret", "wrong")).status_code == 401
    for given in ("Basic s3cret", "Basic", "Basic ////", "Basic OnM=", "Digest s3cret"):
        assert client.post(path, json=request(), headers={"Authorization": given}).status_code == 401, given


def test_the_same_answer_has_the_same_id(backend):
    results = [backend.predict(request(task(1, "It is 30.", "What is 30?")))["results"] for _ in range(2)]
    assert results[0] == results[1]
