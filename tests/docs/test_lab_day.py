"""The day of a laboratory: the blocks of the tutorial, as they stand there, in an empty folder."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import av
import pytest
from conftest import HOME

from avsal_bench.cli import main
from avsal_bench.records import read_record

PAGE = HOME / "docs" / "tutorials" / "lab_day.md"
SCRIPTS = HOME / "examples" / "lab_day"


def commands():
    """The lines of all blocks of the page that a person types."""
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_converter_is_short():
    assert len((SCRIPTS / "convert.py").read_text(encoding="utf-8").splitlines()) <= 20


@pytest.mark.slow
def test_the_day_from_films_and_a_table_to_the_page(tmp_path, monkeypatch, capsys):
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told = {}
    for line in commands():
        first, *words = shlex.split(os.path.expandvars(line))
        if first == "export":
            monkeypatch.setenv(*words[0].split("=", 1))
            continue
        if first == "python":
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            told[line] = done.stdout
            continue
        assert first == "avsal", line
        machine = ["--workers", "0"] if words[0] in ("hear", "evaluate") or words[1:2] in (["check"], ["stats"]) else []
        assert main([*words, *machine]) == 0, line
        told[line] = capsys.readouterr().out

    assert "05 Bärbel & Jo (take 2): 24 frames, 4 observers, 90 points" in told["python convert.py lab"]
    assert "07 silent film" in told["avsal data init lab"]
    assert "0 errors" in told["avsal data check lab"]
    assert (tmp_path / "stats.png").stat().st_size > 10_000
    with av.open(str(tmp_path / "look.mp4")) as look:
        assert look.streams.video[0].frames == 24
    records = tmp_path / "leaderboard" / "records" / "stavis" / "lab"
    scores = {path.stem: read_record(path) for path in records.glob("*.json")}
    assert scores.keys() == {
        *(f"{name}-fold1-seed0" for name in ("centre", "mep", "human_infinite", "motion", "vinet_av")),
        "vinet_av-fold1-seed0-muted",
        "vinet_av-fold1-seed0-swapped",
    }
    assert scores["vinet_av-fold1-seed0"].provenance["own_set"]["silent"] == ["07 silent film"]
    cc = {record.model: record.scores["CC"] for record in scores.values() if record.sound == "original"}
    assert cc["centre"] < min(cc["human_infinite"], cc["motion"]), cc
    page = (tmp_path / "leaderboard" / "README.md").read_text(encoding="utf-8")
    table = page[page.index(", a set of one's own") :].split("###")[0]
    assert sum(line.startswith("| ") for line in table.splitlines()) >= len(cc) + 2, "head, rule and a row each"
    assert "| Mean eye position" in table
    assert "*incomplete*" not in table
    assert (tmp_path / "leaderboard" / "index.html").is_file()
