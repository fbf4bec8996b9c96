"""A file of questions is answered although the process is killed: nothing is lost, and the files come out the same."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import pytest
from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError, run_script
from qa_predict import main
from tests.predictor.fakes import CONTEXT, WordFinder


def answer_and_die(event: str, count: int | str, words: list[str]) -> None:
    """In a process of its own: after so many answers, or at a file that takes its place, an end that nothing can catch.

    Args:
        event: "answer", or "before" or "after" a file.
        count: how many answers, or what the name of the file ends in.
    """
    append, replace, calls = artifacts.Lines.append, os.replace, iter(range(1, 10**9))

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def appending(lines, value, sync=False):
        append(lines, value, sync)
        if event == "answer" and "id" in value and next(calls) == count:
            die()

    def replacing(source, target):
        if event == "before" and str(target).endswith(str(count)):
            die()
        replace(source, target)
        if event == "after" and str(target).endswith(str(count)):
            die()

    artifacts.Lines.append, os.replace = appending, replacing
    main(words)


def questions(folder: Path, count: int = 12) -> Path:
    """Labelled questions, one of which was asked twice, and one without a context."""
    rows = [
        {"id": f"q{i}", "context": CONTEXT, "question": f"{i}: \u00fcber {'engines' if i % 3 else 'London'}?"}
        | {"answers": {"text": ["London"], "answer_start": [22]}}
        for i in range(count)
    ]
    rows += [rows[1] | {"id": "again"}, rows[0] | {"id": "empty", "context": " "}]
    path = folder / "questions.json"
    path.write_text(json.dumps(rows))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


EVENTS = [
    ("json", "answer", 1),
    ("json", "answer", 7),
    ("json", "answer", 12),
    ("json", "before", "preds.json"),
    ("json", "after", "preds.json"),
    ("json", "before", "null_odds.json"),
    ("json", "after", "null_odds.json"),
    ("jsonl", "answer", 5),
    ("jsonl", "after", "preds.jsonl"),
    ("csv", "answer", 5),
    ("tsv", "before", "preds.tsv"),
]


@pytest.mark.parametrize("on_documents", [False, True], ids=["data", "questions"])
@pytest.mark.parametrize(("ending", "event", "count"), EVENTS)
def test_a_killed_run_goes_on_and_ends_with_the_same_files(
    ending, event, count, on_documents, models, tmp_path, capsys
):
    words = ["--model", "m", "--data", str(questions(tmp_path))]
    if on_documents:
        for name, text in (("one.txt", CONTEXT), ("two.txt", "The bridge of London is old.")):
            (tmp_path / name).write_text(text)
        words += ["--context_file", str(tmp_path / "one.txt"), str(tmp_path / "two.txt")]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main([*words, "--output", str(whole / f"preds.{ending}")]) == 0
    asked = len(models["m"].decoded_with)
    scores = capsys.readouterr().out.splitlines()[-2:]
    target = str(killed / f"preds.{ending}")
    child = multiprocessing.get_context("fork").Process(
        target=answer_and_die, args=(event, count, [*words, "--output", target])
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    there = files(killed)
    assert f"preds.{ending}.journal" in there
    assert main([*words, "--output", target]) == 0
    done = count if event == "answer" else 14 if on_documents else 12
    printed = capsys.readouterr()
    assert f"goes on after {done} of " in printed.err
    assert len(models["m"].decoded_with) - asked == (done < (14 if on_documents else 12))
    if not on_documents:
        assert printed.out.splitlines()[-2:] == scores and "exact match" in scores[0]
    now = {name: content for name, content in files(killed).items() if not name.endswith(".tmp")}
    assert now == files(whole)


def start_and_crash(models, folder: Path, *words: str, after: int = 5) -> None:
    """Answers so many questions and fails, as a model that runs out of memory."""
    good, models["m"] = models["m"], Failing("m", after=after)
    with pytest.raises(MemoryError):
        main([*words, "--output", str(folder / "preds.json")])
    models["m"] = good


class Failing(WordFinder):
    def __init__(self, name: str, after: int):
        super().__init__(name)
        self.after = after

    def predict(self, examples, **options):
        for number, answer in enumerate(super().predict(examples, **options)):
            if number == self.after:
                raise MemoryError
            yield answer


@pytest.mark.parametrize("tail", [b'{"id": "q5", "text": "Lon', b"\0\0\0\0\n", b'{"id": "other"}\n', b"[]\n"])
def test_a_last_line_that_is_torn_or_anothers_is_answered_again(tail, models, tmp_path, capsys):
    words = ["--model", "m", "--data", str(questions(tmp_path))]
    start_and_crash(models, tmp_path, *words)
    with open(tmp_path / "preds.json.journal", "ab") as handle:
        handle.write(tail)
    assert main([*words, "--output", str(tmp_path / "preds.json")]) == 0
    assert "goes on after 5 of 12 questions" in capsys.readouterr().err
    assert main([*words, "--output", str(tmp_path / "whole.json")]) == 0
    assert (tmp_path / "preds_nbest.json").read_bytes() == (tmp_path / "whole_nbest.json").read_bytes()


def test_answers_of_another_model_or_to_other_questions_are_not_taken(models, tmp_path, capsys):
    path = questions(tmp_path)
    words = ["--model", "m", "--data", str(path)]
    start_and_crash(models, tmp_path, *words)
    models["m"] = WordFinder("m", speaks=False)
    path.write_text(path.read_text().replace("wrote about engines", "spoke about engines"))
    assert main([*words, "--output", str(tmp_path / "preds.json")]) == 0
    said = "preds.json.journal is of another run (the model or its settings, the data changed): starting over\n"
    assert said in capsys.readouterr().err
    assert set(json.loads((tmp_path / "preds.json").read_text()).values()) == {""}


def test_answers_from_other_documents_are_not_taken(models, tmp_path, capsys):
    (tmp_path / "one.txt").write_text(CONTEXT)
    words = ["--model", "m", "--data", str(questions(tmp_path)), "--context_file", str(tmp_path / "one.txt")]
    start_and_crash(models, tmp_path, *words)
    (tmp_path / "one.txt").write_text(CONTEXT + " London.")
    assert main([*words, "--output", str(tmp_path / "preds.json")]) == 0
    assert "of another run (the texts changed): starting over" in capsys.readouterr().err


def test_a_run_that_fails_before_its_first_answer_leaves_nothing_and_loses_nothing(models, tmp_path):
    words = ["--model", "m", "--data", str(questions(tmp_path))]
    start_and_crash(models, tmp_path, *words, after=0)
    assert [path.name for path in tmp_path.iterdir()] == ["questions.json"]
    start_and_crash(models, tmp_path, *words)
    journal = (tmp_path / "preds.json.journal").read_bytes()
    with pytest.raises(DataError):
        main(["--model", "m", "--data", str(tmp_path / "none.json"), "--output", str(tmp_path / "preds.json")])
    assert (tmp_path / "preds.json.journal").read_bytes() == journal


def test_of_two_that_answer_into_the_same_file_the_second_is_refused(models, tmp_path):
    words = ["--model", "m", "--data", str(questions(tmp_path)), "--output", str(tmp_path / "preds.json")]
    with (
        FileLock(tmp_path / ".preds.json.lock"),
        pytest.raises(ConfigError, match=r"--output: another process is answering into .*preds.json; wait for it"),
    ):
        main(words)
    assert models["m"].decoded_with == []
    assert main(words) == 0
    assert not (tmp_path / ".preds.json.lock").exists()


@pytest.mark.parametrize("room", [0, 1000, 3000])
def test_a_full_disk_is_one_message_and_the_same_command_goes_on(room, models, tmp_path, capsys):
    """No file may grow beyond `room` bytes: the nearest to a full disk that every process can have."""
    words = ["--model", "m", "--data", str(questions(tmp_path)), "--output", str(tmp_path / "preds.json")]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
    try:
        assert run_script(main, words) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    message = capsys.readouterr().err.splitlines()[-1]
    assert (
        "preds.json: cannot be written: File too large. What is done is kept" in message
        and "the same command goes on" in message
    )
    assert main(words) == 0
    assert len(json.loads((tmp_path / "preds.json").read_text())) == 14
    assert ("goes on after" in capsys.readouterr().err) == (room > 0)
    assert sorted(os.listdir(tmp_path)) == ["preds.json", "preds_nbest.json", "preds_null_odds.json", "questions.json"]
