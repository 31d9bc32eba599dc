"""NSS on the thing that sounds, on the rest of the frame, and on all of it."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from made_boards import rich_record
from made_records import NAN
from PIL import Image

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.gaze.samples import read_gaze
from avsal_bench.data.synth.scenes import HEIGHT, WIDTH
from avsal_bench.data.synth.sounding import sounding_regions
from avsal_bench.evaluation.contextual import Contextual as Sums
from avsal_bench.evaluation.contextual import SourceRegions, contextual_of_halves, contextual_of_maps
from avsal_bench.evaluation.map_films import FilmWriter
from avsal_bench.evaluation.observers import Halving
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.leaderboard.analysis import Contextual, contextual
from avsal_bench.leaderboard.reports.analysis_plots import COLOURS, draw_contextual
from avsal_bench.studies.contextual_records import contextual_of


@pytest.fixture
def videos(synth_root):
    return dataset("synth").videos(synth_root, "test", 1)


def test_gaze_goes_to_the_box_of_the_sounding_thing(videos, synth_root):
    sounding = [video for video in videos if video.category in ("timbre", "pulse")]
    assert sounding
    for video in sounding:
        boxes = sounding_regions(video, synth_root)
        assert boxes.shape == (video.n_frames, HEIGHT, WIDTH)
        gaze = read_gaze(video.gaze, video.n_frames, (HEIGHT, WIDTH))
        late = gaze.frame > 8
        inside = boxes[gaze.frame - 1, gaze.y.astype(int), gaze.x.astype(int)][late].mean()
        assert boxes.mean() < 0.05 < 0.5 < inside


def test_nothing_sounds_in_the_picture_of_other_scenes(videos, synth_root):
    others = [video for video in videos if video.category not in ("timbre", "pulse")]
    assert others
    assert not any(sounding_regions(video, synth_root).any() for video in others)


def test_who_does_not_know_the_sounding_thing_says_so(videos, synth_root, tmp_path):
    video = videos[0]
    with pytest.raises(ValueError, match="diem does not say where the sounding thing is; synth does"):
        sounding_regions(dataclasses.replace(video, dataset="diem"), synth_root)
    with pytest.raises(FileNotFoundError, match=r"synth\.json"):
        sounding_regions(video, tmp_path)
    with pytest.raises(ValueError, match="99 frames: not a video of the set"):
        sounding_regions(dataclasses.replace(video, n_frames=99), synth_root)


def test_contextual_nss_by_hand():
    region = torch.zeros(2, 2, 4, dtype=torch.bool)
    region[0, 0, :2] = True
    sums = Sums(SourceRegions(region), protocol("raw"))
    assert sums.frames([1, 2]) == [1]
    saliency = torch.tensor([[[4.0, 0, 0, 0], [0, 0, 0, 0]]])
    fixated = torch.zeros(1, 2, 4, dtype=torch.bool)
    fixated[0, 0, 0] = fixated[0, 1, 3] = True
    sums.add([1], saliency, fixated)
    deviation = saliency.std().item()
    inside, outside = (4 - 0.5) / deviation, -0.5 / deviation
    expected = {"source": inside, "rest": outside, "frame": (inside + outside) / 2}
    assert sums.means() == pytest.approx(expected, abs=1e-6)
    nowhere = Sums(SourceRegions(region), protocol("raw"))
    assert all(math.isnan(v) for v in nowhere.means().values())
    with pytest.raises(ValueError, match="region"):
        sums.add([1], saliency, fixated[:, :, :3])


def test_a_map_of_the_sounding_thing_is_right_there_and_wrong_elsewhere(videos, synth_root, tmp_path):
    short = [v for v in videos if v.category in ("timbre", "pulse")][:1]
    for video in short:
        folder = tmp_path / "maps" / video.name
        folder.mkdir(parents=True)
        for n, box in enumerate(sounding_regions(video, synth_root), start=1):
            Image.fromarray(np.uint8(255) * box.astype(np.uint8)).save(folder / f"{n:05d}.png")
    found = contextual_of_maps(short, tmp_path / "maps", protocol("raw"), synth_root)
    scores = found[short[0].name]
    assert scores["source"] > 3
    assert scores["rest"] < 0
    assert scores["rest"] < scores["frame"] < scores["source"]
    boxes = torch.from_numpy(sounding_regions(short[0], synth_root)).float()
    with FilmWriter(tmp_path / "films" / f"{short[0].name}.mkv", 25) as film:
        film.add(boxes)
    assert contextual_of_maps(short, tmp_path / "films", protocol("raw"), synth_root) == {
        short[0].name: pytest.approx(scores, abs=1e-4)
    }
    (tmp_path / "maps" / short[0].name / "00003.png").unlink()
    with pytest.raises(FileNotFoundError, match="frame 3; give all frames a map"):
        contextual_of_maps(short, tmp_path / "maps", protocol("raw"), synth_root)


def test_people_find_the_sounding_thing(videos, synth_root):
    found = contextual_of_halves(videos, Halving(5.0, splits=1), protocol("stavis"), synth_root)
    assert set(found) == {v.name for v in videos if v.category in ("timbre", "pulse")}
    for scores in found.values():
        assert scores["source"] > scores["frame"] > scores["rest"]


def test_contextual_means_count_a_video_once():
    one = {"a": {"source": 1.0, "rest": NAN}, "b": {"source": 3.0, "rest": 0.0}}
    two = {"a": {"source": 3.0, "rest": NAN}}
    found = contextual([one, two]).scores
    assert (found["source"].mean, found["source"].n) == (2.5, 2)
    assert (found["rest"].mean, found["rest"].n) == (0.0, 1)
    assert "no sounding thing" in contextual([{}]).missing


def test_a_network_keeps_its_colour_where_another_has_no_scores(tmp_path):
    scores = contextual([{"a": {"source": 2.0, "rest": 0.5, "frame": 1.0}}])
    words = {"source": "there", "rest": "elsewhere", "frame": "all"}
    draw_contextual({"deaf": Contextual({}, "none"), "stavis": scores}, words, tmp_path / "bars.png")
    found = {tuple(pixel) for pixel in np.asarray(Image.open(tmp_path / "bars.png").convert("RGB")).reshape(-1, 3)}
    first, second = (tuple(round(255 * part) for part in colour) for colour in COLOURS[:2])
    assert second in found
    assert first not in found


def test_a_real_set_has_no_contextual_nss(tmp_path):
    record = rich_record("stavis", "av", "avad", 1, 0, 0.5, 24)
    with pytest.raises(ValueError, match=r"avad does not say where the sounding thing is; mark it in .*avad"):
        contextual_of(record, None, Workspace(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path))
    with pytest.raises(FileNotFoundError, match="avad: no data root"):
        contextual_of(record, None, Workspace(tmp_path, None, tmp_path, tmp_path, tmp_path))
