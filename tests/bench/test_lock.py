"""Real processes that want one folder."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from avsal_bench.bench.sharing import locks as lock
from avsal_bench.bench.sharing.locks import claim, hold
from avsal_bench.bench.sharing.processes import alive, this_process

#: Holds argv[1] for argv[2] seconds, and writes when it came and went, a line each.
WORKER = """
import sys, time
from pathlib import Path
from avsal_bench.bench.sharing import locks as lock
lock.LOOK = 0.05
log = Path(sys.argv[1]).with_name("log")
with lock.hold(Path(sys.argv[1])):
    with log.open("a") as file:
        file.write("in\\n")
    time.sleep(float(sys.argv[2]))
    with log.open("a") as file:
        file.write("out\\n")
"""


def worker(folder, seconds):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def lines(folder):
    log = folder.with_name("log")
    return log.read_text().split() if log.is_file() else []


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "stage"


@pytest.fixture
def stranger(folder):
    """A lock of a process of another machine; given its age in seconds."""

    def write(age):
        folder.mkdir(exist_ok=True)
        other = {"process": asdict(replace(this_process(), host="far", space="away")), "start": "2026-01-01"}
        path = folder / ".lock-1"
        path.write_text(json.dumps(other))
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    return write


def test_a_folder_is_free_again_after_the_block_and_after_an_exception(folder):
    def fails():
        with hold(folder):
            assert [p.name for p in folder.iterdir()] == [".lock-1"]
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert list(folder.iterdir()) == []
    with hold(folder):
        pass


def test_many_processes_work_one_after_the_other(folder):
    workers = [worker(folder, 0.05) for _ in range(6)]
    assert [w.wait(60) for w in workers] == [0] * 6
    assert lines(folder) == ["in", "out"] * 6
    assert list(folder.iterdir()) == []


def test_the_lock_of_a_killed_process_goes_to_one_of_two_waiters_at_once(folder):
    dying = worker(folder, 60)
    wait_for(lambda: lines(folder) == ["in"])
    waiters = [worker(folder, 0.3) for _ in range(2)]
    assert "held by pid" in waiters[0].stdout.readline(), "a waiter says whom it waits for"
    assert "held by pid" in waiters[1].stdout.readline()
    began = time.monotonic()
    os.kill(dying.pid, signal.SIGKILL)
    assert [w.wait(30) for w in waiters] == [0, 0]
    assert time.monotonic() - began < 10
    assert lines(folder) == ["in", "in", "out", "in", "out"]
    assert dying.wait() == -signal.SIGKILL


@pytest.mark.parametrize("age", [0, 1e6, -1e6])
def test_a_lock_of_another_machine_is_taken_when_it_does_not_change_whatever_its_clock(
    folder, stranger, monkeypatch, capsys, age
):
    path = stranger(age=age)
    monkeypatch.setattr(lock, "LOOK", 0.1)
    monkeypatch.setattr(lock, "STALE", 0.5)
    began = time.monotonic()
    with hold(folder):
        assert 0.5 < time.monotonic() - began < 5
        assert not path.exists()
    out = capsys.readouterr().out
    assert "waiting for stage, held by pid" in out
    assert "taken over when" in out


@pytest.mark.parametrize("age", [0, 1e6, -1e6])
def test_a_lock_of_another_machine_that_changes_is_never_taken_whatever_its_clock(folder, stranger, monkeypatch, age):
    monkeypatch.setattr(lock, "STALE", 0.1)
    for beat in range(4):
        path = stranger(age=age + beat)
        assert lock._take(folder) is None
        time.sleep(0.06)
    assert path.exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 5000, b"{}", b'{"process": {"pid": []}, "start": 3}'])
def test_what_is_written_in_a_lock_file_may_be_anything(folder, monkeypatch, content):
    folder.mkdir()
    (folder / ".lock-7").write_bytes(content)
    (folder / ".lock-old").write_text("no number")
    monkeypatch.setattr(lock, "STALE", 0.1)
    with claim(folder) as mine:
        assert not mine, "its holder may be about to write it"
    time.sleep(0.15)
    with claim(folder) as mine:
        assert mine


def test_what_is_no_file_in_the_place_of_a_lock_is_named(folder):
    (folder / ".lock-1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"\.lock-1: expected a lock file, and this is none; remove it"), hold(folder):
        pass
    (folder / ".lock-1").rmdir()
    os.mkfifo(folder / ".lock-2")
    with pytest.raises(ValueError, match=r"\.lock-2: expected a lock file"), claim(folder):
        pass


def test_a_lock_of_another_machine_that_moves_is_never_taken(folder, stranger):
    stranger(age=0)
    assert lock._take(folder) is None
    assert [p.name for p in folder.iterdir()] == [".lock-1"], "who steps back leaves nothing"


def test_who_finds_another_lock_than_the_dead_one_it_judged_steps_back(folder, stranger, monkeypatch):
    """Two waiters find one lock dead; the second one is late, when a third process has the folder."""
    stranger(age=1)
    monkeypatch.setattr(lock, "STALE", 0.0)
    assert lock._take(folder) is None, "the first look"
    look, seen = lock._look, []

    def late(where):
        found = look(where)
        if not seen:
            stranger(age=0)  # between the first look and the making of the file
        seen.append(found)
        return found

    monkeypatch.setattr(lock, "_look", late)
    assert lock._take(folder) is None
    assert [p.name for p in folder.iterdir()] == [".lock-1"]


def test_who_only_claims_a_folder_does_not_wait(folder):
    with hold(folder), claim(folder) as mine:
        assert not mine
    with claim(folder) as mine:
        assert mine
    assert list(folder.iterdir()) == []


def test_a_holder_touches_its_file(folder, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.05)
    with hold(folder):
        (path,) = folder.iterdir()
        before = path.stat().st_mtime_ns
        wait_for(lambda: path.stat().st_mtime_ns > before)


def test_who_was_taken_for_dead_leaves_the_lock_of_another_alone(folder, stranger):
    with hold(folder):
        (folder / ".lock-1").rename(folder / "kept")
        path = stranger(age=0)
    assert path.is_file()


def test_a_process_is_known_by_more_than_its_number():
    me = this_process()
    assert alive(me) is True
    assert alive(replace(me, born="1")) is False, "another process that had the same number"
    assert alive(replace(me, host="far")) is None
    ended = subprocess.Popen(["true"])
    ended_as = replace(me, pid=ended.pid)
    wait_for(lambda: alive(ended_as) is False)
    assert ended.wait() == 0
