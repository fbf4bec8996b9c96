from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qa_pipeline.cli.mock import main, parse
from qa_pipeline.errors import ConfigError, run_script
from qa_pipeline.mock import DOMAINS, find_domain
from qa_pipeline.mock.builtin import stems

FOLDER = Path(__file__).resolve().parents[2] / "qa_pipeline" / "mock" / "domains"


def test_every_file_of_the_folder_is_a_built_in_domain():
    assert sorted(DOMAINS) == sorted(path.stem for path in FOLDER.iterdir())
    assert len(DOMAINS) == len(list(DOMAINS))


def test_an_unknown_name_is_no_domain():
    assert "trains" not in DOMAINS and DOMAINS.get("../domains/transport") is None


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("train times", "transport"),
        ("TRAIN TIMES", "transport"),
        ("bus fares", "transport"),
        ("Ferry operators", "transport"),
        ("doctors and their fees", "clinic"),
        ("the leave of employees", "hr_policy"),
        ("lease terms", "contracts"),
        ("telescopes in orbit", "astronomy"),
        ("fault codes of appliances", "product_manuals"),
        ("contracts", "contracts"),
        ("HR policy", "hr_policy"),
        ("privacy policies", None),
        ("a law firm", None),
        ("dates and prices", None),  # words of descriptions alone are of any subject
        ("training times of athletes", None),
        ("train", None),
        ("a clinic and contracts", None),
        ("", None),
    ],
)
def test_a_prompt_finds_the_domain_that_it_is_clearly_about(prompt, name):
    assert find_domain(prompt) == name


def test_singular_and_plural_meet():
    for one, many in [("bus", "buses"), ("lease", "leases"), ("ferry", "ferries"), ("fare", "fares"), ("hr", "hr")]:
        assert stems(one) == stems(many)


def test_the_command_says_which_domain_a_prompt_is_about(tmp_path, capsys):
    words = ["--output_dir", str(tmp_path / "out"), "--num_examples", "20", "--prompt", "train\x1b times"]
    assert main(words) == 0
    assert '"train\ufffd times" is about the built-in domain transport\n' in capsys.readouterr().out
    assert '"id": "transport-' in (tmp_path / "out" / "train.json").read_text(encoding="utf-8")


def test_a_prompt_about_nothing_that_is_built_in_says_what_there_is_and_leaves_no_folder(tmp_path, capsys):
    assert run_script(main, ["--output_dir", str(tmp_path / "out"), "--prompt", "medieval pottery"]) == 2
    error = capsys.readouterr().err
    assert 'prompt: no built-in domain is clearly about "medieval pottery"; give --domain NAME' in error
    assert all(f"{name} ({domain.description})" in error for name, domain in DOMAINS.items())
    assert not (tmp_path / "out").exists()


def test_there_is_one_way_to_say_which_domain():
    with pytest.raises(ConfigError, match="domain and prompt: each says which domain; give one of them"):
        parse(["--output_dir", "x", "--domain", "clinic", "--prompt", "trains"])


def test_a_domain_is_read_when_it_is_asked_for():
    code = "import qa_pipeline.mock.builtin as b; b.DOMAINS['clinic']; print(b._read.cache_info().currsize)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parents[2]
    )
    assert done.stdout.strip() == "1"
