"""How a command ends: its exit code, and what is said of an error. A traceback is for who asks with ``--debug``.

Codes: 0 for done, 1 where a part failed or something was found, 2 for what a user can mend, 70 for a fault of the
suite, 130 for an interruption (143 by SIGTERM, 129 by SIGHUP), 141 where the reader of the output has gone
(`avsal list | head`).
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import re
import select
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from avsal_bench.names import printable
from avsal_bench.plugins import PLUGINS, use_plugins
from avsal_bench.signals import Ended, ended_by_signals

#: The environment in the place of ``--debug``; processes that a command starts inherit it.
DEBUG = "AVSAL_DEBUG"
USER, FAULT, INTERRUPTED, NO_READER = 2, 70, 130, 141
#: What a user can mend; these say by themselves what is wrong and how.
EXPECTED = (ValueError, OSError, FloatingPointError)
#: Starts the names under which parsers keep the values of ``--plugin``.
_PLUGINS_OF = "plugins of"
#: The most letters of one line about an unexpected error.
_LONGEST = 300
_DISK = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota of the disk is used up"}


def shared_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes, before its name and behind it: ``--debug`` and ``--plugin``."""
    text = f"show the traceback of an error (environment: {DEBUG}=1)"
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=text)
    parser.add_argument(
        "--plugin",
        action="append",
        default=argparse.SUPPRESS,
        dest=f"{_PLUGINS_OF} {parser.prog}",  # one of its own: what stands behind a name would replace what is before
        metavar="MODULE_OR_FILE",
        help="load networks, data sets, protocols and metrics of your own, such as my_network.py; it runs this code "
        f"(may be repeated; environment: {PLUGINS})",
    )


def _plugins_of(args: argparse.Namespace) -> list[str]:
    """The plug-ins that a command line names."""
    return [word for name, words in vars(args).items() if name.startswith(_PLUGINS_OF) for word in words]


def parsed(parser: argparse.ArgumentParser, words: Sequence[str] | None) -> argparse.Namespace:
    """What was typed; help for a reader who has gone ends without a word, as everything does."""
    try:
        return parser.parse_args(words)
    except SystemExit:
        if _flush():
            raise
        raise SystemExit(NO_READER) from None
    except BrokenPipeError:  # of the help, in Python 3.10
        _flush()
        raise SystemExit(NO_READER) from None


def exit_code(command: str, function: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; an error becomes a line on stderr and an exit code.

    Args:
        command: as it is typed, such as ``avsal run``.
        function: gets the parsed arguments, and returns the exit code.
        args: the parsed arguments.
    """
    if getattr(args, "debug", False):
        os.environ[DEBUG] = "1"
    for stream in (sys.stdout, sys.stderr):  # names of files may hold bytes that are no text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with ended_by_signals():
        return _run(command, function, args)


def _run(command: str, function: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        use_plugins(_plugins_of(args))
        if hasattr(sys.stdout, "reconfigure"):  # a file may be called by bytes that are no text
            sys.stdout.reconfigure(errors="backslashreplace")
        code = function(args)
        return code if _flush() else NO_READER
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except SystemExit as error:  # what Lightning makes of an interruption
        if isinstance(error.__context__, KeyboardInterrupt):
            return _interrupted(error.__context__)
        raise
    except Exception as error:
        if isinstance(error, BrokenPipeError) and not _flush():
            return NO_READER
        if os.environ.get(DEBUG):
            raise
        if told := what_to_do(error):
            _say(f"{command}: {told}")
            return USER
        _say(f"{command}: {_unexpected(command, error, getattr(args, 'runs', None))}")
        return FAULT


def _interrupted(error: KeyboardInterrupt) -> int:
    """Say so, and the exit code that shells have for it; the terminal may be gone."""
    by = f" by {error}" if isinstance(error, Ended) else ""
    _say(f"interrupted{by}; run the same command again to go on")
    try:
        sys.stdout.flush()
    except OSError:
        _drop(sys.stdout.fileno())
    return 128 + error.number if isinstance(error, Ended) else INTERRUPTED


def what_to_do(error: BaseException) -> str:
    """What is wrong and how a user mends it; "" for an error that nobody foresaw."""
    text = reason(error)
    if isinstance(error, OSError) and error.errno in _DISK:
        return f"{text}; {_DISK[error.errno]}: free some space and run the same command again, which goes on"
    if type(error).__name__ == "OutOfMemoryError":  # of torch, which is not imported for this
        return f"the GPU has no memory left ({_first(text)}); lower --clips-a-device or --batch-size, or free the GPU"
    if isinstance(error, MemoryError) or "DefaultCPUAllocator: can't allocate memory" in text:
        said = f" ({_first(text)})" if text else ""
        return f"no memory left{said}; use fewer --workers, a lower --clips-a-device or --batch-size, or smaller inputs"
    if "unable to allocate shared memory" in text or "unable to write to file </torch_" in text:
        return f"{_first(text)}; /dev/shm is too small: run with --workers 0, or `docker run --shm-size=2g`"
    if isinstance(error, RecursionError):
        return "something here holds itself, or is nested too deep; look at what was given by --set and in files"
    return text if isinstance(error, EXPECTED) else ""


def reason(error: BaseException) -> str:
    """The words of an error; of one in a reading process those that it had there, without the traceback around them."""
    text = str(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
    text = re.sub(r"^\[Errno \d+\] ", "", text)
    if "Traceback (most recent call last):" not in text:
        return text
    ends = [*re.finditer(r"^(?:\w+\.)*\w*(?:Error|Exception|Warning|Interrupt)(?:: |$)", text, re.MULTILINE)]
    return text[ends[-1].end() :].strip() or type(error).__name__ if ends else _first(text)


def _unexpected(command: str, error: BaseException, runs: str | None) -> str:
    said = f"{type(error).__name__}: {_first(reason(error))}".rstrip(": ")
    log = _write_log(command, runs)
    where = f"the traceback is in {log}" if log else f"{DEBUG}=1 shows the traceback"
    return f"an error that nobody foresaw ({said}); {where}; please report it with that, and with what was typed"


def _write_log(command: str, runs: str | None) -> Path | None:
    """Keep the traceback below the folder of runs, else in that of temporary files; None where neither is writable."""
    time = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = f"{time} {command}\n{' '.join(sys.argv)}\nPython {sys.version}\n\n{traceback.format_exc()}"
    folders = [Path(runs) / "logs"] if runs and Path(runs).is_dir() else []
    for folder in (*folders, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(prefix="error-", suffix=".log", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return Path(name)
        except OSError:
            continue
    return None


def _first(text: str) -> str:
    """The first line of a text that says something, shortened."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _say(text: str) -> None:
    """A line on stderr, where it still has a reader."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:  # a pipe that is closed, or a terminal
        _drop(sys.stderr.fileno())


def _flush() -> bool:
    """Hand out what was printed; False where the reader has gone, and then nothing more is written to it."""
    try:
        sys.stdout.flush()
        gone = _has_no_reader(sys.stdout.fileno())
    except BrokenPipeError:
        gone = True
    except (OSError, ValueError):  # of what takes the place of the output in a notebook or a test
        return True
    if gone:
        _drop(sys.stdout.fileno())
    return not gone


def _has_no_reader(descriptor: int) -> bool:
    """Whether an output is a pipe whose other end is closed; what was written to it may be lost without a word."""
    asked = select.poll()
    asked.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in asked.poll(0))


def _drop(descriptor: int) -> None:
    """Let the rest of an output go nowhere, so that the end of Python does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
