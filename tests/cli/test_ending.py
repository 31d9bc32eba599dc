"""How a command ends: exit codes, one line for an error, a log for one that nobody foresaw, and who stops reading."""

import argparse
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avsal_bench.bench.launch import one_job
from avsal_bench.bench.launch.slurm import RunJob
from avsal_bench.cli import main
from avsal_bench.ending import exit_code, reason


class OutOfMemoryError(RuntimeError):
    """As torch has it."""


def ends(error, **arguments):
    def command(args):
        raise error

    return exit_code("avsal run", command, argparse.Namespace(**arguments))


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), TypeError("no\nwords"), RuntimeError("a" * 5000), AssertionError(), ZeroDivisionError("by 0"),
     ModuleNotFoundError("No module named 'x'"), AttributeError("?"), StopIteration(), UnicodeError("ü")],
)  # fmt: skip
def test_an_error_that_nobody_foresaw_is_one_line_with_its_log(tmp_path, capsys, monkeypatch, error):
    monkeypatch.delenv("AVSAL_DEBUG", raising=False)
    expected = isinstance(error, ValueError)
    assert ends(error, runs=str(tmp_path)) == (2 if expected else 70)
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "Traceback" not in told
    assert len(told) < 1000
    logs = list((tmp_path / "logs").glob("error-*.log"))
    assert len(logs) == (0 if expected else 1)
    for log in logs:
        assert str(log) in told
        assert type(error).__name__ in told
        assert "please report it" in told
        assert "Traceback (most recent call last)" in log.read_text()


def test_its_log_goes_to_the_folder_of_temporary_files_where_there_are_no_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ends(KeyError("x"), runs=str(tmp_path / "none")) == 70
    assert ends(KeyError("x")) == 70
    assert len(list(tmp_path.glob("error-*.log"))) == 2
    assert not (tmp_path / "none").exists(), "nothing is made where nobody asked for it"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "away" / "further"))
    assert ends(KeyError("x")) == 70
    assert "AVSAL_DEBUG=1 shows the traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "the disk is full: free some space and run the same"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the quota of the disk is used up"),
        (MemoryError(), "no memory left; use fewer --workers"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
            "no memory left (",
        ),
        (OutOfMemoryError("CUDA out of memory. Tried"), "the GPU has no memory left (CUDA out of memory"),
        (RecursionError("maximum recursion depth exceeded"), "holds itself, or is nested too deep"),
        (
            RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space"),
            "--workers 0, or `docker",
        ),
        (FileNotFoundError("x is missing"), "x is missing"),
        (FloatingPointError("the loss is nan"), "the loss is nan"),
    ],
)
def test_what_a_user_can_mend_is_said_with_how(capsys, error, told):
    assert ends(error) == 2
    line = capsys.readouterr().err
    assert told in line
    assert len(line.splitlines()) == 1


class Fails(torch.utils.data.Dataset):
    def __init__(self, kind):
        self.kind = kind

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise self.kind("x.png: broken\nsecond line")


@pytest.mark.parametrize("kind", [ValueError, FileNotFoundError, OSError])
def test_an_error_of_a_reading_process_is_told_in_its_own_words(kind, capsys):
    with pytest.raises(kind) as raised:
        next(iter(torch.utils.data.DataLoader(Fails(kind), num_workers=1)))
    assert "Traceback" in str(raised.value)
    assert reason(raised.value) == "x.png: broken\nsecond line"
    assert ends(raised.value) == 2
    assert capsys.readouterr().err == "avsal run: x.png: broken\nsecond line\n"


@pytest.mark.parametrize("how", ["before", "behind", "environment"])
def test_debug_shows_the_traceback(monkeypatch, how):
    monkeypatch.setenv("AVSAL_DEBUG", "1" if how == "environment" else "")
    words = ["leaderboard", "--out", "x"]
    with pytest.raises(ValueError, match="tables in LaTeX"):
        main({"before": ["--debug", *words], "behind": [*words, "--debug"]}.get(how, words))
    assert os.environ["AVSAL_DEBUG"] == "1", "processes of jobs inherit it"


def test_the_process_of_a_job_ends_like_a_command(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("AVSAL_DEBUG", raising=False)
    monkeypatch.setattr("avsal_bench.bench.plan.plan_one", lambda *args, **options: [][0])
    folders = [word for name in ("runs", "leaderboard") for word in (f"--{name}", str(tmp_path / name))]
    assert one_job.main(["centre", *folders]) == 70
    told = capsys.readouterr().err
    assert told.startswith("avsal run: an error that nobody foresaw (IndexError: list index out of range)")
    assert len(told.splitlines()) == 1


def test_a_job_of_slurm_leaves_its_words_in_its_log_and_the_traceback_to_submitit(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("avsal_bench.bench.launch.slurm.main", lambda words: os.write(2, b"no such network\n") and 2)
    with pytest.raises(RuntimeError, match=r"avsal run avrps failed with exit code 2; see .*job\.log"):
        RunJob(["avrps"], tmp_path / "job.log", {})()
    os.write(2, b"what submitit says\n")
    assert capfd.readouterr().err == "what submitit says\n"
    title, line = (tmp_path / "job.log").read_text().splitlines()
    assert title.startswith("--- ")
    assert line == "no such network"


@pytest.mark.parametrize("words", [["--help"], ["bench", "--help"], ["-c"]])
def test_a_reader_who_leaves_early_ends_a_command_without_a_word(words):
    code = "import sys; from avsal_bench.cli import main; sys.exit(main(sys.argv[1:]))"
    if words == ["-c"]:
        code = (
            "import argparse, sys; from avsal_bench.ending import exit_code\n"
            "def lots(args):\n    for _ in range(99): print('x' * 99999)\n    return 0\n"
            "sys.exit(exit_code('avsal', lots, argparse.Namespace()))"
        )
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parent
    ) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == 141


@pytest.mark.parametrize("words", [["weights", "list"], pytest.param(["bench", "status"], marks=pytest.mark.slow)])
def test_a_command_that_prints_to_nobody_ends_quietly(words, tmp_path):
    code = "import sys; from avsal_bench.cli import main; sys.exit(main(sys.argv[1:]))"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", code, *words]
    if words[0] == "bench":
        command += ["--runs", str(tmp_path), "--leaderboard", str(tmp_path / "fresh")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
