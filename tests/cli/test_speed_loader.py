"""The script that times the reading of clips: its table and its file, and that it never times wrong clips."""

import json

import pytest
import torch
from conftest import HOME

TINY = ["--frame-size", "48x64", "--size", "32x32", "--videos", "1", "--clips", "2", "--batch", "2", "--repeats", "2"]


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "benchmarks" / "speed")
    import loader

    return loader


def test_a_row_a_source_and_all_numbers_in_a_file(speed, tmp_path, capsys):
    path, folder = tmp_path / "loader.json", tmp_path / "scratch"
    folder.mkdir()
    assert speed.main([*TINY, "--workers", "0", "1", "--folder", str(folder), "--json", str(path)]) == 0
    head, _, titles, rule, *rows = capsys.readouterr().out.strip().splitlines()
    assert all(
        w in head for w in (torch.__version__, "processor", "frames 48x64", "size 32x32", "clips 2", "repeats 2")
    )
    assert titles == "| clips a second | in this process | 1 processes |"
    assert rule.count("|") == titles.count("|")
    assert [row.split(" | ")[0] for row in rows] == ["| plain", "| jpg", "| prepared"]
    assert rows[0].count("(1x)") == 2
    measured = json.loads(path.read_text())["measured"]
    assert [(m["workers"], m["source"]) for m in measured] == [(n, s) for n in (0, 1) for s in speed.SOURCES]
    assert all(len(m["clips_a_second"]) == 2 and 0 < min(m["clips_a_second"]) <= m["median"] for m in measured)
    assert not list(folder.iterdir())


def test_prepared_clips_are_those_of_the_pictures_and_plain_ones_are_close(speed, monkeypatch):
    seen = {}

    def compare(clips, places, spec):
        seen.update({source: clips[source][places[0]] for source in speed.SOURCES})
        seen["spec"] = spec
        raise ValueError("seen enough")

    monkeypatch.setattr(speed, "check", compare)
    with pytest.raises(SystemExit):
        speed.main(TINY)
    plain, ours, prepared, spec = (seen[key] for key in (*speed.SOURCES, "spec"))
    assert ours["frames"].shape == (3, 32, 32, 32)
    assert ours["frames"].float().std() > 10  # not a flat picture
    assert all(torch.equal(ours[part], prepared[part]) for part in ("frames", "audio", "density"))
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (spec.mean, spec.std))
    apart = (ours["frames"] - 255 * (plain["frames"] * std + mean)).abs()
    assert apart.max() < 1.01
    assert apart.mean() < 0.2
    torch.testing.assert_close(ours["audio"], plain["audio"], atol=1e-3, rtol=0)
    assert ours["audio"].abs().max() > 1
    torch.testing.assert_close(ours["density"], plain["density"], atol=2 / 255, rtol=0)
    assert ours["density"].max() > 0.5


@pytest.mark.parametrize(
    ("source", "part", "change", "message"),
    [
        ("prepared", "frames", lambda x: x ^ 1, "frames of clip (0, 32): the prepared form differs"),
        ("prepared", "audio", lambda x: x * 1.0001, "audio of clip (0, 32): the prepared form differs"),
        ("plain", "frames", lambda x: x + 0.1, "frames of clip (0, 32): "),
        ("plain", "frames", lambda x: x[:, :-1], "frames of clip (0, 32): inf from"),
        ("plain", "audio", lambda x: 1.01 * x, "audio of clip (0, 32): "),
        ("plain", "density", lambda x: 0.9 * x, "density of clip (0, 32): "),
    ],
)
def test_wrong_clips_are_not_timed(speed, monkeypatch, capsys, source, part, change, message):
    class Wrong:
        def __init__(self, right):
            self.right = right

        def __getitem__(self, place):
            clip = dict(self.right[place])
            clip[part] = change(clip[part])
            return clip

    check = speed.check
    monkeypatch.setattr(speed, "check", lambda clips, *rest: check({**clips, source: Wrong(clips[source])}, *rest))
    with pytest.raises(SystemExit) as stop:
        speed.main(TINY)
    out, err = capsys.readouterr()
    assert stop.value.code == 1
    assert err.startswith(f"not timed, for the clips differ: {message}")
    assert "|" not in out


@pytest.mark.parametrize("option", ["--clips", "--videos", "--batch", "--repeats"])
def test_nothing_to_time_is_an_error(speed, capsys, option):
    with pytest.raises(SystemExit):
        speed.main([*TINY, option, "0"])
    assert f"{option} 0: expected at least 1" in capsys.readouterr().err


def test_help_teaches(speed, capsys):
    with pytest.raises(SystemExit):
        speed.main(["--help"])
    assert "python benchmarks/speed/loader.py --frame-size 720x1280" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timed
def test_clips_come_much_faster_than_from_a_plain_loader(speed, tmp_path):
    """The three take turns, so a busy machine slows them alike."""
    path = tmp_path / "loader.json"
    options = ["--clips", "24", "--videos", "4", "--repeats", "3", "--folder", str(tmp_path), "--json", str(path)]
    assert speed.main(options) == 0
    for m in json.loads(path.read_text())["measured"]:
        assert m["speed_up"] > {"plain": 0.99, "jpg": 2, "prepared": 5}[m["source"]], m
