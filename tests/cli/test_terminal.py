"""What a person sees: one bar and one kind of table on a terminal, plain lines everywhere else."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from rich.text import Text

from avsal_bench import progress as module
from avsal_bench.bench.launch.local import _copy, _Shown
from avsal_bench.progress import Progress, progress
from avsal_bench.text import text_table

BAR = """
import time
from avsal_bench import progress as module
module.DRAW_EVERY = 0
with module.progress("look [at] it", 4, 1) as bar:
    bar.advance(note="loss 0.5 [b]")
    print("said")
    bar.advance(2)
print("after")
"""
TABLE = "from avsal_bench.text import text_table\n"
TABLE += "print(text_table(['name', 'n'], [['a [b] :smile: ' + 'word ' * 12, '10'], ['b', '2']], numbers=[1]))"


def on_a_terminal(code: str, columns: int = 60, **environment: str) -> str:
    """What a program writes on a terminal of that width."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    names = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")} | {"TERM": "xterm"} | environment
    subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=writer, check=True, env=names)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as file:
        shown = b""
        try:
            while part := file.read(65536):
                shown += part
        except OSError:
            pass
    return shown.decode()


def test_a_bar_is_redrawn_on_a_terminal_and_its_job_log_is_plain():
    shown = on_a_terminal(BAR, columns=90)
    assert shown.count("look [at] it") > 2
    assert "\x1b[?25h" in shown, "the cursor is back"
    reader, writer = os.pipe()
    os.write(writer, shown.encode())
    os.close(writer)
    log = io.BytesIO()
    _copy(reader, log, _Shown("", False, lambda: None))
    lines = [line for line in log.getvalue().decode().splitlines() if line]
    assert "\x1b" not in log.getvalue().decode()
    assert lines[0] == "said"
    assert lines[-1] == "after"
    assert [word for word in ("look [at] it", "4/4", "loss 0.5 [b]") if word not in lines[-2]] == []


@pytest.mark.parametrize("name", ["NO_COLOR", "FORCE_COLOR"])
def test_a_log_gets_a_line_now_and_then_and_a_last_one(name, capsys, monkeypatch):
    monkeypatch.setenv(name, "1")
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    with progress("maps", 9, 3) as bar:
        for step in range(6):
            bar.advance(note=f"step {step}" if step < 2 else "")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["maps 5/9", "maps 7/9", "maps 9/9", "maps 9/9"]
    assert all(line.endswith(", step 1") and " so far, " in line and " left, " in line for line in lines)
    assert "\x1b" not in "".join(lines)


def test_a_bar_of_nothing_ends(capsys):
    Progress("none", 0).close()
    assert capsys.readouterr().err.startswith("none 0/0, ")


def test_a_table_in_a_pipe_is_a_line_a_row_without_codes():
    done = subprocess.run(
        [sys.executable, "-c", TABLE],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "20", "FORCE_COLOR": "1"},
    )
    head, first, second = done.stdout.splitlines()
    assert first.startswith("a [b] :smile: word")
    assert first.endswith("word   10")
    assert second.endswith("   2")
    assert "\x1b" not in done.stdout
    assert len(head) == len(first) == len(second), "numbers stand to the right"


def test_a_table_on_a_narrow_terminal_breaks_cells_and_loses_nothing():
    shown = on_a_terminal(TABLE, columns=30)
    assert shown.count("word") == 12
    assert max(len(Text.from_ansi(line).plain) for line in shown.splitlines()) <= 30
    assert "\x1b[3" not in on_a_terminal(TABLE, NO_COLOR="1"), "no colour"


def test_a_table_without_rows_is_its_header():
    assert text_table(["set", "n"], []) == "set  n"
