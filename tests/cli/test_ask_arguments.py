"""What ask, compare and qa_predict.py are told: what is understood, and all that is wrong at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.cli.ask_arguments import ASK as ASK_COMMAND
from qa_pipeline.cli.ask_arguments import BOTH, COMPARE, GROUPS, PredictArguments, parse
from qa_pipeline.errors import ConfigError

ASK = ["--model", "m", "--question", "Where?", "--context", "In Bern."]


def problems(argv, program: str = BOTH) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(argv, program)
    return caught.value.problems


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (ASK, "ask"),
        (["--model", "m", "--interactive", "--context", "In Bern."], "interactive"),
        (["--model", "m", "--data", "d.json"], "predict"),
        (["--model", "m", "--data", "d.json", "--context", "In Bern."], "list"),
        (["--base", "b", "--tuned", "t", "--data", "d.json"], "compare"),
    ],
)
def test_the_settings_say_what_is_to_be_done(argv, command):
    assert parse(argv).command == command


def test_a_file_is_read_and_the_command_line_wins(tmp_path):
    path = tmp_path / "ask.yaml"
    path.write_text("base: b\ntuned: [t1, t2]\ndata: d.json\nreport: r.html\nmax_eval_samples: 9\ndtype: float32\n")
    arguments = parse([str(path), "--max_eval_samples", "5"])
    assert (arguments.base, arguments.tuned_models, arguments.max_eval_samples) == ("b", ["t1", "t2"], 5)
    path = tmp_path / "ask.json"
    path.write_text(json.dumps({"model": "m", "data": "d", "field_mapping": {"context": "body"}, "token": None}))
    assert parse([str(path)]).field_mapping == {"context": "body"}


def test_one_value_or_several_are_both_lists(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    asked = ["--model", "m", "--question", "Where?", "--context_file"]
    assert parse([*asked, files[0]]).document_paths == files[:1]
    assert parse([*asked, *files]).document_paths == files
    assert parse(["--base", "b", "--tuned", "t", "--data", "d"]).tuned_models == ["t"]


def test_the_encoding_of_documents_is_a_known_one_and_not_of_data(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    asked = ["--model", "m", "--question", "Where?", "--context_file", str(tmp_path / "a.txt"), "--encoding"]
    assert parse([*asked, "gbk"]).encoding == "gbk"
    assert "--encoding: expected the name of an encoding such as gbk" in problems([*asked, "klingon"])[0]
    data = ["--model", "m", "--data", "d.json", "--encoding", "gbk"]
    assert "has no meaning when answering the questions of data" in problems(data)[0]


def test_a_repeated_flag_adds_to_the_first(tmp_path):
    assert parse(ASK).questions == ["Where?"]
    assert parse([*ASK, "--question", "Who?", "--question=-3 what?"]).questions == ["Where?", "Who?", "-3 what?"]
    assert parse(["--base", "b", "--tuned", "t1", "t2", "--data", "d", "--tuned", "t3"]).tuned_models == [
        *("t1", "t2", "t3")
    ]
    path = tmp_path / "ask.json"
    path.write_text(json.dumps({"model": "m", "question": ["Who?", "When?"], "context": "In Bern."}))
    assert parse([str(path)]).questions == ["Who?", "When?"]
    assert parse([str(path), "--question", "Why?"]).questions == ["Why?"]


def test_names_of_run_qa_are_understood():
    arguments = parse(["--model_name_or_path", "m", "--test_file", "d.json", "--max_predict_samples", "3"])
    assert (arguments.model, arguments.data, arguments.max_eval_samples) == ("m", "d.json", 3)


def test_every_problem_is_reported_at_once(tmp_path):
    path = tmp_path / "ask.yaml"
    path.write_text("modell: m\ntop_k: 0\nmin_confidence: 2\n")
    found = "\n".join(problems([str(path), "--dtype", "fp16", "--question", " ", "--context_file", "missing.pdf"]))
    for expected in (
        'modell: unknown key; nearest valid name: "model"',
        "top_k: expected at least 1, found 0",
        "min_confidence: expected at least 0 and at most 1, found 2",
        'one of auto, float32, bfloat16, float16, found "fp16" (nearest: "float16")',
        "--question: is blank",
        '--documents: no such file: "missing.pdf"',
    ):
        assert expected in found
    assert len(found.split("\n")) == 6


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], ["model: is required", "question: is required", "context: is required"]),
        (["--model", "m"], ["question: is required", "context: is required"]),
        (["--base", "b", "--data", "d"], ["tuned: is required beside base"]),
        (["--tuned", "t", "--data", "d"], ["base: is required beside tuned"]),
        (["--base", "b", "--tuned", "t"], ["data: is required; give labelled questions"]),
        (["--base", "b", "--tuned", "t", "--data", "d", "--model", "m"], ["model: has no meaning when comparing"]),
        ([*ASK, "--report", "r.html"], ["report: has no meaning when asking a question"]),
        ([*ASK, "--data", "d"], ["question: has no meaning when asking the questions of data on documents"]),
        ([*ASK[:2], *ASK[4:], "--data", "d", "--output", "o.csv", "--top_k", "2"], ["top_k: is for the terminal"]),
        ([*ASK[:2], "--question", "How", "high?", *ASK[4:]], ["question: several words without quotes; put each"]),
        (["--model", "m", "--data", "d", "--output", "o.xlsx"], ['ends in .json, .jsonl, .csv, .tsv, found "o.xlsx"']),
        ([*ASK, "--interactive"], ["question: has no meaning when asking interactively"]),
        (["--model", "m", "--data", "d", "--top_k", "3"], ["top_k: has no meaning when answering the questions"]),
        ([*ASK, "--temperature", "0"], ["temperature: expected at least 0.001 and at most 1000, found 0"]),
        ([*ASK, "--temperature", "1e-40"], ["temperature: expected at least 0.001 and at most 1000, found 1e-40"]),
        (
            [*ASK, "--n_best_size", "1000000000"],
            ["expected at least 1 and at most 10000, found 1000000000"],
        ),
        (["--model", "m", "--data", "d", "--field_mapping", "{x: 1}"], ["field_mapping: looks like an inline JSON"]),
        (["--model", "m", "--data", "d", "--output", "."], ['output: "." is a folder']),
    ],
)
def test_contradictions_and_gaps_are_named(argv, expected):
    found = problems(argv)
    assert len(found) == len(expected)
    for line, text in zip(found, expected, strict=True):
        assert text in line


def test_output_may_not_be_the_data(tmp_path):
    path = tmp_path / "d.json"
    path.write_text("[]")
    (found,) = problems(["--model", "m", "--data", str(path), "--output", str(path)])
    assert "output" in found and "is the data itself" in found


def test_a_context_and_documents_are_too_much(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (found,) = problems([*ASK, "--context_file", str(tmp_path / "a.txt")])
    assert "documents: context is given too; keep one" in found


def test_a_false_flag_contradicts_nothing():
    assert parse([*ASK, "--interactive", "false"]).command == "ask"


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{name} " in text for name in settings_of(*GROUPS))


OF_COMPARING = ("base", "tuned", "report", "by")
OF_ASKING = ("model", "question", "context", "interactive", "output")
OF_ASKING += ("top_k", "json", "all", "min_confidence", "base_model")


@pytest.mark.parametrize(
    ("program", "without"),
    [(ASK_COMMAND, OF_COMPARING), (COMPARE, OF_ASKING), (BOTH, ())],
    ids=["ask", "compare", "both"],
)
def test_the_help_of_a_command_names_it_and_lists_its_settings_alone(program, without, capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], program)
    text = capsys.readouterr().out
    question = "" if program == COMPARE else ' ["QUESTION" ...]'
    assert text.startswith(f"usage: {program} [CONFIG.json|CONFIG.yaml] [--key value ...]{question}\n")
    assert f"Examples: {program} --" in text
    listed = {name for name in settings_of(*GROUPS) if f"\n  --{name} " in text}
    assert listed == settings_of(*GROUPS).keys() - set(without)


@pytest.mark.parametrize("flag", OF_COMPARING)
def test_asking_names_the_command_that_compares(flag):
    (found,) = problems([*ASK, f"--{flag}", "x"], ASK_COMMAND)
    assert f"--{flag}: is for comparing models, which is `qa-pipeline compare`; leave it out" in found
    assert "or base and tuned" not in "".join(problems([], ASK_COMMAND))


def test_comparing_demands_both_models_and_has_no_use_for_a_question():
    found = problems(ASK, COMPARE)
    expected = [
        "model: has no meaning when comparing",
        "question: has no",
        "context: has no",
        "base: is required beside",
    ]
    expected += ["tuned: is required beside base", "data: is required; give labelled questions"]
    assert len(found) == len(expected)
    for line, text in zip(found, expected, strict=True):
        assert text in line
    assert parse(["--base", "b", "--tuned", "t", "--data", "d"], COMPARE).command == "compare"


def test_no_value_of_a_token_is_ever_shown():
    assert "hf_secret" not in repr(PredictArguments(token="hf_secret"))
    assert "hf_secret" not in "\n".join(problems(["--token", "hf_secret", "--top_k", "x"]))


def test_the_shipped_configuration_says_how_it_is_run_and_parses():
    path = Path(__file__).resolve().parents[2] / "configs" / "compare.yaml"
    assert f"qa_predict.py configs/{path.name}" in path.read_text(encoding="utf-8")
    arguments = parse([str(path), "--data", "d.json"])
    assert arguments.command == "compare" and len(arguments.tuned_models) == 2 and arguments.report


# A question without a flag


@pytest.mark.parametrize(
    ("argv", "questions"),
    [
        (["How long?", "--model", "m", "--documents", "DIR"], ["How long?"]),
        (["--model", "m", "--documents", "DIR", "How long?"], ["How long?"]),
        (["--model", "m", "How long is it", "--documents", "DIR"], ["How long is it"]),
        (["--documents", "DIR", "DIR", "How long?", "Who?", "--model", "m"], ["How long?", "Who?"]),
        (["--documents", "DIR", "--model=m", "--json", "How long?"], ["How long?"]),
        (["--documents", "DIR", "--model", "m", "--json", "true", "--top_k", "2", "How long?"], ["How long?"]),
        (["--documents", "DIR", "--model", "m", "--question", "Who?", "--json", "How long?"], ["Who?", "How long?"]),
        (["CONFIG", "How long?", "--documents", "DIR"], ["How long?"]),
        (["--context_file", "DIR", "Was ist das\uff1f", "--model", "m"], ["Was ist das\uff1f"]),
        (["banana", "--model", "m", "--documents", "DIR"], ["banana"]),
    ],
)
@pytest.mark.parametrize("program", [ASK_COMMAND, BOTH])
def test_a_question_may_stand_without_its_flag(argv, questions, program, tmp_path):
    (tmp_path / "ask.yaml").write_text("model: m\n")
    places = {"DIR": str(tmp_path), "CONFIG": str(tmp_path / "ask.yaml")}
    arguments = parse([places.get(word, word) for word in argv], program)
    assert (arguments.questions, set(arguments.document_paths)) == (questions, {str(tmp_path)})
    assert (arguments.model, arguments.command) == ("m", "ask")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--documents", "DIR", "missing file.pdf", "How long?"], 'documents: no such file: "missing file.pdf"'),
        (["--documents", "DIR", "How", "long", "is", "it?"], "question: several words without quotes"),
        (["How", "long?", "--documents", "DIR"], "question: several words without quotes"),
        (["How long?", "--documents", "DIR", "--top_k", "2", "3"], 'one value is expected, found also "3"'),
        (["missing.yaml", "--documents", "DIR", "How long?"], "no such file"),
        (["How long?", "--documents", "DIR", "--interactive"], "question: has no meaning when asking interactively"),
    ],
)
def test_what_is_no_question_is_not_taken_for_one(words, expected, tmp_path):
    asked = ["--model", "m"] if words[0].startswith("--") else []
    found = problems([*asked, *(str(tmp_path) if word == "DIR" else word for word in words)], ASK_COMMAND)
    assert any(expected in problem for problem in found), found


def test_comparing_takes_no_question_without_a_flag():
    with pytest.raises(ConfigError, match=r"How long\?: no such file"):
        parse(["How long?", "--base", "b", "--tuned", "t", "--data", "d"], COMPARE)


def test_passages_are_counted_or_all(tmp_path):
    asked = ["--model", "m", "--documents", str(tmp_path), "How long?", "--num_passages"]
    assert (parse([*asked, "3"]).most_passages, parse([*asked, "all"]).most_passages) == (3, None)
    assert "num_passages: expected at least 1, found 0" in problems([*asked, "0"])[0]
    assert "num_passages: expected" in problems([*asked, "many"])[0]


def test_an_index_may_stand_for_its_documents(tmp_path):
    assert parse(["--model", "m", "--index", str(tmp_path), "How long?"]).command == "ask"
    assert parse(["--model", "m", "--index", str(tmp_path), "--data", "d.csv"]).command == "list"
    (found,) = problems(["--model", "m", "--index", str(tmp_path / "none"), "How long?"])
    assert "index: no such folder" in found and "give the documents too" in found
    assert "index: context is given too" in problems([*ASK, "--index", str(tmp_path)])[0]


def test_old_names_of_flags_and_keys_are_understood(tmp_path):
    path = tmp_path / "ask.yaml"
    path.write_text(f"model: m\ncontext_file: [{tmp_path}]\nall_answers: true\nquestion: How long?\n")
    arguments = parse([str(path)])
    assert arguments.document_paths == [str(tmp_path)] and arguments.all
    assert parse([*ASK, "--all_answers"]).all and parse([*ASK, "--all"]).all and not parse(ASK).all
    assert not parse([*ASK, "--no_dense"]).dense
