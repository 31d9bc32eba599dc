"""The jobs of a plan on this machine, each in a process of its own: one that fails is reported, the others go on."""

from __future__ import annotations

import argparse
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from rich.text import Text

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.state import job_folder, log_path, write_interrupted
from avsal_bench.bench.sharing.locks import LOOK, claim
from avsal_bench.bench.sharing.processes import now
from avsal_bench.bench.words import folder_options, space_of

#: What ends the processes of an interrupted bench, each with the seconds that they then have to end by themselves: the
#: first lets them tidy up; one that only starts may not listen to it, and the last one nobody can refuse.
ENDING = ((signal.SIGINT, 12.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
#: Lines of its log that a failed job shows.
LAST = 12


def launch_local(
    jobs: Sequence[Job], common: Sequence[str], parallel: int = 1, own: Mapping[Job, Sequence[str]] | None = None
) -> list[Job]:
    """Run jobs on this machine; returns those that failed.

    A job that another bench runs at this moment is left for later, and then found done or run again.

    Args:
        jobs: of the plan.
        common: arguments of ``avsal run`` that all jobs share, such as folders and devices.
        parallel: so many at a time.
        own: further arguments of single jobs, such as the folder of their records.

    Raises:
        KeyboardInterrupt: after all processes have ended.
    """
    bench = _Bench(jobs, common, parallel, own or {})
    with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="job") as pool:
        workers = [pool.submit(bench.work) for _ in range(min(parallel, len(jobs)))]
        try:
            for worker in as_completed(workers):
                worker.result()
        except BaseException:
            bench.stop()
            raise
    return [job for job in jobs if job in bench.failed]


def runs_folder(common: Sequence[str]) -> Path:
    """The folder of runs that arguments of ``avsal run`` name, or the usual one."""
    parser = argparse.ArgumentParser(add_help=False)
    folder_options(parser)
    return space_of(parser.parse_known_args(common)[0]).runs


def last_lines(log: Path, count: int = LAST) -> list[str]:
    """The last lines of a log that say something; none where there is no log."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16384))
        lines = file.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


class _Bench:
    """What the threads of one bench share: the jobs that are left, and the processes that run."""

    def __init__(
        self, jobs: Sequence[Job], common: Sequence[str], parallel: int, own: Mapping[Job, Sequence[str]]
    ) -> None:
        self.left = list(jobs)
        self.total = len(jobs)
        self.common = common
        self.own = own
        self.runs = runs_folder(common)
        self.parallel = parallel
        self.failed: list[Job] = []
        self.started = 0
        self.children: list[subprocess.Popen[bytes]] = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def work(self) -> None:
        """Run one job after the other until none is left."""
        tried = 0
        while not self.stopping.is_set():
            with self.lock:
                if not self.left:
                    return
                job = self.left.pop(0)
            with claim(job_folder(self.runs, job)) as mine:
                if mine:
                    tried = 0
                    self.run(job)
                    continue
            with self.lock:
                self.left.append(job)
                tried += 1
                others = tried >= len(self.left)
            if others:  # another bench has all that is left
                if tried == len(self.left):
                    print(f"waiting for another bench, which runs {job.name}", flush=True)
                self.stopping.wait(LOOK)

    def run(self, job: Job) -> None:
        """Run one job and say how it ended."""
        with self.lock:
            self.started += 1
            number = self.started
        print(f"\njob {number} of {self.total}: {job.name}", flush=True)
        log = log_path(self.runs, job)
        command = [sys.executable, "-m", "avsal_bench.bench.launch.one_job", *job.arguments(), *self.common]
        command += self.own.get(job, ())
        code = self.follow(command, log, f"{job.name}: " if self.parallel > 1 else "")
        if code and self.stopping.is_set():
            write_interrupted(self.runs, job)  # one that was ended by force could not
        if code and not self.stopping.is_set():
            end = "\n  ".join(last_lines(log))
            print(
                f"{job.name} failed with exit code {code}; run the same command again to go on with it.\n"
                f"The end of {log}:\n  {end}",
                file=sys.stderr,
                flush=True,
            )
            self.failed.append(job)

    def follow(self, command: Sequence[str], log: Path, prefix: str) -> int:
        """Run a command whose output goes to a log and to the terminal; returns its exit code."""
        log.parent.mkdir(parents=True, exist_ok=True)
        on_terminal = sys.stdout.isatty() and self.parallel == 1
        # A bar is drawn on a terminal only, so the job gets one of its own where we have one.
        reader, writer = pty.openpty() if on_terminal else os.pipe()
        with log.open("ab") as file:
            file.write(f"--- {now()} run {' '.join(command[3:])}\n".encode())
            file.flush()
            with self.lock:
                if self.stopping.is_set():
                    return 130
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=writer,
                    stderr=writer,
                    env=os.environ | {"AVSAL_LAUNCHER": "local", "COLUMNS": str(shutil.get_terminal_size().columns)},
                    start_new_session=True,  # so that all its processes can be ended together
                )
                self.children.append(child)
            os.close(writer)
            shown = _Shown(prefix, on_terminal, lambda: _signal(child, signal.SIGINT))
            copying = threading.Thread(target=_copy, args=(reader, file, shown), daemon=True)
            copying.start()
            code = child.wait()
            if code:
                _signal(child, signal.SIGKILL)  # other ranks and reading processes would wait for it
            copying.join()
        with self.lock:
            self.children.remove(child)
        if shown.error is not None:
            raise shown.error
        return code

    def stop(self) -> None:
        """End all processes: by a signal that lets them tidy up, and after a while, or when asked again, by force."""
        self.stopping.set()
        for number, seconds in ENDING:
            try:
                with self.lock:
                    left = [child for child in self.children if child.poll() is None]
                for child in left:
                    _signal(child, number)
                end = time.monotonic() + seconds
                while time.monotonic() < end and any(child.poll() is None for child in left):
                    time.sleep(0.02)
            except KeyboardInterrupt:
                continue  # at once the next one


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


class _Shown:
    """What the terminal, or whoever reads the output of the bench, gets of a job.

    Args:
        prefix: before each line.
        as_it_comes: whether it gets all bytes of the job, and no lines.
        gone: called when nobody is there any more to show it to; ``error`` then says how that was found.
    """

    def __init__(self, prefix: str, as_it_comes: bool, gone: Callable[[], None]) -> None:
        self.prefix, self.as_it_comes, self.gone = prefix, as_it_comes, gone
        self.error: OSError | None = None

    def part(self, part: bytes) -> None:
        """Show bytes of the job."""
        if self.as_it_comes and self.error is None:
            try:
                sys.stdout.buffer.write(part)
                sys.stdout.flush()
            except OSError as error:
                self._ended(error)

    def line(self, line: str) -> None:
        """Show a line of the job."""
        if not self.as_it_comes and self.error is None:
            try:
                print(self.prefix + line, end="", flush=True)
            except OSError as error:
                self._ended(error)

    def _ended(self, error: OSError) -> None:
        self.error = error
        self.gone()


def _copy(reader: int, log: BinaryIO, shown: _Shown) -> None:
    """Copy output to the terminal and, line by line and without the states of a bar that were drawn over, to a log."""
    kept = b""
    with os.fdopen(reader, "rb", buffering=0) as file:
        while part := _read(file):
            shown.part(part)
            *lines, kept = (kept + part).split(b"\n")
            for line in lines:
                _line(line, log, shown)
            kept = kept[kept.rstrip(b"\r").rfind(b"\r") + 1 :]
    if kept:
        _line(kept, log, shown)


def _line(line: bytes, log: BinaryIO, shown: _Shown) -> None:
    # Of what was drawn over, the last state, without the codes of a terminal.
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = Text.from_ansi(last.decode(errors="replace")).plain.rstrip().encode() + b"\n"
    log.write(text)
    log.flush()
    shown.line(text.decode(errors="replace"))


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(65536)
    except OSError:  # what a terminal gives when its last process has ended
        return b""
