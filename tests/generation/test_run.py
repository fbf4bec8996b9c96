"""The main path: killed and resumed runs, shards and merge, what is written, what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from qa_pipeline.data import load_examples
from qa_pipeline.errors import BackendError, ConfigError, DataError
from qa_pipeline.generation.api import generate_dataset, generate_shard, merge_shards
from qa_pipeline.generation.arguments import parse_generation_arguments
from qa_pipeline.generation.backends import BudgetError
from qa_pipeline.generation.dataset import Dataset
from qa_pipeline.generation.job import Engine, Job
from qa_pipeline.generation.report import warnings_about
from qa_pipeline.generation.run import blocks
from qa_pipeline.generation.shards import join, read_shard
from qa_pipeline.generation.types import Draft
from tests.generation.fakes import FakeGenerator, passages

FILES = ("train.json", "validation.json", "test.json")


def job(folder: Path, generator=None, count: int = 40, **settings) -> Job:
    words = ["--documents", "unused", "--output_dir", str(folder)]
    words += [f"--{key}={value}" for key, value in settings.items()]
    resolved = parse_generation_arguments(words)
    fraction = resolved.generation.unanswerable_fraction or 0.0
    engine = Engine(generator or FakeGenerator(), block_size=6)
    return Job(resolved, passages(count), engine, unanswerable_fraction=fraction, facts={"documents": count // 2})


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_every_row_is_verbatim_and_says_where_it_comes_from(tmp_path):
    report = generate_dataset(job(tmp_path, unanswerable_fraction=0.2)).report
    for name in FILES:
        rows, data = load_examples(tmp_path / name, on_bad_data="error")
        assert data.rows_dropped == 0 and rows
        for row in rows:
            metadata = row["metadata"]
            assert metadata["model"] == "fake" and metadata["document"].startswith("doc")
            assert metadata["filters_passed"] == ["verbatim", "length", "leaked", "deictic", "near_duplicate"]
    assert report["rejected"]["invalid_json"] == 40 and report["rejected"]["answer_not_verbatim"] == 40
    assert report["drafts"] == report["accepted"] + sum(report["rejected"].values())
    assert report["rows"] + sum(report["left_out"].values()) == report["accepted"]
    assert json.loads((tmp_path / "dataset_report.json").read_text()) == report


def test_order_of_arrival_does_not_matter(tmp_path):
    generate_dataset(job(tmp_path / "a"))
    generate_dataset(job(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("stop_after", [0, 1, 7, 20, 39])
def test_a_run_that_failed_goes_on_and_gives_the_same_files(tmp_path, stop_after):
    generate_dataset(job(tmp_path / "whole"))
    failing = FakeGenerator(stop_after, BackendError("the server died"))
    with pytest.raises(BackendError, match=r"(?s)the server died.*accepted rows so far are in .*journal"):
        generate_dataset(job(tmp_path / "halves", failing))
    rest = FakeGenerator()
    generate_dataset(job(tmp_path / "halves", rest))
    assert contents(tmp_path / "whole") == contents(tmp_path / "halves")
    done = stop_after // 6 * 6  # whole blocks
    assert len(rest.asked) == 40 - done and not set(rest.asked) & set(failing.asked[:done])


def test_accepted_rows_are_on_disk_when_the_server_dies(tmp_path):
    with pytest.raises(BackendError):
        generate_dataset(job(tmp_path, FakeGenerator(4, BackendError("gone"))))
    lines = (tmp_path / "work" / "journal-00001-of-00001.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["kind"] == "row" for line in lines) == 4 * 5


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_journal_that_was_cut_off_in_a_line_is_gone_on_from(tmp_path, cut):
    generate_dataset(job(tmp_path / "whole"))
    generate_dataset(job(tmp_path / "cut"))
    journal = tmp_path / "cut" / "work" / "journal-00001-of-00001.jsonl"
    journal.write_bytes(journal.read_bytes()[:-cut])
    again = FakeGenerator()
    generate_dataset(job(tmp_path / "cut", again))
    assert contents(tmp_path / "whole") == contents(tmp_path / "cut") and 0 < len(again.asked) <= 6


def test_a_journal_of_other_settings_is_refused_with_the_difference(tmp_path):
    generate_dataset(job(tmp_path))
    with pytest.raises(ConfigError, match=r"(?s)belongs to another run.*max_answer_words: was 60, is 5"):
        generate_dataset(job(tmp_path, max_answer_words=5))
    generate_dataset(job(tmp_path, max_answer_words=5, overwrite_output_dir=True))


def test_what_a_model_is_told_is_part_of_a_run(tmp_path):
    generate_dataset(dataclasses.replace(job(tmp_path), prompt_identity={"task": "fees", "prompt_versions": "1.2"}))
    with pytest.raises(ConfigError, match=r"(?s)belongs to another run.*prompt_versions: was .1\.2., is .1\.3."):
        generate_dataset(dataclasses.replace(job(tmp_path), prompt_identity={"task": "fees", "prompt_versions": "1.3"}))


def test_no_password_of_an_address_reaches_a_report(tmp_path):
    words = {"base_url": "http://me:pass-word@localhost:1/v1", "backend": "openai", "model": "m"}
    report = generate_dataset(job(tmp_path / "a", **words)).report
    assert report["settings"]["base_url"] == "http://localhost:1/v1"
    generate_shard(job(tmp_path / "b", shard="1/2", **words))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"pass-word" not in path.read_bytes()


def test_nothing_left_says_what_became_of_the_drafts(tmp_path):
    class Unanswered(FakeGenerator):
        def drafts(self, passages):
            return (d for d in super().drafts(passages) if not isinstance(d, Draft) or d.answer is None)

    with pytest.raises(DataError, match="no row is left: 39 not_needed.*; 40 drafts accepted .*40 invalid_json"):
        generate_dataset(job(tmp_path, Unanswered()))


def test_more_examples_go_on_from_the_same_journal(tmp_path):
    first = FakeGenerator()
    assert generate_dataset(job(tmp_path, first, num_examples=20)).report["rows"] == 20
    assert len(first.asked) < 40
    more = FakeGenerator()
    assert generate_dataset(job(tmp_path, more, num_examples=60)).report["rows"] == 60
    assert not set(more.asked) & set(first.asked)


def test_too_few_rows_and_documents_that_repeat_each_other_are_warned_of(tmp_path):
    report = generate_dataset(job(tmp_path / "a", num_examples=5000)).report
    assert any(f"{report['rows']:,} rows, where num_examples asks for 5,000" in text for text in report["warnings"])
    assert not any("repeat" in text for text in report["warnings"])
    dataset = Dataset({"train": [None] * 80, "validation": [], "test": []}, Counter({"repeats_another_split": 40}))
    assert any("40 rows left out for repeating" in text for text in warnings_about(dataset, {}, {}, False))


def test_a_number_that_leaves_no_row_to_hold_back_is_named_as_the_cause(tmp_path):
    report = generate_dataset(job(tmp_path, num_examples=1)).report
    assert "0.1 of num_examples=1 is less than a row; give a higher --num_examples" in " ".join(report["warnings"])
    assert report["warnings"][0].startswith("1 training question; below 200")
    assert "Give a higher --num_examples (now 1)" in report["warnings"][0]
    assert "documents" not in " ".join(report["warnings"])


def test_two_runs_do_not_share_a_folder(tmp_path):
    class SecondRun(FakeGenerator):
        def drafts(self, passages):
            with pytest.raises(ConfigError, match="another process is making data in"):
                generate_dataset(job(tmp_path))
            return super().drafts(passages)

    generate_dataset(job(tmp_path, SecondRun()))
    generate_dataset(job(tmp_path / "alone"))
    assert contents(tmp_path) == contents(tmp_path / "alone")


def test_data_of_another_origin_is_left_alone(tmp_path):
    (tmp_path / "train.json").write_text("precious")
    with pytest.raises(ConfigError, match="train.json, which was not made here"):
        generate_dataset(job(tmp_path))
    assert (tmp_path / "train.json").read_text() == "precious"


def test_a_used_up_budget_still_gives_the_data_so_far(tmp_path):
    report = generate_dataset(job(tmp_path, FakeGenerator(15, BudgetError("max_cost=1 is used up")))).report
    assert "max_cost=1" in report["stopped_early"] and report["rows"] > 0
    generate_dataset(job(tmp_path / "whole"))
    generate_dataset(job(tmp_path))  # with more room it goes on to the same end
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_shards_and_merge_give_what_one_run_gives(tmp_path):
    generate_dataset(job(tmp_path / "whole", unanswerable_fraction=0.1))
    paths = [generate_shard(job(tmp_path / str(i), shard=f"{i}/3", unanswerable_fraction=0.1)) for i in (1, 2, 3)]
    assert all(path.name.startswith(f"shard-0000{i}-of-00003-") for i, path in enumerate(paths, 1))
    report = merge_shards([read_shard(path) for path in reversed(paths)], tmp_path / "merged").report
    assert contents(tmp_path / "whole") == contents(tmp_path / "merged")
    assert report["facts"]["passages_asked"] == 40 and report["facts"]["documents"] == 20
    assert report["rejected"]["invalid_json"] == 40


def test_what_does_not_belong_together_is_not_joined(tmp_path):
    paths = [generate_shard(job(tmp_path / str(i), shard=f"{i}/3")) for i in (1, 2, 3)]
    shards = [read_shard(path) for path in paths]
    with pytest.raises(DataError, match="shard 2 of 3 is missing"):
        join([shards[0], shards[2]])
    with pytest.raises(DataError, match="shard 1 of 3 is there more than once"):
        join([*shards, shards[0]])
    other = read_shard(generate_shard(job(tmp_path / "other", shard="2/3", num_examples=7)))
    with pytest.raises(DataError, match="num_examples: was null, is 7"):
        join([shards[0], other, shards[2]])
    paths[0].write_bytes(paths[0].read_bytes().replace(b"bridge", b"brigde"))
    with pytest.raises(DataError, match="does not have the hash in its name"):
        read_shard(paths[0])


def test_the_round_trip_survives_a_restart(tmp_path):
    def reader(rows):
        return [
            SimpleNamespace(text=row.answer or "", start=row.start)
            if len(row.question) % 2
            else SimpleNamespace(text="", start=None)
            for row in rows
        ]

    def with_reader(folder, generator=None):
        return dataclasses.replace(job(folder, generator, round_trip_model="fake"), reader=reader)

    report = generate_dataset(with_reader(tmp_path / "whole")).report
    assert report["round_trip"]["refused"] == report["rejected"]["round_trip"] > 0
    with pytest.raises(BackendError):
        generate_dataset(with_reader(tmp_path / "halves", FakeGenerator(20, BackendError("gone"))))
    generate_dataset(with_reader(tmp_path / "halves"))
    assert contents(tmp_path / "whole") == contents(tmp_path / "halves")
    rows, _ = load_examples(tmp_path / "whole" / "train.json")
    assert all("round_trip" in row["metadata"]["filters_passed"] for row in rows)


def test_blocks_keep_documents_whole_where_asked():
    every = passages(40, per_document=4)
    parts = blocks(every, Engine(FakeGenerator(), block_size=10, by_document=True), seed=0)
    homes = [{passage.document for passage in part} for part in parts]
    assert sum(map(len, homes)) == 10 and [len(part) for part in parts] == [8, 8, 8, 8, 8]
    assert blocks([], Engine(FakeGenerator()), 0) == []


def test_a_run_goes_on_with_blocks_of_another_size(tmp_path):
    with pytest.raises(BackendError):
        generate_dataset(job(tmp_path / "a", FakeGenerator(20, BackendError("gone"))))
    other = job(tmp_path / "a")
    other.engine.block_size = 15  # as another version of this package, or num_examples, may have it
    assert generate_dataset(other).report["facts"]["passages_asked"] == 40
    generate_dataset(job(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_rows_that_give_no_data_set_yet_are_not_enough(tmp_path):
    class AnswersLater(FakeGenerator):
        def drafts(self, passages):
            first = not self.asked
            for draft in super().drafts(passages):
                if isinstance(draft, Draft) and first:
                    yield Draft(draft.passage, f"{draft.question} Why?", None, None, None, "fake", {})
                else:
                    yield draft

    assert generate_dataset(job(tmp_path, AnswersLater(), num_examples=10)).report["rows"] == 10


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on the size of files")
def test_a_full_disk_is_said_and_the_same_command_goes_on(tmp_path):
    import resource

    generate_dataset(job(tmp_path / "whole"))
    size = (tmp_path / "whole" / "work" / "journal-00001-of-00001.jsonl").stat().st_size
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))
        with pytest.raises(DataError, match=r"journal.*cannot be written.*room on the disk.*the same command goes on"):
            generate_dataset(job(tmp_path / "full"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    generate_dataset(job(tmp_path / "full"))
    assert contents(tmp_path / "whole") == contents(tmp_path / "full")


CHILD = """
import sys, time
from pathlib import Path
from qa_pipeline.generation.api import generate_dataset
from tests.generation.fakes import FakeGenerator
from tests.generation.test_run import job

class Slow(FakeGenerator):
    def drafts(self, passages):
        for draft in super().drafts(passages):
            time.sleep(0.004)
            yield draft

generate_dataset(job(Path(sys.argv[1]), Slow()))
"""


def test_sigkill_at_any_moment_changes_nothing(tmp_path):
    generate_dataset(job(tmp_path / "whole"))
    folder, root = tmp_path / "killed", Path(__file__).resolve().parents[2]
    journal = folder / "work" / "journal-00001-of-00001.jsonl"
    size = 0
    for more in random.sample(range(1, 15_000), 3):  # bytes after which it is killed, wherever that falls
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], cwd=root)
        while child.poll() is None and (journal.stat().st_size if journal.exists() else 0) < size + more:
            time.sleep(0.002)
        assert child.poll() is None, "it ended before it was killed"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        size = journal.stat().st_size
    generate_dataset(job(folder))
    assert contents(tmp_path / "whole") == contents(folder)
