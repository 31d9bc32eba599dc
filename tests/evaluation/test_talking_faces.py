"""Faces and who of them talks: the forms in which they come, labels of consistency, and contextual NSS on faces."""

import re
from dataclasses import replace
from types import SimpleNamespace

import mvva_trees as trees
import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.face_places import FacePlaces
from avsal_bench.data.faces import read_boxes, read_faces, read_talking
from avsal_bench.data.files.truth_files import fixations
from avsal_bench.data.labels import labels_of
from avsal_bench.data.places import FaceFiles
from avsal_bench.evaluation.contextual import FACES, Contextual, FaceRegions, contextual_of_maps, regions_of
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import consistency
from avsal_bench.leaderboard.analysis import contextual
from avsal_bench.leaderboard.reports.analysis_report import _contextual_part
from avsal_bench.studies.contextual_records import _has_faces

ONE, TWO = (0.0, 0.0, 4.0, 6.0), (4.0, 2.0, 8.0, 6.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces")
    trees.write_authors(root, ("82", "005"))
    trees.write_lists(root, ("82", "005"))
    return root


@pytest.fixture
def video(root):
    return dataset("mvva").videos(root, "test", 1)[0]


def row(*values):
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        found[place] = value
    return found


@pytest.mark.parametrize(
    "boxes",
    [
        row([[*ONE]], [[*ONE], [*TWO]], []),
        row(np.array([ONE]), np.array([ONE, TWO]), np.zeros((0, 4))),
        row([[*ONE, 0.9], [0, 0, 0, 0]], [[*ONE, 0.9], [*TWO, 0.8]], None),
        np.array([[ONE, [0] * 4], [ONE, TWO], [[-1] * 4, [0] * 4]]),
        np.array([[ONE, [np.nan] * 4], [ONE, TWO], [[np.nan] * 4] * 2]),
        np.array([[[*ONE], None], [[*ONE], [*TWO]], [None, None]], dtype=object),
    ],
)
def test_boxes_are_read_in_any_form(tmp_path, boxes):
    np.save(tmp_path / "a.npy", boxes, allow_pickle=True)
    found = read_boxes(tmp_path / "a.npy", 3)
    assert [[box for box in faces if box] for faces in found] == [[ONE], [ONE, TWO], []]


def test_the_last_frames_may_lack_annotation_but_not_many(tmp_path):
    files = FaceFiles(tmp_path / "boxes.npy", tmp_path / "talking.npy")
    np.save(files.boxes, np.array([[ONE]] * 30))
    np.save(files.talking, np.ones((1, 29)))
    faces = read_faces(files, 32)
    assert [len(one) for one in faces] == [1] * 30 + [0] * 2
    assert [bool(one and one[0][1]) for one in faces] == [True] * 29 + [False] * 3
    assert [len(one) for one in read_faces(files, 10)] == [1] * 10
    with pytest.raises(ValueError, match=r"boxes\.npy: boxes of 30 frames, the video has 600; is it of another video"):
        read_faces(files, 600)
    np.save(files.boxes, np.array([[ONE]] * 600))
    with pytest.raises(ValueError, match=r"talking\.npy: labels of 29 frames, the video has 600"):
        read_faces(files, 600)


@pytest.mark.parametrize(
    ("boxes", "talking", "message"),
    [
        ([[[4, 0, 0, 6]]], [[1]], r"boxes\.npy: frame 1, face 1: from \(4, 0\) to \(0, 6\), expected x1, y1, x2, y2"),
        ([[[1, 2, 3]]], [[1]], r"frame 1, face 1: \[1.*\], expected x1, y1, x2, y2"),
        ([[1, 2, 3, 4]], [[1]], "frame 1: four numbers in the place of a list of faces"),
        ([[ONE, TWO]], [[1]], r"frame 1 has 2 faces, and .*talking\.npy tells of 1"),
        ([[ONE]], [[2]], r"talking\.npy: face 1, frame 1: 2, expected 1 where it talks, else 0"),
        ([[ONE]] * 60, np.ones((60, 2)), "frames x faces, 60 x 2, expected faces x frames; save its transpose"),
        ([[ONE]], [[[1]]], "expected an array faces x frames of 0 and 1, got lists in it"),
        ([[ONE]], row([1], [1, 0]), "expected an array faces x frames, 1 where a face talks; got 2 rows"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path, boxes, talking, message):
    files = FaceFiles(tmp_path / "boxes.npy", tmp_path / "talking.npy")
    np.save(files.boxes, np.array(boxes), allow_pickle=True)
    np.save(files.talking, np.array(talking), allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_faces(files, len(boxes))


def test_who_talks_may_be_one_row_and_say_who_is_not_seen(tmp_path):
    np.save(tmp_path / "a.npy", np.array([1, 0, 1]))
    assert read_talking(tmp_path / "a.npy", 3).tolist() == [[True, False, True]]
    np.save(tmp_path / "a.npy", np.array([[1, -1, np.nan], [0, 1, 0]]))
    assert read_talking(tmp_path / "a.npy", 3).any(0).tolist() == [True, True, False]


def test_a_frame_is_consistent_where_a_face_talks_unless_somebody_labelled_it(video, tmp_path):
    assert labels_of(video) == consistency(video) == (True, False) * 4
    own = tmp_path / "082.txt"
    own.write_text("0\n" * trees.N)
    assert not any(labels_of(replace(video, labels=own)))


def test_boxes_are_brought_to_the_size_of_the_maps(video):
    places = FacePlaces(video)
    assert places.size == trees.MAPS
    assert [places.talked(n) for n in range(1, 9)] == [True, False] * 4
    talking, others = places.masks([1, 2, 3])
    x1, y1, x2, y2 = (value // 2 for value in trees.LEFT)
    assert talking[0, y1:y2, x1:x2].all()
    assert talking[0].sum() == (y2 - y1) * (x2 - x1)
    assert not others[0].any()
    assert not talking[1].any()
    assert (others[1] == talking[0]).all()
    right = np.zeros(trees.MAPS, dtype=bool)
    right[trees.RIGHT[1] // 2 : trees.RIGHT[3] // 2, trees.RIGHT[0] // 2 : trees.RIGHT[2] // 2] = True
    assert (others[2] == right).all()


def test_boxes_of_another_picture_are_refused(video, tmp_path):
    files = FaceFiles(tmp_path / "boxes.npy", tmp_path / "talking.npy")
    np.save(files.boxes, np.array([[(900.0, 500.0, 1000.0, 600.0)]] * trees.N))
    np.save(files.talking, np.ones((1, trees.N)))
    with pytest.raises(ValueError, match="8 of 8 boxes lie outside of the picture, 72 rows and 128 columns; are x"):
        FacePlaces(replace(video, faces=files))


def test_nss_of_each_place_by_hand(video):
    regions = FaceRegions(video)
    sums = Contextual(regions, protocol("raw"))
    frames = sums.frames(range(1, trees.N + 1))
    assert frames == [1, 3, 5, 7]
    maps = torch.rand(4, *trees.MAPS, generator=torch.Generator().manual_seed(0))
    fixated = torch.stack([fixations(video, n) for n in frames])
    fixated[:, 10, 12] = fixated[:, 20, 50] = True
    sums.add(frames, maps, fixated)
    z = (maps - maps.mean((1, 2), keepdim=True)) / maps.std((1, 2), keepdim=True)
    left, right = torch.zeros(2, 4, *trees.MAPS, dtype=torch.bool)
    left[:, 4:20, 8:24] = True
    right[1:, 8:28, 40:60] = True
    expected = {"source": left, "others": right, "background": ~left & ~right, "rest": ~left, "frame": left | ~left}
    for place, mask in expected.items():
        of_frames = [z[k][fixated[k] & mask[k]].mean().item() for k in range(4) if (fixated[k] & mask[k]).any()]
        assert sums.means()[place] == pytest.approx(np.mean(of_frames), abs=1e-5), place
    assert tuple(sums.means()) == FACES


def test_a_map_of_who_talks_is_right_there(root, video, tmp_path):
    folder = tmp_path / "maps" / "082"
    folder.mkdir(parents=True)
    for n, mask in enumerate(FacePlaces(video).masks(range(1, 9))[0], start=1):
        Image.fromarray(np.uint8(255) * mask).save(folder / f"{n:05d}.png")
    found = contextual_of_maps([video], tmp_path / "maps", protocol("raw"), root)["082"]
    assert found["source"] > 0 > found["rest"]
    space = Workspace(tmp_path, root, tmp_path, tmp_path, tmp_path)
    assert _has_faces("mvva", space, 1)
    assert not _has_faces("avad", space, 1)
    missing = replace(video, faces=None)
    with pytest.raises(ValueError, match="mvva does not say where the sounding thing is"):
        regions_of(missing, root)
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
        regions_of(replace(video, faces=FaceFiles(tmp_path / "a.npy", tmp_path / "b.npy")), root)


def test_the_report_has_the_places_that_all_its_rows_have():
    faces = contextual([{"a": {"source": 2.0, "others": 1.0, "background": -1.0, "rest": 0.0, "frame": 1.0}}])
    boxes = contextual([{"a": {"source": 2.0, "rest": 0.5, "frame": 1.0}}])
    whole = _contextual_part(SimpleNamespace(names=["one", "two"], contextual=[faces, faces]))
    assert re.search(r"\| sounding thing +\| +other faces +\| +no face +\| +rest of the frame +\|", whole)
    short = _contextual_part(SimpleNamespace(names=["one", "two"], contextual=[faces, boxes]))
    assert "other faces" not in short
    assert "rest of the frame" in short
