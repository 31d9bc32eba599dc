"""Maps in films: their levels, what is noted of films, and the prepared form, from which any map is read at once."""

import json
import os
import shutil
import time
from dataclasses import replace

import av
import numpy as np
import pytest
import torch

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.items import TrainingClips
from avsal_bench.data.clips.sampler import ClipRequest
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files import presence, truth_files
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.prepared import maps_are_prepared, prepared_maps, read_manifest
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.files.whole_films import headers
from avsal_bench.data.files.whole_films.levels import converted_levels, grey_levels
from avsal_bench.data.places import VideoFile
from avsal_bench.data.synth.film_trees import make_film_set
from avsal_bench.kept.noted import REST, at_once, note_in
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

SIZE = (24, 32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("films")
    make_film_set(root, "crowdsal", 4, 8)
    for path in root.rglob("*.mp4"):  # as if it had lain there for a while
        os.utime(path, ns=(1, time.time_ns() - 10 * REST))
    return root


@pytest.fixture
def video(made, tmp_path):
    """A video of a copy of the set, that lies across."""
    root = shutil.copytree(made, tmp_path / "data")
    return dataset("crowdsal").videos(root, "train", 1)[0]


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A folder of notes that is used until the test ends; files count as rested at once."""
    monkeypatch.setattr("avsal_bench.kept.noted.REST", -(10**12))
    note_in(tmp_path / "notes")
    yield tmp_path / "notes"
    note_in(None)


def picture(pix_fmt, bits, luma, color_range=0, chroma=None):
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    for number, plane in enumerate(frame.planes):
        kind = np.dtype("<u2" if bits > 8 else "u1")
        rows = np.full((plane.height, plane.line_size // kind.itemsize), chroma or 1 << (bits - 1), kind)
        if not number:
            rows[:, : plane.width] = luma
        plane.update(rows)
    frame.color_range = color_range
    return frame


@pytest.mark.parametrize("size", [(54, 96), (55, 97), (3, 130)])
@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize(
    ("pix_fmt", "bits"),
    [("gray", 8), ("yuv420p", 8), ("yuvj420p", 8), ("gray10le", 10), ("yuv420p10le", 10), ("yuv444p12le", 12)],
)
def test_levels_are_those_of_the_conversion(pix_fmt, bits, color_range, size):
    luma = np.random.default_rng(0).integers(0, 1 << bits, size)
    frame = picture(pix_fmt, bits, luma, color_range)
    levels, converted = grey_levels(frame), converted_levels(frame)
    assert levels.dtype == converted.dtype
    assert (levels == converted).all()


def test_a_picture_with_colours_is_converted():
    frame = picture("yuv420p10le", 10, np.full((8, 8), 500), chroma=600)
    levels = grey_levels(frame)
    assert levels.dtype == np.float64
    assert (levels == converted_levels(frame)).all()


def test_headers_are_read_once(made, notes, monkeypatch):
    first = dataset("crowdsal").videos(made, "train", 1)
    assert [path.name.split(".", 1)[1] for path in notes.iterdir()] == ["film-1.json"]
    opened = []
    monkeypatch.setattr(headers, "open_container", lambda path: opened.append(path))
    assert dataset("crowdsal").videos(made, "train", 1) == first
    assert not opened


def test_a_film_that_changed_is_asked_again(video, notes):
    folder = video.frames.path.parent
    assert len(headers.film_facts(sorted(folder.iterdir()))) == 2
    shutil.copy(folder / "0002.mp4", folder / "0001.mp4")
    facts = headers.film_facts(sorted(folder.iterdir()))
    assert facts[0] == facts[1]
    assert facts[0].height == 144


@pytest.mark.parametrize("damage", ["{", "[]", '{"0001.mp4": 7}', '{"0001.mp4": [[], [1]]}'])
def test_damaged_notes_count_for_nothing(video, notes, damage):
    (before,) = headers.film_facts([video.frames.path])
    (note,) = notes.iterdir()
    note.write_text(damage)
    assert headers.film_facts([video.frames.path]) == [before]


def test_a_folder_that_cannot_be_written_keeps_nothing(video, tmp_path):
    (tmp_path / "taken").write_text("")
    note_in(tmp_path / "taken" / "notes")
    try:
        assert headers.film_facts([video.frames.path])[0].frames == 8
    finally:
        note_in(None)


def test_a_workspace_says_where_notes_lie(video, tmp_path, monkeypatch):
    monkeypatch.setattr("avsal_bench.kept.noted.REST", -(10**12))
    Workspace(tmp_path, None, tmp_path, tmp_path / "runs", tmp_path / "board")
    headers.film_facts([video.frames.path])
    note_in(None)
    assert [*(tmp_path / "runs" / "digests").glob("*.film-1.json")]


def test_films_that_were_found_good_are_not_looked_through_again(video, notes, monkeypatch):
    check_videos([video], audio=True)
    counted = []
    monkeypatch.setattr(presence, "count_frames", lambda path: counted.append(path) or 8)
    monkeypatch.setattr(presence, "check_film_of_maps", lambda video: counted.append(video))
    check_videos([video], audio=True)
    assert not counted
    with at_once():
        presence.faults_of(replace(video, n_frames=7), ("frames", "maps"))
    assert len(counted) == 2  # another list asks for something else


def test_what_was_found_wrong_is_looked_at_again(video, notes):
    longer = replace(video, n_frames=9)
    for _ in range(2):
        with pytest.raises(ValueError, match="8 maps, and the video has 9 frames"):
            check_videos([longer], audio=False)


def prepared(video, size=SIZE, **how):
    with Workers(0) as workers:
        return prepare_videos([video], size, 22050, workers, **how)[0]


def test_training_is_given_the_same_maps_prepared_or_not(video):
    before = [truth_files.density(video, frame, SIZE) for frame in range(1, 9)]
    assert not maps_are_prepared(video)
    assert prepared(video).reason == "frames new, maps new, sound new"
    assert maps_are_prepared(video, SIZE)
    assert not maps_are_prepared(video, (8, 8))
    maps = prepared_maps(video, SIZE)
    assert (maps.shape, maps.dtype) == ((8, *SIZE), np.uint16)
    video.densities.path.write_bytes(b"")  # nobody opens it any more
    assert all(map(torch.equal, [truth_files.density(video, frame, SIZE) for frame in range(1, 9)], before))
    assert torch.equal((before[0] * 65535).round() / 65535, before[0])
    clips = TrainingClips([video], ClipSpec(4, SIZE, audio=None), 0.0)
    assert clips[ClipRequest(0, 0)]["density"].shape == SIZE


def test_a_map_is_within_half_a_step_of_what_a_picture_would_give(video):
    exact = truth_files.density_levels(video, 3)[None].float() / 65535
    small = truth_files.F.resize(exact, list(SIZE), antialias=True)[0]
    assert (truth_files.density(video, 3, SIZE) - small).abs().max() <= 0.5 / 65535 + 1e-7


def test_a_second_run_writes_nothing_and_another_film_is_prepared_anew(video):
    first = prepared(video)
    assert not prepared(video).reason
    assert not prepared(video, verify=True).reason
    (first.folder / "maps_24x32.npy").write_bytes(b"\x93NUMPY")
    assert prepared(video).reason == "maps damaged"
    shutil.copy(video.densities.path.parents[2] / "Test/Saliency/3002.mp4", video.densities.path)
    with pytest.raises(ValueError, match="its saliency maps have changed since it was prepared"):
        check_videos([video], audio=False)
    assert prepared(video).reason == "maps changed"
    check_videos([video], audio=False)


def test_sizes_stand_beside_each_other(video):
    prepared(video)
    assert prepared(video, (8, 8)).reason == "frames new, maps new"
    manifest = read_manifest(video.prepared)
    assert sorted(manifest.maps) == ["24x32", "8x8"]
    assert sorted(path.name for path in video.prepared.glob("maps_*")) == ["maps_24x32.npy", "maps_8x8.npy"]


def test_sets_with_pictures_have_nothing_new_in_their_manifest(synth_root):
    pictures = dataset("synth").videos(synth_root, "test", 1)[0]
    assert not isinstance(pictures.densities, VideoFile)
    folder = prepared(replace(pictures, audio=None), (8, 8)).folder
    assert sorted(json.loads((folder / "prepared.json").read_text())) == [
        *("frames", "n_frames", "sound", "sound_source", "source", "version", "versions")
    ]
    shutil.rmtree(folder)


def test_two_sets_over_the_same_films_are_prepared_once(video):
    other = replace(video, dataset="other")
    with Workers(0) as workers:
        assert len(prepare_videos([video, other], SIZE, None, workers)) == 1
        film = video.densities.path.with_name("0003.mp4")
        with pytest.raises(ValueError, match="would both be prepared in"):
            prepare_videos([video, replace(other, densities=VideoFile(film))], SIZE, None, workers)
