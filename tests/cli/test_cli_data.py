"""The commands `avsal data ...` as a user types them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import write_list, write_set, write_video
from PIL import Image

from avsal_bench.cli import main


@pytest.fixture
def root(tmp_path):
    """AVAD, small."""
    write_set(tmp_path, "AVAD", ("_1", "_2", "_3"))
    return tmp_path


def run(root, *words):
    return main(["data", *words, "--root", str(root), "--workers", "0"])


def test_help_answers_at_once():
    code = "import sys; from avsal_bench.cli import main\n"
    code += "try: main(['data', 'check', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'lightning', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "exit 1 when something is wrong" in done.stdout


@pytest.mark.slow
def test_a_set_is_known_in_a_process_of_its_own(root):
    command = [sys.executable, "-m", "avsal_bench.cli", "data", "check", "AVAD", "--quick", "--root", str(root)]
    done = subprocess.run([*command, "--workers", "0"], check=True, capture_output=True, text=True)
    assert "avad in" in done.stdout


def test_check_says_what_is_wrong_and_exits_with_1(root, tmp_path, capsys):
    assert run(root, "check", "AVAD") == 0
    assert "avad" in capsys.readouterr().out
    (root / "video_frames" / "AVAD" / "video1" / "img_00005.jpg").write_bytes(b"no picture")
    report = tmp_path / "report.json"
    assert run(root, "check", "--report", str(report)) == 1
    out = capsys.readouterr().out
    assert "video1" in out
    assert "img_00005.jpg" in report.read_text()
    assert json.loads(report.read_text())


def test_sets_are_found_by_their_folders(root, capsys):
    write_set(root, "ETMD_av", ("_1", "_2", "_3"))
    assert run(root, "check", "--quick") == 0
    out = capsys.readouterr().out
    assert "avad in" in out
    assert "etmd in" in out
    assert "diem in" not in out


def test_an_empty_root_says_what_was_expected(tmp_path, capsys):
    assert run(tmp_path, "check") == 2
    assert "no data set in it; expected video_frames/<SET>" in capsys.readouterr().err
    assert run(tmp_path, "check", "AVDA") == 2
    assert "did you mean 'avad'?" in capsys.readouterr().err


def test_stats_with_figure_and_numbers(root, tmp_path, capsys):
    figure, numbers = tmp_path / "stats.png", tmp_path / "stats.json"
    assert run(root, "stats", "avad", "--figure", str(figure), "--json", str(numbers)) == 0
    assert "avad" in capsys.readouterr().out
    assert Image.open(figure).size[0] == 1600
    assert json.loads(numbers.read_text())[0]["videos"] == 3


def test_show_draws_a_sheet_or_a_video(root, tmp_path, capsys):
    sheet, film = tmp_path / "sheet.png", tmp_path / "film.mp4"
    assert run(root, "show", "avad", "video0", "--out", str(sheet)) == 0
    assert run(root, "show", "AVAD", "video0", "--out", str(film)) == 0
    assert np.asarray(Image.open(sheet)).std() > 10
    assert film.stat().st_size > 1000
    assert run(root, "show", "avad", "vidoe0") == 2
    assert "did you mean 'video0'?" in capsys.readouterr().err


def test_prepare_is_done_once_and_reading_is_the_same(root, capsys):
    assert run(root, "prepare", "avad", "--size", "24x32") == 0
    assert "3 videos prepared, 3 of them now" in capsys.readouterr().out
    assert run(root, "prepare", "avad", "--size", "24x32") == 0
    assert "3 videos prepared, 0 of them now" in capsys.readouterr().out
    assert run(root, "prepare", "avad", "--size", "24x32", "--verify") == 0
    with pytest.raises(SystemExit):
        run(root, "prepare", "avad", "--size", "24")
    assert "expected height x width such as 224x384" in capsys.readouterr().err


def test_names_with_spaces_and_other_letters(tmp_path, capsys):
    write_video(tmp_path, "AVAD", "Überfall am Fluß", 12)
    for k in (1, 2, 3):
        write_list(tmp_path, "AVAD", "train", f"_{k}", "Überfall am Fluß 12 25\n")
        write_list(tmp_path, "AVAD", "test", f"_{k}", "# overlaps\nÜberfall am Fluß 12 25\n")
    assert run(tmp_path, "show", "avad", "Überfall am Fluß", "--out", str(tmp_path / "a b.png")) == 0
    assert (tmp_path / "a b.png").is_file()


def test_convert_diem_without_files_says_so(root, tmp_path, capsys):
    write_set(root, "DIEM", ("",))
    (tmp_path / "gaze").mkdir()
    assert run(root, "convert-diem", str(tmp_path / "gaze")) == 2
    assert "gaze" in capsys.readouterr().err
