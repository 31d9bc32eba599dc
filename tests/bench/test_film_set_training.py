"""A set of films is trained and tested on, and heard with other sounds, before and after it is prepared."""

import json
import re

import pytest

from avsal_bench.cli.app import main
from avsal_bench.data.synth.film_trees import make_film_set

#: The one video that is trained on has no other whose sound it could be given.
ALONE = ("stages.audiovisual.training=clips", "stages.audiovisual.contrast=null")
TINY = ("clips_per_video=1", "val_stride=20", "batch_size=2", *ALONE)


@pytest.mark.slow
def test_a_network_is_trained_tested_and_heard_on_films(tmp_path, capfd):
    make_film_set(tmp_path / "data", "crowdsal", 4, 12)
    folders = ["--data-root", tmp_path / "data", "--runs", tmp_path / "runs", "--leaderboard", tmp_path / "board"]
    machine = [*map(str, folders), "--workers", "0"]
    own = ["--preset", "smoke", "--train", "crowdsal", "--epochs", "1", "--frames", "8", "--size", "32x32"]
    sets = [word for text in TINY for word in ("--set", text)]
    assert main(["run", "stavis", *own, *sets, *machine]) == 0
    said = capfd.readouterr()
    words = r"maps of 1 video to train on are films: 000\d.mp4 has a key frame every \d+ maps, so that .* --size 32x32`"
    assert re.search(words, said.out + said.err)
    (path,) = (tmp_path / "board/records/stavis/crowdsal").glob("stavis_av-fold1-seed0.json")
    record = json.loads(path.read_text())
    assert [video["video"] for video in record["videos"]] == ["3001", "3002"]
    assert main(["hear", str(path), "--sound", "noise", *machine]) == 0
    assert path.with_name("stavis_av-fold1-seed0-noise.json").is_file()
