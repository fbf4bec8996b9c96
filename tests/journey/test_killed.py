"""A journey is killed in every stage and goes on: the same files, and no request that was answered is sent twice."""

from __future__ import annotations

from collections import Counter

import pytest

from qa_pipeline.journey.prompt2model import Prompt2Model
from tests.generation.server import Reply, Reset, ScriptedServer, Status, like_a_model
from tests.journey.journeys import asking, content, kill_at, one_thread, run_to_the_end, save_model, small, write_labels


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return save_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")


def answered(server: ScriptedServer) -> Counter:
    """How often each request was answered."""
    return Counter(entry.asked for entry in server.log if isinstance(entry.action, Reply))


def test_killed_while_it_asks_it_asks_nothing_again_and_makes_the_same_data(tmp_path, model):
    settings = small(tmp_path, model, until="process")
    with ScriptedServer() as server:
        Prompt2Model({**settings, **asking(server), "output_dir": tmp_path / "whole"}).run()
        wanted = set(answered(server))
    with ScriptedServer() as server:
        killed = {**settings, **asking(server), "output_dir": str(tmp_path / "killed")}
        kill_at("stored", 4, killed)
        Prompt2Model(killed).run()
        assert set(answered(server)) == wanted
        assert max(answered(server).values()) == 1
        Prompt2Model(killed).run()
        assert sum(answered(server).values()) == len(wanted)
    assert content(tmp_path / "killed") == content(tmp_path / "whole") != {}


def test_killed_after_a_checkpoint_it_trains_the_same_model(tmp_path, model):
    settings = small(tmp_path, model, offline=True, skip=["retrieve_data", "select"], until="select")
    killed = {**settings, "output_dir": str(tmp_path / "killed")}
    kill_at("checkpoint", 1, killed)
    assert not (tmp_path / "killed" / "model").exists()
    with one_thread():  # as the process that was killed had
        Prompt2Model({**settings, "output_dir": tmp_path / "whole"}).run()
        Prompt2Model(killed).run()
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert (tmp_path / "killed" / "model" / "model.safetensors").stat().st_size > 0


# Where each kill comes, in one folder one after the other: the stage of this name has done its work, which is not noted
# yet; or something in the middle of it.
KILLS = [
    *(
        ("storing", 1),
        ("parse", 1),
        ("stored", 1),
        ("retrieve_data", 1),
        ("storing", 2),
        ("stored", 4),
        ("generate", 1),
    ),
    *(("renaming", 3), ("process", 1), ("retrieve_model", 1), ("checkpoint", 1), ("checkpoint", 1), ("train", 1)),
    *(("checkpoint", 1), ("select", 1), ("execute", 1), ("evaluate", 1), ("report", 1)),
]


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_as_if_it_had_not_been(tmp_path, model):
    data = str(write_labels(tmp_path / "labelled"))
    settings = small(tmp_path, model, dataset_folders=[data], dataset_weights={data: 1}, skip=None)
    with ScriptedServer() as server:
        run_to_the_end({**settings, **asking(server), "output_dir": str(tmp_path / "whole")})
        wanted = set(answered(server))

    def with_faults(number, body):
        faults = {2: Status(429, {"Retry-After": "0.1"}), 4: Status(500), 6: Reset(), 9: Status(503)}
        return faults.get(number) or Reply(like_a_model(body))

    with ScriptedServer(with_faults) as server:
        killed = {**settings, **asking(server), "output_dir": str(tmp_path / "killed")}
        for moment, count in KILLS:
            kill_at(moment, count, killed)
        run_to_the_end(killed)
        lost = sum(moment == "storing" for moment, _ in KILLS)  # the answers that no disk had yet
        assert set(answered(server)) == wanted
        assert sum(answered(server).values()) <= len(wanted) + lost
        asked = len(server.log)
        run_to_the_end(killed)
        assert len(server.log) == asked
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
