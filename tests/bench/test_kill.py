"""`kill -9` at random moments: whatever is on the disk is whole, and starting again gives the undisturbed scores."""

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from conftest import HOME, TINY

from avsal_bench.bench.checkpoints import AtomicCheckpoints
from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.state import read_states, tracked
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.leaderboard.page.readme import write_leaderboard
from avsal_bench.records import read_record, read_records

#: Of each kind, at moments that its seed draws; raise it where kills are suspected.
KILLS = 3
JOB = Job("avrsp", "av", 1, 0, "smoke", "stavis", (*TINY, "stages.audiovisual.epochs=3"))


def workspace(folder, synth_root):
    (folder / "leaderboard").mkdir(parents=True)
    shutil.copy(HOME / "leaderboard" / "published.csv", folder / "leaderboard")
    return Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")


def work(space, workers):
    """What `avsal run` and the end of `avsal bench` do, without the seconds that imports take."""
    os.setsid()
    torch.set_num_threads(1)
    with tracked(JOB, space):
        run_job(JOB, space, Machine(workers=workers))
    write_leaderboard(space.leaderboard)


def start(space, workers):
    child = multiprocessing.get_context("fork").Process(target=work, args=(space, workers))
    child.start()
    return child


def descendants(pid):
    """A process and all that it started, itself first."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def check_whole(space):
    """Everything that somebody might read is whole."""
    for path in (*space.runs.rglob("*.json"), *space.leaderboard.rglob("*.json")):
        json.loads(path.read_text())
    for path in space.runs.rglob("*.ckpt"):
        assert torch.load(path, map_location="cpu", weights_only=True)["state_dict"], path
    list(read_records(space.records))
    read_states(space.runs)
    for done in space.runs.rglob("done.json"):
        assert (done.parent / "best.ckpt").is_file(), done
    table = space.leaderboard / "leaderboard.csv"
    if table.is_file():
        with table.open(newline="") as file:
            assert len({len(row) for row in csv.reader(file)}) == 1
        assert (space.leaderboard / "README.md").read_text().endswith("\n")
    page = space.leaderboard / "index.html"
    assert not page.is_file() or page.read_text().rstrip().endswith("</html>")


def results(space):
    return {
        path.name: (r.scores, r.videos, [fit["steps"] for fit in r.provenance["fits"]])
        for path, r in read_records(space.records)
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, synth_root):
    """Records of a run that nobody kills, and its seconds."""
    space = workspace(tmp_path_factory.mktemp("undisturbed"), synth_root)
    began = time.monotonic()
    child = start(space, workers=0)
    child.join(300)
    assert child.exitcode == 0
    return results(space), time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("seed", "victim", "workers"), [(0, "group", 0), (1, "group", 1), (2, "one", 1)])
def test_killed_again_and_again_it_ends_with_the_undisturbed_scores(
    undisturbed, tmp_path, synth_root, seed, victim, workers
):
    expected, seconds = undisturbed
    draw = random.Random(seed)
    kills, finished = 0, 0
    while kills < KILLS:
        space = workspace(tmp_path / str(finished), synth_root)
        while True:
            child = start(space, workers)
            child.join(draw.uniform(0.05, 0.9) * seconds)
            pids = descendants(child.pid) if child.exitcode is None else []
            if pids and kills < KILLS:
                kills += 1
                chosen = pids if victim == "group" else [draw.choice(pids)]
                for pid in chosen:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            child.join(300)
            assert child.exitcode is not None, "it hangs after one of its processes was killed"
            check_whole(space)
            if child.exitcode == 0:
                break
        assert results(space) == expected
        finished += 1
    assert kills == KILLS


def test_a_checkpoint_that_is_cut_off_leaves_the_one_before(tmp_path, monkeypatch):
    place = tmp_path / "stage" / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"epoch": 1}, place)

    def cut_off(checkpoint, file):
        file.write(b"PK half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpoints().save_checkpoint({"epoch": 2}, place)
    assert torch.load(place, weights_only=True) == {"epoch": 1}
    assert list(place.parent.iterdir()) == [place]


def test_training_writes_its_checkpoints_that_way():
    trainer = Machine().trainer(logger=False)
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpoints)


def test_a_record_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"schema": 3, "model": ')
    with pytest.raises(ValueError, match=r"record\.json: not a record"):
        read_record(path)
