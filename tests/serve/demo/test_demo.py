"""The page as a program sees it, and what of it needs no browser."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.serve.asking import MOST_QUESTION
from qa_pipeline.serve.demo import build_demo
from qa_pipeline.serve.demo.page import FILES, FOLDER, TEXT, load_gradio
from tests.serve.conftest import serving
from tests.serve.fakes import LEAVE, PhraseFinder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents")
    (path / "leave.md").write_text(LEAVE)
    (path / "ferry.md").write_text("The crossing takes 55 minutes.")
    return path


@pytest.fixture(scope="module")
def model():
    return PhraseFinder("tuned", seconds=0.02)


@pytest.fixture(scope="module")
def client(folder, model):
    gradio_client = pytest.importorskip("gradio_client")
    with serving(model, PhraseFinder("base", sure=0.2, none=0.7), documents=folder) as address:
        yield gradio_client.Client(address, verbose=False, httpx_kwargs={"timeout": 120})


def test_the_endpoint_gives_the_answer_and_where_it_stands(client):
    reply = client.predict("Which: 14 days | a year", LEAVE, api_name="/ask")
    assert (reply["model"], reply["found"], reply["answer"], reply["confidence"]) == ("tuned", True, "14 days", 0.6)
    assert LEAVE[reply["start"] : reply["end"]] == "14 days"
    assert reply["document"] is None and reply["page"] is None
    assert [one["answer"] for one in reply["runner_ups"]] == ["a year"]
    assert reply["base"]["model"] == "base" and reply["base"]["found"] is False


def test_the_endpoint_asks_the_folder_where_nothing_is_given(client):
    reply = client.predict(question="Which: 55 minutes", api_name="/ask")
    assert (reply["answer"], reply["document"]) == ("55 minutes", "ferry.md")


def test_the_endpoint_asks_files_of_its_caller(client, tmp_path):
    from gradio_client import handle_file

    (tmp_path / "notice period.html").write_text("<h1>Notice</h1><p>It is <b>90 days</b>.</p>")
    reply = client.predict(
        question="Which: 90 days", files=[handle_file(tmp_path / "notice period.html")], api_name="/ask"
    )
    assert (reply["answer"], reply["document"]) == ("90 days", "notice period.html")


def test_the_endpoint_is_described_with_its_types(client):
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(described) == ["/ask"]
    ask = described["/ask"]
    assert [one["parameter_name"] for one in ask["parameters"]] == ["question", "text", "files"]
    properties = ask["returns"][0]["type"]["properties"]
    assert {"answer", "confidence", "start", "end", "document", "page", "runner_ups", "base"} <= set(properties)
    assert properties["answer"] == {"type": "string"} and properties["confidence"] == {"type": "number"}
    assert "documents of this page" in ask["description"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"question": ""}, "no question yet"),
        ({"question": "x" * (MOST_QUESTION + 1)}, "1,000 are the most"),
        ({"question": ["x"]}, "must be a text"),
        ({"question": "Which?", "text": "  "}, "no text to search"),
        ({"question": "Which?", "text": 5}, "must be a text, found 5"),
        ({"question": "Which?", "files": [{"path": __file__}]}, "must be uploaded"),
        ({"question": "Which?", "files": ["a.txt"]}, "must be uploaded"),
        ({"question": "Which?", "files": {"path": "a"}}, "must be uploaded"),
        ({"question": "crash: x"}, "the model gives NaN"),
        ({"question": "fault: x"}, "fault in the program: KeyError: 'no such key'"),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(client, given, words, capfd, caplog):
    with pytest.raises(Exception, match=words) as raised:
        client.predict(**given, api_name="/ask")
    assert type(raised.value).__name__ == "AppError"
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "Traceback" not in printed and ("KeyError" in printed) == ("fault" in given["question"])


def test_no_file_of_this_machine_is_read_and_no_address_is_fetched(client, tmp_path, capfd):
    secret = tmp_path / "secret.txt"
    secret.write_text("the password is sesame")
    question = "Which: sesame"
    link = {"path": "http://127.0.0.1:9/secret.txt", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception, match="an address is not fetched"):
        client.predict(question=question, files=[link], api_name="/ask")
    with pytest.raises(Exception, match="must be uploaded"):
        client.predict(question=question, files=[{"path": str(secret)}], api_name="/ask")
    with pytest.raises(Exception, match="must be uploaded"):
        client.predict(question=question, files=[{"path": f"{_uploads()}/../../../..{secret}"}], api_name="/ask")
    assert "sesame" not in "".join(capfd.readouterr())


def _uploads():
    import gradio

    return gradio.utils.get_upload_folder()


def test_visitors_at_once_get_their_own_answers_one_after_the_other(client, model):
    wanted = ["28 days", "14 days", "a year", "55 minutes"] * 3
    before = model.asked
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda one: client.predict(f"Which: {one}", api_name="/ask"), wanted))
    assert [reply["answer"] for reply in replies] == wanted
    assert model.asked == before + len(wanted) and model.most_at_once == 1


# Without a server


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory):
    """The page's own object, whose methods answer what a visitor does."""
    pytest.importorskip("gradio", reason="the gradio package is not installed")
    from qa_pipeline.serve.demo.examples import find_questions
    from qa_pipeline.serve.demo.page import _Page

    qas = [
        {"id": "1", "question": "Which: 14 days", "answers": [{"text": "28 days", "answer_start": LEAVE.index("28")}]},
        {"id": "2", "question": "Which: zebra", "answers": [], "is_impossible": True},
    ]
    examples = tmp_path_factory.mktemp("examples") / "mine.json"
    examples.write_text(json.dumps({"data": [{"title": "t", "paragraphs": [{"context": LEAVE, "qas": qas}]}]}))
    from qa_pipeline.serve.asking import folder_index

    return _Page([PhraseFinder()], folder_index(folder), find_questions("x", str(examples)))


def test_each_place_to_look_is_asked_alone(built):
    assert "55 minutes" in built.answer("Which: 55 minutes", FOLDER, LEAVE, None)
    assert "Not found" in built.answer("Which: 55 minutes", TEXT, LEAVE, None)
    assert "no file yet" in built.answer("Which: 55 minutes", FILES, LEAVE, None)
    assert "no text to search yet" in built.answer("Which?", TEXT, None, None)
    assert "must be a text" in built.answer(None, TEXT, LEAVE, None)


def test_a_question_to_try_is_put_into_the_fields_and_has_its_label_beside_the_answer(built):
    question, where, text = built.pick(0)
    assert (question, where, text) == ("Which: 14 days", TEXT, LEAVE)
    assert "The data says: <q" in built.answer(question, where, text, None)
    assert "The data says: not in the text." in built.answer("Which: zebra", TEXT, LEAVE, None)
    assert "The data says" not in built.answer(question, where, text + " ", None)
    assert "The data says" not in built.answer("Which: a year", where, text, None)


@pytest.mark.parametrize("number", [-1, 99, None, "1", 1.5])
def test_a_question_to_try_that_is_not_there_is_no_error(built, number):
    assert built.pick(number) == ("", TEXT, "")


def test_a_fault_of_the_program_is_one_line_in_the_terminal(built, caplog):
    shown = built.answer("fault: x", TEXT, LEAVE, None)
    assert "fault in the program: KeyError" in shown and 'role="alert"' in shown
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "a question could not be answered: KeyError: 'no such key'"
    ]


def test_gradio_that_is_missing_or_too_old_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ConfigError, match="the page needs gradio .*; run: pip install gradio"):
        build_demo("runs/nowhere")
    monkeypatch.setitem(sys.modules, "gradio", type(sys)("gradio"))
    sys.modules["gradio"].__version__ = "5.49.1"
    with pytest.raises(ConfigError, match=r"needs gradio 6, found 5\.49\.1; run: pip install --upgrade gradio"):
        load_gradio()


def test_models_and_documents_that_cannot_be_loaded_are_errors_in_words(tmp_path):
    pytest.importorskip("gradio", reason="the gradio package is not installed")
    with pytest.raises(ModelError, match="nowhere"):
        build_demo(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="gone"):
        build_demo(PhraseFinder(), documents=tmp_path / "gone")


def test_a_head_that_was_never_trained_is_refused_but_as_the_base_model(tiny_bert):
    gradio = pytest.importorskip("gradio", reason="the gradio package is not installed")
    with pytest.raises(ModelError, match="no trained question-answering head"):
        build_demo(str(tiny_bert))
    page = build_demo(PhraseFinder(), base=str(tiny_bert))
    first = next(block for block in page.blocks.values() if isinstance(block, gradio.HTML))
    assert f'Beside it: <bdi class="name">{tiny_bert}</bdi>' in first.value


def test_importing_the_room_imports_neither_gradio_nor_torch():
    code = "import sys, qa_pipeline.serve, qa_pipeline.cli.demo; print({'gradio', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
