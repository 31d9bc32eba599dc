"""Signals end a bench with all its processes, and states say so; a reader who leaves does too."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch import local as launch
from avsal_bench.bench.launch.state import state_of, write_state
from avsal_bench.ending import exit_code
from avsal_bench.signals import ENDING, Ended, ended_by_signals

JOBS = [Job("centre", "", fold, 0, "smoke", "stavis") for fold in (1, 2)]
#: A job with a process of its own, as a rank or a reading process is; it says that it is there, and then waits.
WAITS = (
    "import os, pathlib, signal, subprocess, sys, time\n{more}\n"
    "other = subprocess.Popen(['sleep', '600'])\n"
    "pathlib.Path({folder!r}, str(os.getpid())).write_text(str(other.pid))\n"
    "print('here', flush=True)\ntime.sleep(600)"
)
#: It refuses every signal that can be refused.
STUBBORN = "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)"


@pytest.fixture
def bench(space, tmp_path, monkeypatch, listening):
    """A bench of two jobs at a time, as a command; gives its exit code."""
    folder = tmp_path / "pids"
    folder.mkdir()
    real, running = subprocess.Popen, threading.Event()
    running.set()

    def run(more="", signals=(), parallel=2, pause=0.01):
        code = WAITS.format(more=more, folder=str(folder))
        monkeypatch.setattr(
            launch.subprocess, "Popen", lambda command, **options: real([sys.executable, "-c", code], **options)
        )

        def send():
            while running.is_set() and len([p for p in folder.iterdir() if p.read_text()]) < parallel:
                time.sleep(0.01)
            for number in signals:
                if running.is_set():
                    os.kill(os.getpid(), number)
                time.sleep(pause)

        threading.Thread(target=send, daemon=True).start()
        words = ["--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]

        def command(args):
            try:
                return len(launch.launch_local(JOBS, words, parallel))
            finally:
                running.clear()

        return exit_code("avsal bench", command, argparse.Namespace())

    run.pids = lambda: [int(pid) for path in folder.iterdir() for pid in (path.name, path.read_text())]
    return run


def gone(pid):
    """Whether a process has ended; who waits for its parent has."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM], 129),
        ([signal.SIGINT], 130),
    ],
)
def test_a_signal_ends_a_bench_and_all_its_processes(bench, capfd, signals, code):
    assert bench(signals=signals) == code
    pids = bench.pids()
    assert len(pids) == 4
    assert all(map(gone, pids))
    told = capfd.readouterr().err
    assert "interrupted" in told
    assert told.splitlines()[-1].endswith("run the same command again to go on")
    assert "failed" not in told


def test_who_does_not_listen_is_ended_by_force_and_its_state_says_interrupted(bench, space, monkeypatch):
    from avsal_bench.bench.launch.state import State
    from avsal_bench.bench.sharing.processes import now, this_process

    monkeypatch.setattr(launch, "ENDING", [(number, 0.2) for number, _ in launch.ENDING])
    monkeypatch.setattr("avsal_bench.bench.launch.state.alive", lambda process: False)
    write_state(space.runs, State(JOBS[0], space.leaderboard, "running", this_process(), "local", "", now()))
    assert bench(more=STUBBORN, signals=[signal.SIGTERM]) == 143
    assert all(map(gone, bench.pids()))
    state = state_of(space.runs, JOBS[0])
    assert (state.state, state.exit_code, bool(state.ended)) == ("interrupted", 130, True)
    assert state_of(space.runs, JOBS[1]) is None, "it had not begun"


def test_asked_again_a_bench_does_not_wait_for_who_does_not_listen(bench):
    began = time.monotonic()
    assert bench(more=STUBBORN, signals=[signal.SIGINT] * 3, pause=0.1) == 130
    assert time.monotonic() - began < launch.ENDING[0][1]
    assert all(map(gone, bench.pids()))


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(5, "Input/output error")])
def test_a_bench_that_nobody_reads_any_more_ends_its_jobs(bench, monkeypatch, error):
    real = print

    def to_nobody(*words, **options):
        if any("here" in str(word) for word in words):
            raise error
        real(*words, **options)

    monkeypatch.setattr(launch, "print", to_nobody, raising=False)
    assert bench() != 0
    assert all(map(gone, bench.pids()))


def test_signals_are_as_before_behind_a_command_and_ignored_ones_stay_so():
    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(Ended, match="SIGTERM"), ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in ENDING] == before
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[1])


def test_a_copy_of_a_process_ends_by_a_signal_without_a_word():
    with ended_by_signals():
        here, there = os.pipe()
        child = os.fork()
        if not child:
            os.write(there, b"here")  # a signal while it is still being made would be lost
            time.sleep(30)
            os._exit(0)
        os.read(here, 4)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_what_lightning_makes_of_an_interruption_is_one(capsys):
    def command(args):
        try:
            raise Ended(signal.SIGTERM)
        except KeyboardInterrupt:
            sys.exit(1)

    assert exit_code("avsal run", command, argparse.Namespace()) == 143
    assert capsys.readouterr().err == "interrupted by SIGTERM; run the same command again to go on\n"
    with pytest.raises(SystemExit):
        exit_code("avsal run", lambda args: sys.exit(3), argparse.Namespace())
