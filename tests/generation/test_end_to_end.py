"""The whole way through the command: every kind of document, a prompt alone, plans, a reader that decides."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples
from qa_pipeline.errors import ConfigError
from tests.documents.test_reading import make_pdf
from tests.generation.fakes import document
from tests.generation.server import Reply, ScriptedServer, like_a_model

SPLITS = ("train", "validation", "test")
PRICES = ["--price_per_million_prompt_tokens=3", "--price_per_million_completion_tokens=15"]


def rows_of(folder: Path) -> list:
    paths = [folder / f"{name}.json" for name in SPLITS]
    return [row for path in paths if path.exists() for row in load_examples(path, on_bad_data="error")[0]]


def asking(server: ScriptedServer, out: Path, *more: str) -> list[str]:
    return ["generate", "--backend=openai", "--model=m", f"--base_url={server.url}", f"--output_dir={out}", *more]


def write_one_of_each_kind(folder: Path) -> list[str]:
    """Documents of every kind; their names."""
    docx = pytest.importorskip("docx")
    pytest.importorskip("pypdf")
    folder.mkdir()
    texts = [document(100 + i) for i in range(6)]
    (folder / "plain.txt").write_text(texts[0])
    (folder / "marked.md").write_text(f"# A town\n\n{texts[1]}\n")
    (folder / "page.html").write_text(f"<html><head><script>x()</script></head><body><p>{texts[2]}</p></body></html>")
    lines = [line + "." if line[-1] != "." else line for line in texts[3].split(". ")]
    (folder / "print.pdf").write_bytes(make_pdf(lines))
    word = docx.Document()
    word.add_paragraph(texts[4])
    word.save(str(folder / "word.docx"))
    (folder / "lines.jsonl").write_text(json.dumps({"id": "line", "text": texts[5]}) + "\n")
    return ["plain.txt", "marked.md", "page.html", "print.pdf", "word.docx", "lines.jsonl:line"]


def test_documents_of_every_kind_become_rows(tmp_path):
    names = write_one_of_each_kind(tmp_path / "docs")
    assert main(["generate", f"--documents={tmp_path / 'docs'}", f"--output_dir={tmp_path / 'out'}"]) == 0
    assert {row["metadata"]["document"] for row in rows_of(tmp_path / "out")} == set(names)
    with ScriptedServer() as server:
        assert main(asking(server, tmp_path / "llm", f"--documents={tmp_path / 'docs'}")) == 0
    rows = rows_of(tmp_path / "llm")
    assert {row["metadata"]["document"] for row in rows} <= set(names) and len(rows) > 5
    assert not any("x()" in row["context"] for row in rows)


def test_a_prompt_alone_goes_from_topics_to_passages_to_questions(tmp_path, capsys):
    prompt = "Answer questions about town records; some are unanswerable. Examples: What did the bridge cost?"

    def script(number, body):
        if "Say what the user wants" in body["messages"][-1]["content"]:
            return Reply('{"domain": "records of towns", "language": "en", "answer_types": ["a date"]}')
        return Reply(like_a_model(body))

    with ScriptedServer(script) as server:
        words = asking(
            server, tmp_path / "out", f"--prompt={prompt}", "--num_examples=20", "--unanswerable_fraction=.3"
        )
        assert main(words) == 0
        asked = [entry.body["messages"][-1]["content"] for entry in server.log]
        first = {name: (tmp_path / "out" / f"{name}.json").read_bytes() for name in SPLITS}
        assert main(words) == 0
        assert len(server.log) == len(asked)  # all of it is kept
    kinds = [
        re.search(r"Say what|List \d+|Write one passage|Write \d+ questions", text)[0].split()[1] for text in asked
    ]
    assert kinds[0] == "what" and kinds[1].isdigit() and "one" in kinds
    assert all("What did the bridge cost?" in text and "Examples:" not in text for text in asked[1:])
    assert any("Prefer answers of these kinds: a date." in text for text in asked)
    rows = rows_of(tmp_path / "out")
    assert 10 < len(rows) <= 20 and {row["metadata"]["source"] for row in rows} == {"invented"}
    assert any(row["is_impossible"] for row in rows)
    assert all(row["metadata"]["passage_model"] == "m" and row["metadata"]["topic"] for row in rows)
    spec = yaml.safe_load((tmp_path / "out" / "prompt_spec.yaml").read_text())
    assert spec["domain"] == "records of towns" and spec["answer_types"] == ["a date"] and spec["unanswerable"] is True
    assert "domain: records of towns" in capsys.readouterr().out
    assert first == {name: (tmp_path / "out" / f"{name}.json").read_bytes() for name in SPLITS}
    # The specification is edited and given back: another task, so the old journal is not gone on from.
    spec["domain"] = "harbour fees"
    (tmp_path / "edited.yaml").write_text(yaml.safe_dump(spec))
    with ScriptedServer(script) as server:
        words = asking(server, tmp_path / "out", f"--spec_file={tmp_path / 'edited.yaml'}", "--num_examples=20")
        with pytest.raises(ConfigError, match=r"(?s)belongs to another run.*task: was .*is .*harbour fees"):
            main([*words, "--unanswerable_fraction=.3"])


def test_a_prompt_alone_cannot_be_written_in_shards(tmp_path):
    with ScriptedServer() as server, pytest.raises(ConfigError, match="shard: .*give documents"):
        main(asking(server, tmp_path, "--prompt=Questions about towns", "--shard=1/2"))


@pytest.mark.parametrize("source", ["documents", "prompt"])
def test_a_plan_says_what_is_asked_and_bounds_what_it_costs(tmp_path, capsys, source):
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(4):
        (docs / f"{i}.txt").write_text(document(i))
    given = (
        f"--documents={docs}" if source == "documents" else "--prompt=Questions about the records of towns, in English"
    )
    more = [
        *PRICES,
        "--rephrase=true",
        "--min_question_words=1",
        "--unanswerable_fraction=0.4",
        *(["--num_examples=12"] * (source == "prompt")),
    ]
    with ScriptedServer() as server:
        words = asking(server, tmp_path / "out", given, *more)
        assert main([*words, "--plan"]) == 0
        printed = capsys.readouterr().out
        assert not server.log and not (tmp_path / "out").exists()
        assert main(words) == 0
        prompts = sum(entry.prompt_tokens for entry in server.log)
        completions = sum(entry.completion_tokens for entry in server.log)
        spec_requests = sum("Say what the user wants" in e.body["messages"][-1]["content"] for e in server.log)
        sent = len(server.log) - spec_requests
    planned = {name: re.search(rf"^{name} +([\d,.]+)(.*)$", printed, re.M) for name in
               ("requests", "prompt tokens", "completion tokens", "cost")}  # fmt: skip
    number = {name: float(match[1].replace(",", "")) for name, match in planned.items()}
    assert number["requests"] >= sent > 0.5 * number["requests"]
    assert completions <= number["completion tokens"]
    most = float(re.search(r"([\d.,e-]+) at most", planned["cost"][2])[1].replace(",", ""))
    assert number["cost"] < most and (3 * prompts + 15 * completions) / 1e6 <= most
    if source == "documents":
        assert number["requests"] == sent


@pytest.fixture(scope="module")
def tiny_reader(tmp_path_factory) -> str:
    """A reader with a head of random weights: what it answers is arbitrary, and always the same."""
    import torch
    from transformers import AutoModel, BertForQuestionAnswering

    from tests.tiny_models import save_tiny

    folder = tmp_path_factory.mktemp("reader")
    save_tiny("bert", folder)
    encoder = AutoModel.from_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = BertForQuestionAnswering(encoder.config)
        model.bert.load_state_dict(encoder.state_dict(), strict=False)
        torch.nn.init.normal_(model.qa_outputs.weight, std=2.0)
    model.save_pretrained(folder)
    return str(folder)


def test_the_answers_of_a_real_reader_decide_the_round_trip(tmp_path, tiny_reader):
    from qa_pipeline.predictor import QAPredictor

    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(12):
        (docs / f"{i}.txt").write_text(document(i))
    everything = ["--num_examples=100000", "--skip_filters=near_duplicate", "--round_trip_f1=0.3"]
    words = ["generate", f"--documents={docs}", *everything]
    assert main([*words, f"--output_dir={tmp_path / 'all'}"]) == 0
    assert main([*words, f"--output_dir={tmp_path / 'kept'}", f"--round_trip_model={tiny_reader}"]) == 0
    every = {row["id"]: row for row in rows_of(tmp_path / "all")}
    kept = {row["id"] for row in rows_of(tmp_path / "kept")}
    report = json.loads((tmp_path / "kept" / "dataset_report.json").read_text())
    assert report["round_trip"]["asked"] == len(every)
    assert report["round_trip"]["refused"] == len(every) - len(kept)

    asked = [{name: row[name] for name in ("id", "question", "context")} for row in every.values()]
    answers = QAPredictor.from_pretrained(tiny_reader).predict(asked, progress=False)
    agreed = set()
    for row, answer in zip(every.values(), answers, strict=True):
        start, wanted = row["answers"]["answer_start"][0], row["answers"]["text"][0]
        end, found_end = start + len(wanted), (answer.start or 0) + len(answer.text)
        if not answer.text or answer.start >= end or start >= found_end:
            continue
        inside = start <= answer.start and found_end <= end or answer.start <= start and end <= found_end
        one, other = re.findall(r"\w+", wanted.lower()), re.findall(r"\w+", answer.text.lower())
        common = sum(min(one.count(word), other.count(word)) for word in set(one))
        if inside or 2 * common / (len(one) + len(other)) >= 0.3:
            agreed.add(row["id"])
    assert kept == agreed and 0 < len(kept) < len(every)


def test_shards_that_shared_an_account_are_not_paid_twice(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(6):
        (docs / f"{i}.txt").write_text(document(i))
    with ScriptedServer() as server:
        for part in ("1/2", "2/2"):
            assert main(asking(server, tmp_path / "out", f"--documents={docs}", f"--shard={part}")) == 0
        assert main(["merge", str(tmp_path / "out"), f"--output_dir={tmp_path / 'whole'}"]) == 0
        sent = len(server.log)
    report = json.loads((tmp_path / "whole" / "dataset_report.json").read_text())
    assert report["facts"]["requests"] == sent and "account" not in report["facts"]
    assert report["facts"]["documents"] == report["facts"]["passages_asked"] == 6
