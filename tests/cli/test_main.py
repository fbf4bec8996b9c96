"""The one command: what it lists, what it hands on, and what it says of a command that is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qa_pipeline import __version__
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.cli.main import COMMANDS, main
from qa_pipeline.cli.train import ask_command
from qa_pipeline.errors import ConfigError


def test_help_lists_every_command_and_how_to_begin(capsys):
    assert main(["help"]) == main(["--help"]) == main(["-h"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed and command.help in printed for name, command in COMMANDS.items())
    assert "To begin: qa-pipeline mock" in printed


def test_without_words_it_says_how_it_is_used_and_ends_with_code_2(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("usage: qa-pipeline COMMAND") and not shown.out


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qa-pipeline {__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"), [("chek", "did you mean check?"), ("trian", "did you mean train?"), ("xyz", "known are mock,")]
)
def test_a_command_that_is_not_there_is_one_message(word, hint):
    with pytest.raises(ConfigError, match="expected a command, found '" + word) as caught:
        main([word, "x"])
    assert hint in str(caught.value)
    with pytest.raises(ConfigError, match="expected a command, found '" + word):
        main(["help", word])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_without_torch(name):
    code = (
        "import sys; from qa_pipeline.cli.main import main\n"
        "try:\n    code = main(['help', sys.argv[1]])\nexcept SystemExit as end:\n    code = end.code or 0\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: qa-pipeline {name} " in done.stdout


def test_training_ends_with_a_command_that_asks_the_shortest_text(tmp_path):
    rows = [
        '{"id": "1", "context": "A long text in which Ada lives, and much else.", "question": "Who?", '
        '"answers": {"text": ["Ada"], "answer_start": [21]}}',
        '{"id": "2", "context": "Bo\\u0027s here.", "question": "Who\\u0027s here?", '
        '"answers": {"text": ["Bo"], "answer_start": [0]}}',
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "a run"
    given = [f"--{name}={data}" for name in ("train_file", "validation_file")]
    arguments = parse_arguments(["--model_name_or_path=m", *given, "--do_train", "--do_eval", f"--output_dir={out}"])
    shown = ask_command(arguments)
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {shown}"], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines()[:2] == ["qa-pipeline", "ask"]
    assert words.stdout.splitlines()[2:] == [
        *("--model", str(out)),
        *("--question", "Who's here?"),
        *("--context", "Bo's here."),
    ]
