"""The command from its words to its files: documents, a prompt alone, a server, shards, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from qa_pipeline.cli.main import main
from qa_pipeline.data import load_examples, validate
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.arguments import parse_generation_arguments
from qa_pipeline.generation.engines import raise_questions
from qa_pipeline.generation.questions.llm.prompts import get_prompt
from tests.generation.fakes import document


def write_documents(folder: Path, count: int = 12) -> Path:
    folder.mkdir()
    for number in range(count):
        text = "\n\n".join(document(number * 10 + part) for part in range(3))
        (folder / f"town{number}.{'md' if number % 2 else 'txt'}").write_text(f"# Town {number}\n\n{text}\n")
    return folder


def rows_of(folder: Path) -> list:
    return [row for name in ("train", "validation", "test") for row in load_examples(folder / f"{name}.json")[0]]


def test_documents_become_data_without_a_model(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(f"documents: [{write_documents(tmp_path / 'docs')}]\nunanswerable_fraction: 0.2\n")
    out = tmp_path / "out"
    assert main(["generate", str(config), "--output_dir", str(out), "--num_examples", "60"]) == 0
    printed = capsys.readouterr().out
    assert "accepted" in printed and str(out) in printed
    rows = rows_of(out)
    assert 40 < len(rows) <= 60 and all(row["metadata"]["generator"] == "cloze" for row in rows)
    validate(json.loads((out / "train.json").read_text()), "squad", "train.json")
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["facts"]["documents"] == 12 and report["rows"] == len(rows)
    card = (out / "README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["task_categories"] == ["question-answering"]


def test_few_questions_are_warned_of_with_what_to_do(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["generate", "--documents", str(write_documents(tmp_path / "docs", 4)), "--output_dir", str(out)]) == 0
    printed = capsys.readouterr().out
    train = len(load_examples(out / "train.json")[0])
    assert f"warning: {train} training questions; below 200" in printed
    for part in ("more documents", "--questions_per_context (now 5)", "--backend openai", "--model_name_or_path"):
        assert part in printed and part in (out / "README.md").read_text()
    assert "rough by design" in (out / "README.md").read_text()
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["split_by"] == "document" and len(report["warnings"]) == 1


def test_narrow_types_of_answers_are_named_where_few_or_no_questions_are_left(tmp_path, capsys):
    folder, out = str(write_documents(tmp_path / "docs", 4)), str(tmp_path / "out")
    assert main(["generate", "--documents", folder, "--output_dir", out, "--answer_types", "date"]) == 0
    assert "more kinds of answers (--answer_types, now date)" in capsys.readouterr().out
    with pytest.raises(DataError, match="refused: none; answer_types allows only phone$"):
        main(["generate", "--documents", folder, "--output_dir", f"{out}2", "--answer_types", "phone"])


def test_one_document_is_split_by_passage_and_that_is_said(tmp_path, capsys, caplog):
    source, out = tmp_path / "town.txt", tmp_path / "out"
    source.write_text("\n\n".join(document(number) for number in range(12)))
    words = ["generate", "--documents", str(source), "--output_dir", str(out), "--max_passage_words", "40"]
    assert main(words) == 0
    splits = [load_examples(out / f"{name}.json")[0] for name in ("train", "validation", "test")]
    contexts = [{row["context"] for row in rows} for rows in splits]
    assert all(splits) and len(set.union(*contexts)) == sum(map(len, contexts))
    assert "split by passage" in caplog.text.lower() + capsys.readouterr().err.lower()
    assert "Split by passage, since there is one document" in (out / "README.md").read_text()
    assert json.loads((out / "dataset_report.json").read_text())["split_by"] == "passage"


def test_a_single_passage_cannot_be_split_and_that_is_said(tmp_path, capsys):
    source, out = tmp_path / "town.txt", tmp_path / "out"
    source.write_text(document(1))
    assert main(["generate", "--documents", str(source), "--output_dir", str(out)]) == 0
    assert not (out / "validation.json").exists()
    printed = capsys.readouterr().out
    assert "no validation questions, so no validation.json" in printed
    assert "no test questions, so no test.json" in (out / "README.md").read_text()


def test_the_help_says_that_cloze_questions_are_rough(capsys):
    try:
        main(["generate", "--help"])
    except SystemExit as end:
        assert end.code in (0, None)
    assert "rough by design" in " ".join(capsys.readouterr().out.split())


def test_missing_documents_are_asked_for_with_the_flag(tmp_path):
    with pytest.raises(ConfigError, match=r"such as --documents FOLDER; or give --contexts_from DATA, --prompt TEXT"):
        main(["generate", "--output_dir", str(tmp_path / "out")])


def test_shards_are_made_and_merged(tmp_path, capsys):
    docs = write_documents(tmp_path / "docs")
    (docs / "short.txt").write_text("Too short.")
    for number in (1, 2):
        words = ["generate", "--documents", str(docs), "--output_dir", str(tmp_path / "out"), f"--shard={number}/2"]
        assert main(words) == 0
    assert main(["merge", str(tmp_path / "out" / "shards"), "--output_dir", str(tmp_path / "merged")]) == 0
    assert len({row["metadata"]["document"] for row in rows_of(tmp_path / "merged")}) == 12
    report = json.loads((tmp_path / "merged" / "dataset_report.json").read_text())
    assert [note for note in report["notes"] if "too_short" in note] == ["1 passage left out: too_short"]
    assert report["settings"]["output_dir"] == str(tmp_path / "merged")
    with pytest.raises(DataError, match="no shard in"):
        main(["merge", str(docs), "--output_dir", str(tmp_path / "none")])


def test_a_prompt_alone_uses_the_built_in_domain(tmp_path, capsys):
    words = ["generate", "--prompt", "Questions about a clinic's hours and fees", "--num_examples=90"]
    assert main([*words, "--output_dir", str(tmp_path / "a")]) == 0
    assert "domain: a clinic's hours and fees" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "a")) == 90
    assert "made from the built-in domain clinic, all of it" in (tmp_path / "a" / "README.md").read_text()
    spec = tmp_path / "a" / "prompt_spec.yaml"
    assert main(["generate", "--spec_file", str(spec), "--num_examples=90", "--output_dir", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / "train.json").read_bytes() == (tmp_path / "b" / "train.json").read_bytes()


def test_a_topic_that_narrows_nothing_and_documents_that_changed_are_said(tmp_path):
    docs, out = write_documents(tmp_path / "docs"), tmp_path / "out"
    words = ["generate", f"--documents={docs}", "--prompt=Questions about harbour fees", f"--output_dir={out}"]
    assert main(words) == 0
    notes = json.loads((out / "dataset_report.json").read_text())["notes"]
    assert [note for note in notes if "a prompt's topic narrows nothing" in note]
    (docs / "new.txt").write_text("The new harbour was opened in 1957 by the mayor of the town, Elsa Brand. " * 3)
    with pytest.raises(ConfigError, match=r"passages: was .* \(documents were changed, added or removed"):
        main(words)


def test_a_prompt_that_nothing_matches_says_what_is_needed(tmp_path):
    with pytest.raises(ConfigError, match='no built-in domain is about "medieval pottery".*documents.*backend'):
        main(["generate", "--prompt", "Questions about medieval pottery", "--output_dir", str(tmp_path)])


def test_every_fault_of_the_settings_at_once(tmp_path):
    with pytest.raises(ConfigError) as error:
        parse_generation_arguments(
            ["--dokuments", "x", "--shard", "3/2", "--unanswerable_fraction", "2", "--answer_types", "dates,money"]
            + ["--skip_filters", "leeked", "--max_cost", "3", "--seed", "x"]
        )
    text = str(error.value)
    for part in (
        'unknown key; nearest valid name: "documents"',
        'expected I/N with 1 <= I <= N such as 2/8, found "3/2"',
        "--unanswerable_fraction: expected a share from 0 to 0.9, found 2",
        'unknown type "dates"; nearest: "date"',
        'unknown filter "leeked"; nearest: "leaked"',
        "needs price_per_million_prompt_tokens",
        "--seed: expected a whole number",
        "output_dir: is required",
    ):
        assert part in text, part


def test_the_groups_are_dataclasses_for_hf_argument_parser():
    transformers = pytest.importorskip("transformers")
    from qa_pipeline.generation.arguments import GROUPS

    parsed = transformers.HfArgumentParser(GROUPS).parse_dict({"output_dir": "x", "backend": "openai", "seed": 3})
    assert parsed[0].seed == 3 and parsed[1].backend == "openai"


@pytest.mark.parametrize("speed", ["--concurrency=4", "--concurrency=64"])
def test_a_plan_for_some_examples_counts_whole_blocks_whatever_the_speed(tmp_path, capsys, speed):
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(30):
        (docs / f"{number}.txt").write_text(document(number))
    words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--plan", speed]
    assert main([*words, "--num_examples=20", "--questions_per_context=5"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"passages asked about +6\n", printed)  # 20 * 1.5 / 5
    assert re.search(r"rows wanted +20 +num_examples", printed)


def test_lists_and_plans_ask_nothing_and_need_no_key(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["generate", "--list_prompts"]) == 0
    assert "question-first" in capsys.readouterr().out
    docs = write_documents(tmp_path / "docs")
    words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--plan"]
    words += ["--price_per_million_prompt_tokens=1", "--price_per_million_completion_tokens=2"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "requests" in printed and "at most" in printed and sorted(p.name for p in tmp_path.iterdir()) == ["docs"]


def test_passages_are_slices_of_their_document():
    from qa_pipeline.documents.cutting import cut
    from qa_pipeline.documents.plain import plain_blocks
    from qa_pipeline.text.words import count_words

    text = (
        "# One\n\n"
        + " ".join(f"This is sentence number {i} of many." for i in range(60))
        + "\n\nShort.\n\n## Two\n\n"
        + "It ends here. " * 9
    )
    spans = [(span.start, span.end) for span in cut(text, plain_blocks(text), 50)]
    assert all(count_words(text[a:b]) <= 50 and text[a:b] == text[a:b].strip() for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in zip(spans, spans[1:], strict=False))
    assert "".join(text[a:b] for a, b in spans).split() and sum(
        count_words(text[a:b]) for a, b in spans
    ) == count_words(text)
    assert text[spans[-1][0] :].startswith("## Two")


def test_a_served_model_is_asked_once_and_what_it_paraphrases_is_refused(tmp_path, monkeypatch):
    from tests.generation.server import Reply, ScriptedServer, like_a_model

    def script(number, body):
        content = json.loads(like_a_model(body))
        for record in content.get("questions", [])[::3]:
            if "answer" in record:
                record["answer"] += " in other words"
        return Reply(f"Here you are:\n```json\n{json.dumps(content)}\n```")

    monkeypatch.setenv("A_KEY", "sk-very-secret")
    docs = write_documents(tmp_path / "docs", 6)
    with ScriptedServer(script) as server:
        words = ["generate", "--documents", str(docs), "--backend=openai", "--model=m", "--base_url", server.url]
        words += ["--api_key_env=A_KEY", "--output_dir", str(tmp_path / "out")]
        assert main(words) == 0
        first = {name: (tmp_path / "out" / f"{name}.json").read_bytes() for name in ("train", "validation", "test")}
        asked = len(server.log)
        (tmp_path / "out" / "work" / "journal-00001-of-00001.jsonl").unlink()
        assert main(words) == 0
        assert len(server.log) == asked  # the cache knew all of it
    assert first == {name: (tmp_path / "out" / f"{name}.json").read_bytes() for name in first}
    report = json.loads((tmp_path / "out" / "dataset_report.json").read_text())
    assert report["rejected"]["answer_not_verbatim"] > 0 and report["rows"] > 0
    assert report["facts"]["requests"] == asked
    for row in rows_of(tmp_path / "out"):
        text, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
        assert row["context"][start : start + len(text)] == text
        assert row["metadata"]["model"] == "m" and row["metadata"]["prompt_version"] == get_prompt(1).version
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"sk-very-secret" not in path.read_bytes()


def test_more_rows_than_the_passages_give_raise_the_questions_about_each(tmp_path, caplog):
    source, out = tmp_path / "town.txt", tmp_path / "out"
    source.write_text("\n\n".join(document(number) for number in range(6)))
    words = ["generate", f"--documents={source}", "--max_passage_words=40", f"--output_dir={out}"]
    assert main([*words, "--questions_per_context=2"]) == 0
    report = json.loads((out / "dataset_report.json").read_text())
    passages = int(report["facts"]["passages"])
    before, wanted = report["rows"], 5 * passages
    assert before <= 2 * passages and not any("raised" in note for note in report.get("notes", ()))
    assert main([*words, "--questions_per_context=2", f"--num_examples={wanted}", "--overwrite_output_dir"]) == 0
    report = json.loads((out / "dataset_report.json").read_text())
    assert report["settings"]["questions_per_context"] == 7 and before < report["rows"] <= wanted
    note = f"questions_per_context raised from 2 to 7: num_examples asks for {wanted} rows, and there are {passages} "
    assert note in caplog.text and any(note in text for text in report["notes"])


@pytest.mark.parametrize(
    ("asked", "subset", "wanted", "expected"),
    [(5, None, 50, 5), (5, None, 51, 7), (5, 5, 50, 13), (5, None, 5000, 16), (20, None, 5000, 20), (5, None, None, 5)],
)
def test_questions_are_raised_as_far_as_needed_and_to_sixteen_at_most(asked, subset, wanted, expected):
    words = ["--documents=x", "--output_dir=y", f"--questions_per_context={asked}"]
    words += [f"--{name}={value}" for name, value in (("subset", subset), ("num_examples", wanted)) if value]
    settings = parse_generation_arguments(words)
    assert (raise_questions(settings, 10) is None) == (asked == expected)
    assert settings.generation.questions_per_context == expected
