from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mock_dataset
from qa_pipeline.cli.mock import main, parse
from qa_pipeline.errors import ConfigError, run_script
from qa_pipeline.mock import SPLITS, make_dataset

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path):
    arguments = ["--num_examples", "120", "--seed", "5"]
    assert main(["--output_dir", str(tmp_path / "a"), *arguments]) == 0
    subprocess.run(
        [sys.executable, "mock_dataset.py", "--output_dir", str(tmp_path / "b"), *arguments],
        check=True,
        cwd=REPOSITORY,
        env={"PYTHONHASHSEED": "12345", "PATH": ""},
        capture_output=True,
    )
    for split in SPLITS:
        assert (tmp_path / "a" / f"{split}.json").read_bytes() == (tmp_path / "b" / f"{split}.json").read_bytes()


def test_the_command_writes_three_files_and_says_what_they_hold(tmp_path, capsys):
    assert (
        main(["--output_dir", str(tmp_path / "new" / "folder"), "--num_examples", "50", "--domain", "transport"]) == 0
    )
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "test.json",
        "train.json",
        "validation.json",
    ]
    value = json.loads((tmp_path / "new" / "folder" / "train.json").read_text(encoding="utf-8"))
    assert value["version"] == "v2.0"
    assert "40 questions, 8 unanswerable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--domain", "clinics"], 'domain: "clinics" is unknown; did you mean "clinic"?'),
        (["--domain", "HR policy"], 'did you mean "hr_policy"?'),
        (["--domain", "zzz"], "Known: clinic, contracts"),
        (["--num_examples", "-4"], "num_examples: must be at least 3, one for each split, found -4"),
        (["--num_examples", "many"], 'num_examples: must be a whole number, found "many"'),
        (["--unanswerable_fraction", "1.5"], "unanswerable_fraction: must be from 0 to 1, found 1.5"),
        (["--unanswerable_fraction", "-0.1"], "unanswerable_fraction: must be from 0 to 1, found -0.1"),
        (["--unanswerable_fraction", "nan"], "unanswerable_fraction: must be from 0 to 1, found nan"),
        (["--seed", "1.5"], 'seed: must be a whole number, found "1.5"'),
        (["--num_example", "9"], "--num_example is unknown; did you mean --num_examples?"),
        (["--output-dir", "x"], "--output-dir is unknown; did you mean --output_dir?"),
        (["extra"], 'unexpected argument "extra"'),
    ],
)
def test_wrong_arguments_end_in_one_message_and_exit_code_2(tmp_path, capsys, arguments, message):
    assert run_script(main, ["--output_dir", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ConfigError: ")
    assert message in error
    assert not (tmp_path / "out").exists()


def test_all_wrong_arguments_are_reported_at_once():
    with pytest.raises(ConfigError, match="4 problems in command line") as caught:
        parse(
            ["--output_dir", "x", "--domain", "y", "--num_examples", "0", "--unanswerable_fraction", "7", "--seed", "s"]
        )
    assert len(caught.value.problems) == 4


def test_a_missing_output_dir_is_named():
    with pytest.raises(ConfigError, match="required: --output_dir"):
        parse([])


def test_the_function_refuses_what_the_command_refuses():
    with pytest.raises(ConfigError, match="2 problems in mock dataset"):
        make_dataset("clinik", -1, 0.2, 0)


def test_an_output_dir_that_is_a_file_is_a_config_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write to .*file"):
        main(["--output_dir", str(tmp_path / "file"), "--num_examples", "5"])


def test_earlier_mock_data_is_replaced_and_foreign_files_are_kept(tmp_path):
    for seed in ("1", "2"):
        assert main(["--output_dir", str(tmp_path), "--num_examples", "20", "--seed", seed]) == 0
    (tmp_path / "test.json").write_text('{"data": []}')
    before = (tmp_path / "train.json").read_bytes()
    with pytest.raises(ConfigError, match=r"test\.json exists and is no mock data"):
        main(["--output_dir", str(tmp_path), "--num_examples", "20", "--seed", "3"])
    assert (tmp_path / "test.json").read_text() == '{"data": []}'
    assert (tmp_path / "train.json").read_bytes() == before


def test_the_usage_names_the_command_that_was_called(capsys):
    for program, called in (("qa-pipeline mock", main), ("python mock_dataset.py", mock_dataset.main)):
        with pytest.raises(SystemExit):
            called(["--help"])
        assert capsys.readouterr().out.startswith(f"usage: {program} [-h]")
