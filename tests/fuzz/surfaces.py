"""What outsiders' bytes reach: each surface with good inputs to begin from, and a function that reads an input.

A reader may refuse with a QAError (or the ParseError of a model's reply); what it accepts it checks: every row that was
read is kept, dropped or merged, ids are unique, and answers are slices of their contexts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from qa_pipeline.arguments.config_files import read_config_file
from qa_pipeline.data import load_examples
from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.documents.markdown import read_markdown
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, read_document
from qa_pipeline.errors import QAError
from qa_pipeline.generation.arguments import parse_generation_arguments
from qa_pipeline.generation.backends.chat_api import ChatReply, Fault, read_answer
from qa_pipeline.generation.questions.llm.parsing import ParseError, read_items
from qa_pipeline.generation.questions.llm.prompts import SCHEMAS
from qa_pipeline.predictor.files.gold import ReadDocuments, gold_of
from qa_pipeline.predictor.files.question_lists import read_questions
from qa_pipeline.text.words import count_words
from tests.data.made import check_invariant
from tests.data.reading import FLAT, SQUAD

ROOT = Path(__file__).resolve().parents[2]
CASES = [ROOT / "tests" / "data" / name for name in ("cases", "more_cases")]


@dataclass(frozen=True)
class Surface:
    """One way in.

    Attributes:
        name: of the surface.
        share: of all inputs, in percent.
        seeds: good inputs, (name of the file, content).
        read: reads an input from a file; True where it was accepted.
        tokens: pieces that mutations put in, beside those of all surfaces.
    """

    name: str
    share: int
    seeds: Callable[[], list[tuple[str, bytes]]]
    read: Callable[[Path], bool]
    tokens: tuple[bytes, ...] = ()


def read_data(path: Path) -> bool:
    """Labelled data of every kind."""
    try:
        examples, report = load_examples(path, max_bad_fraction=1.0)
    except QAError:
        return False
    check_invariant(examples)
    assert report.rows_read == report.rows_kept + report.rows_dropped + report.rows_merged, report.to_dict()
    assert report.rows_kept == len(examples)
    json.dumps(report.to_dict())
    report.table()
    return True


def read_list(path: Path) -> bool:
    """Questions that stand alone."""
    try:
        questions = read_questions(str(path))
    except QAError:
        return False
    assert questions.rows and all(row["question"].strip() and isinstance(row["id"], str) for row in questions.rows)
    with suppress(QAError):
        gold = gold_of(questions, ReadDocuments([Document("It opens at nine. Fee: 25 euros.", "fees/opening.md")]))
        scored = {row.id for row in gold.rows}
        assert {fault.id for fault in gold.faults} <= scored <= {row["id"] for row in questions.rows}
    return True


def read_config(path: Path) -> bool:
    """A configuration, alone and as that of a generation."""
    try:
        content = read_config_file(path)
    except QAError:
        return False
    assert all(isinstance(key, str) for key in content)
    with suppress(QAError):
        parse_generation_arguments([str(path)])
    return True


def read_field_mapping(path: Path) -> bool:
    """A field mapping."""
    try:
        read_mapping(path)
    except QAError:
        return False
    return True


def read_reply(path: Path) -> bool:
    """The body of a server's answer, and what the model wrote in it."""
    found = read_answer(path.read_bytes(), ["a-known-key"])
    assert isinstance(found, ChatReply | Fault)
    if isinstance(found, Fault):
        assert found.detail.isprintable() and len(found.detail) <= 300
        return False
    assert found.used is None or max(found.used.prompt_tokens, found.used.completion_tokens) < 2**40
    for schema in SCHEMAS.values():
        try:
            records, _ = read_items(found.text, schema)
        except ParseError:
            continue
        json.dumps(records).encode()
    return True


def read_front_matter(path: Path) -> bool:
    """Markdown that begins with YAML."""
    text = path.read_bytes().decode("utf-8", "replace")
    body, title = read_markdown(text)
    assert text.endswith(body) and (title is None or title == title.strip() != "")
    return title is not None


def read_whole_document(path: Path) -> bool:
    """A document of a format that is text, and its passages."""
    try:
        document = read_document(path)
    except QAError:
        return False
    for block in document.blocks or ():
        assert 0 <= block.start < block.end <= len(document.text), block
        assert all(block.start <= part < block.end for part in block.parts), block
    end = 0
    for passage in cut_document(document, 60):
        assert passage.text == document.text[passage.start : passage.end] and passage.start >= end, passage
        assert count_words(passage.reading) <= 60 and passage.lead in document.text, passage
        end = passage.end
    return True


def _document_seeds() -> list[tuple[str, bytes]]:
    text = (
        "# Fees\n\nText.\n\nHours\n-----\n\nIt covers:\n\n- a\n- b\n\n| a | b |\n|---|---|\n| c | 4 |\n\n```\n# x\n```"
    )
    page = "<h1>Fees</h1><table><tr><th>a<th>b<tr><td>c<td>4</table><ul><li>a<li>b<ul><li>c</ul></ul><h2>Hours</h2><p>9"
    mail = "From: a@b.example\nSubject: Fees\nContent-Type: {}\n\n"
    return [
        ("a.md", text.encode()),
        ("a.txt", (text + "\n1. Scope\n\nText.\n\nArticle 5\n\nMore.\n").encode()),
        ("a.html", page.encode()),
        ("a.eml", (mail.format("text/plain") + text).encode()),
        ("b.eml", (mail.format("text/html") + page).encode()),
    ]


@cache
def _data_seeds() -> list[tuple[str, bytes]]:
    files = [path for folder in CASES for path in sorted(folder.iterdir()) if path.name != "expected.json"]
    seeds = [(path.name, path.read_bytes()) for path in files]
    table = pa.Table.from_pylist(FLAT * 10)
    for name, opened in (("rows.arrow", pa.ipc.new_file), ("stream.arrow", pa.ipc.new_stream)):
        sink = pa.BufferOutputStream()
        with opened(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=10)
        seeds += [(name, sink.getvalue().to_pybytes())] * 5
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    seeds += [("rows.parquet", sink.getvalue().to_pybytes())] * 5
    page = {"document_text": "<P> It opens at nine </P>", "question_text": "When?", "document_title": "Hours"}
    answers = [{"short_answers": [{"start_token": 4, "end_token": 5}], "yes_no_answer": "NONE"}]
    seeds += [("nq.jsonl", json.dumps({**page, "example_id": 7, "annotations": answers}).encode() + b"\n")] * 5
    return [*seeds, ("squad.json", json.dumps(SQUAD).encode())]


def _list_seeds() -> list[tuple[str, bytes]]:
    questions = ["When does it open?", "Who owns it?", "Wo ist Z\u00fcrich?"]
    rows = [{"id": i, "question": text} for i, text in enumerate(questions)]
    return [
        ("q.txt", "\n".join(questions).encode()),
        ("q.md", ("# Questions\n\n" + "\n".join(questions)).encode()),
        ("q.csv", ("question\n" + "\n".join(questions)).encode()),
        ("gold.csv", b'id,question,answer,document\n1,When?,"[""nine"", ""9""]",opening\n2,Fee?,25 euros,x.md; y\n'),
        (
            "gold.json",
            json.dumps([{**row, "answers": {"text": ["nine"]}, "file": ["opening.md"]} for row in rows]).encode(),
        ),
        ("ids.csv", ("id,question\n" + "\n".join(f'{i},"{text}"' for i, text in enumerate(questions))).encode()),
        ("q.tsv", ("id\tquestion\n" + "\n".join(f"{i}\t{text}" for i, text in enumerate(questions))).encode()),
        ("q.jsonl", "\n".join(map(json.dumps, rows)).encode()),
        ("q.json", json.dumps(rows).encode()),
    ]


def _config_seeds() -> list[tuple[str, bytes]]:
    seeds = [(path.name, path.read_bytes()) for path in sorted((ROOT / "configs").glob("*.yaml"))]
    return [*seeds, ("a.json", b'{"documents": ["a.txt"], "output_dir": "out", "seed": 3, "temperature": 0.5}')]


def _mapping_seeds() -> list[tuple[str, bytes]]:
    mapping = {
        "context": "a.b[0].c",
        "question": ["q", "ask"],
        "answers": {"text": "x", "start": "y"},
        "offset_base": 1,
    }
    text = "context: page.text\nquestion: q\nanswers:\n  text: a[0].text\n  span: a[0].span\n"
    text += "no_answer_value: [none, '-']\n"
    return [
        ("m.json", json.dumps(mapping).encode()),
        ("m.yaml", text.encode()),
        ("p.yaml", b"preset: squad\nid: number\n"),
    ]


def _reply_seeds() -> list[tuple[str, bytes]]:
    pair = {"question": "When?", "answer": "at nine", "evidence": "It opens at nine.", "number": 1, "type": "time"}
    written = [
        json.dumps({"questions": [pair, pair]}),
        f"Sure:\n```json\n{json.dumps([pair])}\n```",
        repr({"answers": [pair]}),
        "<think>so</think>" + json.dumps({"topics": ["a", "b"]}),
    ]
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    replies = [
        {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage} for text in written
    ]
    return [
        *((f"{i}.json", json.dumps(reply).encode()) for i, reply in enumerate(replies)),
        ("error.json", b'{"error": {"message": "a-known-key is wrong", "code": 5}}'),
        ("page.json", b"<!doctype html><html><title>Router</title><body>Hello</body></html>"),
    ]


def _front_seeds() -> list[tuple[str, bytes]]:
    text = "---\ntitle: A \u00e9 title\ndate: 2024-05-06\ntags: [a, b]\ndraft: no\n"
    text += "more: &x {a: 1}\nagain: {<<: *x}\n---\n\nBody.\n"
    return [("a.md", text.encode()), ("b.md", b"---\r\ntitle: 'x'\r\n...\r\nBody\r\n"), ("c.md", b"---\nJust a rule\n")]


YAML = (
    b"!!bool foo",
    b"!!timestamp x",
    b"!!int ''",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!str ",
    b"? ",
    b"|\n",
    b">\n",
    b"2024-13-45",
    b"0o17",
    b"1e999",
    b"~",
    b"{",
    b"]",
)

SURFACES = (
    Surface("data", 44, _data_seeds, read_data, (b'"answer_start":', b"answers", b"-1", b"[nan]", b"array([", b"''")),
    Surface("question_lists", 12, _list_seeds, read_list, (b"question,", b"?\n", b'"')),
    Surface("configurations", 8, _config_seeds, read_config, YAML),
    Surface("mappings", 8, _mapping_seeds, read_field_mapping, YAML),
    Surface(
        "server_replies",
        14,
        _reply_seeds,
        read_reply,
        (b"```", b"\\u0000", b'"number": "' + b"9" * 5000 + b'"', b"1e30"),
    ),
    Surface("documents", 6, _document_seeds, read_whole_document, (b"# ", b"|", b"- ", b"<table>", b"</td>", b"1. ")),
    Surface("front_matter", 8, _front_seeds, read_front_matter, YAML),
)
