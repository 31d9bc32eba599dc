"""NSS on the faces that talk, and elsewhere, with the true sound and with another: of one pass over the frames."""

from dataclasses import replace
from pathlib import Path

import mvva_trees as trees
import numpy as np
import pytest
import torch

from avsal_bench.bench import made_of
from avsal_bench.bench.made_of import _at_places
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.face_places import FacePlaces
from avsal_bench.data.files.truth_files import fixations
from avsal_bench.data.places import FaceFiles
from avsal_bench.evaluation.contextual import PlacesHeard, has_regions, places_heard, regions_of
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.scores_of import Made

RAW = protocol("raw")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces")
    trees.write_authors(root, ("82", "005"))
    trees.write_lists(root, ("82", "005"))
    return root


@pytest.fixture
def video(root):
    return dataset("mvva").videos(root, "test", 1)[0]


def numbers(video):
    return range(1, video.n_frames + 1)


@pytest.fixture
def maps(video):
    """With the true sound, muted and swapped: ``(3, F, h, w)``."""
    return torch.from_numpy(np.random.default_rng(0).random((3, video.n_frames, *trees.MAPS)))


def looked(video):
    return torch.stack([torch.as_tensor(np.asarray(fixations(video, n))).bool() for n in numbers(video)])


def by_hand(video, maps):
    """NSS of the fixations inside the boxes of faces that talk, frame by frame."""
    places, found = FacePlaces(video), []
    for n, saliency, fixated in zip(numbers(video), maps.numpy(), looked(video).numpy(), strict=True):
        inside = fixated & places.masks([n])[0][0]
        if places.talked(n) and inside.any():
            found.append(((saliency - saliency.mean()) / saliency.std(ddof=1))[inside].mean())
    return np.mean(found)


def test_nss_at_the_talking_faces_is_the_definition_for_each_sound_whatever_the_batches(video, maps):
    heard = PlacesHeard(regions_of(video, Path()), RAW, [1, 2])
    frames, truth = list(numbers(video)), looked(video)
    for rows in (slice(0, 3), slice(3, 4), slice(4, None)):
        heard.add(frames[rows], maps[:, rows], truth[rows])
    for number in (1, 2):
        means = heard.means(number)
        assert means["source"] == pytest.approx([by_hand(video, maps[0]), by_hand(video, maps[number])], rel=1e-6)
        assert set(means) <= {"source", "others", "background", "rest", "frame"}
    assert heard.means(1)["source"][1] != heard.means(2)["source"][1]


def test_a_frame_counts_where_both_sounds_define_it(video, maps):
    heard, whole = (PlacesHeard(regions_of(video, Path()), RAW, [1]) for _ in range(2))
    frames, truth = list(numbers(video)), looked(video)
    whole.add(frames, maps, truth)
    maps = maps.clone()
    maps[1, 0] = 0.5  # constant, so without NSS
    heard.add(frames, maps, truth)
    assert heard.means(1)["frame"][0] != pytest.approx(whole.means(1)["frame"][0])
    without = PlacesHeard(regions_of(video, Path()), RAW, [1])
    without.add(frames[1:], maps[:, 1:], truth[1:])
    assert heard.means(1)["frame"] == without.means(1)["frame"]


def test_fixation_maps_of_another_size_are_an_error(video, maps):
    heard = PlacesHeard(regions_of(video, Path()), RAW, [1])
    with pytest.raises(ValueError, match=r"regions \(36, 64\), fixation maps \(18, 64\)"):
        heard.add([1], maps[:, :1], looked(video)[:1, :18])


def test_sets_that_say_nothing_and_videos_without_the_files_have_no_places(video, root, tmp_path, synth_root):
    assert has_regions(video, root)
    assert places_heard(video, [1], RAW, root) is not None
    assert places_heard(replace(video, faces=None), [1], RAW, root) is None
    gone = replace(video, faces=FaceFiles(tmp_path / "gone.npy", video.faces.talking))
    assert places_heard(gone, [1], RAW, root) is None
    [synth, *_] = dataset("synth").videos(synth_root, "test", 1)
    assert places_heard(synth, [1], RAW, synth_root) is not None
    assert places_heard(synth, [1], RAW, tmp_path) is None, "no set of this version lies there"
    assert places_heard(replace(synth, name="mine"), [1], RAW, synth_root) is None


def test_a_damaged_file_of_faces_is_named(video, root, tmp_path):
    (tmp_path / "boxes.npy").write_bytes(b"no array")
    damaged = replace(video, faces=FaceFiles(tmp_path / "boxes.npy", video.faces.talking))
    with pytest.raises(ValueError, match=r"boxes\.npy"):
        places_heard(damaged, [1], RAW, root)


def test_faces_are_a_part_of_what_a_result_is_made_of(video, root, tmp_path, monkeypatch):
    monkeypatch.setattr(made_of, "code_of", lambda *parts, **more: "code")
    space = Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")
    made = Made({"sound": "a"}, {video.name: {"sound": "a"}})
    copy = tmp_path / "boxes.npy"
    copy.write_bytes(video.faces.boxes.read_bytes())
    copied = replace(video, faces=FaceFiles(copy, video.faces.talking))
    before = _at_places(made, [copied], root, space)
    assert before == _at_places(made, [video], root, space), "a copy is the same"
    assert before.whole.keys() - made.whole.keys() == {"places"} == before.videos[video.name].keys() - {"sound"}
    copy.write_bytes(video.faces.boxes.read_bytes() + b"\0")
    assert _at_places(made, [copied], root, space).videos != before.videos
    assert _at_places(made, [replace(video, faces=None)], root, space) == made
