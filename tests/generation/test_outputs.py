"""What a run wrote and somebody edited is not overwritten; what a killed run left half written is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qa_pipeline import artifacts
from qa_pipeline.cli.main import main
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.api import generate_dataset
from qa_pipeline.generation.outputs import FILES, claim
from tests.generation.fakes import document
from tests.generation.test_run import contents, job

CLINIC = ["generate", "--prompt=Questions about a clinic", "--num_examples=60"]


def edit(path: Path) -> bytes:
    path.write_bytes(path.read_bytes() + b"\n")
    return path.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_an_edited_file_stops_the_same_run_before_it_asks_anything(tmp_path, name):
    generate_dataset(job(tmp_path))
    first = {each: (tmp_path / each).read_bytes() for each in FILES}
    edited, again = edit(tmp_path / name), job(tmp_path)
    with pytest.raises(ConfigError, match=rf"{name} in .*not as a run wrote it, .*move .*--overwrite_output_dir true"):
        generate_dataset(again)
    assert (tmp_path / name).read_bytes() == edited and not again.engine.generator.asked
    (tmp_path / name).rename(tmp_path / "mine")
    generate_dataset(job(tmp_path))
    edit(tmp_path / name)
    generate_dataset(job(tmp_path, overwrite_output_dir=True))
    assert {each: (tmp_path / each).read_bytes() for each in FILES} == first


def test_all_edited_files_are_named_and_the_work_folder_is_not_needed_to_know_them(tmp_path):
    generate_dataset(job(tmp_path))
    shutil.rmtree(tmp_path / "work")
    generate_dataset(job(tmp_path))
    edit(tmp_path / "train.json")
    edit(tmp_path / "test.json")
    shutil.rmtree(tmp_path / "work")
    with pytest.raises(ConfigError, match=r"train\.json, test\.json in .*not as a run wrote them"):
        generate_dataset(job(tmp_path))


def test_an_edit_while_the_run_goes_on_is_not_overwritten_at_its_end(tmp_path):
    generate_dataset(job(tmp_path, num_examples=20))
    more = job(tmp_path, num_examples=60)
    drafts = more.engine.generator.drafts
    more.engine.generator.drafts = lambda passages: edit(tmp_path / "train.json") and drafts(passages)
    with pytest.raises(ConfigError, match=r"train\.json in .*not as a run wrote it"):
        generate_dataset(more)


@pytest.mark.parametrize("written", range(1, 7))
def test_a_run_that_ends_while_it_writes_is_no_edit(tmp_path, monkeypatch, written):
    generate_dataset(job(tmp_path / "whole", num_examples=90))
    for count in (30, 60):  # two in a row, each with other data in mind
        left = iter(range(written))
        write = artifacts.write_bytes

        def killed(path, content, left=left, write=write):
            next(left)
            return write(path, content)

        generate_dataset(job(tmp_path / "out", num_examples=count - 10))
        with monkeypatch.context() as patch:
            patch.setattr(artifacts, "write_bytes", killed)
            try:
                generate_dataset(job(tmp_path / "out", num_examples=count))
            except StopIteration:
                continue
            assert written == 6  # the note, three splits, the card and the report
    generate_dataset(job(tmp_path / "out", num_examples=90))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not (tmp_path / "out" / "work" / "writing.json").exists()


def test_merging_again_does_not_overwrite_an_edit(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(6):
        (docs / f"{number}.txt").write_text(document(number))
    for part in ("1/2", "2/2"):
        assert main(["generate", f"--documents={docs}", f"--output_dir={tmp_path / 'out'}", f"--shard={part}"]) == 0
    words = ["merge", str(tmp_path / "out"), f"--output_dir={tmp_path / 'whole'}"]
    assert main(words) == 0
    assert main(words) == 0
    edit(tmp_path / "whole" / "train.json")
    with pytest.raises(ConfigError, match="choose another output_dir$"):
        main(words)


def test_an_edited_specification_is_given_back_and_not_overwritten(tmp_path):
    words = [*CLINIC, f"--output_dir={tmp_path}"]
    assert main(words) == 0
    assert main(words) == 0
    spec = tmp_path / "prompt_spec.yaml"
    spec.write_text("# mine\n" + spec.read_text().replace("answer_types: null", "answer_types: [money]"))
    edited = spec.read_text()
    with pytest.raises(ConfigError, match=rf"not what this prompt gives.*--spec_file {spec}"):
        main(words)
    again = ["generate", f"--spec_file={spec}", "--num_examples=60", "--overwrite_output_dir=true"]
    assert main([*again, f"--output_dir={tmp_path}"]) == 0
    assert spec.read_text() == edited


def test_a_data_set_does_not_go_among_pages_but_beside_a_log(tmp_path):
    pages, fresh = tmp_path / "pages", tmp_path / "fresh"
    for folder, name in ((pages, "guide.md"), (fresh, "log.txt")):
        folder.mkdir()
        (folder / name).write_text("x")
    with pytest.raises(ConfigError, match="pages holds guide.md, which was not made here; choose another folder"):
        claim(pages)
    assert [path.name for path in pages.iterdir()] == ["guide.md"]
    claim(fresh)
    (fresh / "notes.md").write_text("x")
    claim(fresh)  # the folder is a data set's by now, whatever somebody puts beside it
