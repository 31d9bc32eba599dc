"""Marked sources of sounds: the form of the file, what is wrong in it by line, and pixels at the size of the maps."""

import dataclasses

import pytest

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.files.truth_files import map_size
from avsal_bench.data.sound_sources import FOLDER, MarkedSources, has_marks, read_marks, require_marks
from avsal_bench.evaluation.contextual import MarkedRegions, PlacesHeard, places_heard, regions_of
from avsal_bench.evaluation.protocol import protocol

HEAD = "frame,left,top,right,bottom\n"


def written(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_boxes_by_frame(tmp_path):
    path = written(tmp_path, "\ufeff" + HEAD + "7,1,2,3.5,4\n 3 ,,,,\n7,10,10,20,20\n\n")
    assert read_marks(path, 10) == {3: (), 7: ((1.0, 2.0, 3.5, 4.0), (10.0, 10.0, 20.0, 20.0))}
    assert read_marks(written(tmp_path, HEAD), 10) == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "line 1: expected the header frame,left,top,right,bottom"),
        ("frame,x,y,w,h\n", "line 1: expected the header"),
        (HEAD + "1,2,3,4\n", "line 2: 4 cells, expected 5"),
        (HEAD + "1,0,0,2,2\n11,0,0,2,2\n", "line 3: frame '11', expected a whole number from 1 to 10"),
        (HEAD + "0,0,0,2,2\n", "line 2: frame '0'"),
        (HEAD + "1.5,0,0,2,2\n", "line 2: frame '1.5'"),
        (HEAD + "1,0,0,2,nan\n", "line 2: bottom is 'nan', expected a number of pixels"),
        (HEAD + "1,0,0,,2\n", "line 2: right is ''"),
        (HEAD + "1,5,0,2,2\n", "line 2: a box from 5,0 to 2,2 has no area"),
        (HEAD + "1,0,0,2,2\n1,,,,\n", "line 3: frame 1 has a source, and a line without one"),
        (HEAD + "1,,,,\n1,0,0,2,2\n", "line 3: frame 1 has a source, and a line without one"),
        (HEAD + "1,0,0,2,2\n" * 201, "line 202: over 200 sources in frame 1"),
        (HEAD.encode() + b"1,0,0,2,\xff\n", "not UTF-8"),
        (HEAD + "1," + "9" * 200_000 + ",0,2,2\n", "line 2: not CSV"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(tmp_path, text, error):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=error) as refused:
        read_marks(path, 10)
    assert str(path) in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 200


def test_no_file_and_a_folder_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b\.csv"):
        read_marks(tmp_path / "b.csv", 10)
    with pytest.raises(ValueError, match="folder"):
        read_marks(tmp_path, 10)


@pytest.fixture
def marked(labelled_root):
    """A root whose set has one marked video, and that video; its frames and its maps have a size of their own."""
    video = dataset("synth").videos(labelled_root, "test", 1)[0]
    height, width = frame_size(video)
    folder = labelled_root / FOLDER / "synth"
    folder.mkdir(parents=True)
    (folder / f"{video.name}.csv").write_text(HEAD + f"2,0,0,{width / 2},{height / 2}\n3,,,,\n", encoding="utf-8")
    return labelled_root, video


def test_a_box_is_brought_to_the_size_of_the_maps(marked):
    root, video = marked
    found = MarkedSources.of(video, root)
    assert found.size == map_size(video)
    assert [frame for frame in range(1, video.n_frames + 1) if found.seen(frame)] == [2]
    masks = found.masks([1, 2])
    assert not masks[0].any()
    height, width = found.size
    assert masks[1][: height // 2, : width // 2].all()
    assert masks[1].sum() == (height // 2) * (width // 2)


def test_what_a_person_marked_counts_before_what_the_set_says_in_analyses_alone(marked):
    root, video = marked
    regions = regions_of(video, root)
    assert isinstance(regions, MarkedRegions)
    parts = regions.masks([2])
    assert (parts["source"] ^ parts["rest"]).all()
    assert parts["frame"].all()
    heard = places_heard(video, [1], protocol("stavis"), root)
    assert not isinstance(heard.regions, MarkedRegions) if isinstance(heard, PlacesHeard) else heard is None
    other = dataclasses.replace(video, name="another")
    assert not any(regions_of(other, root).seen(frame) for frame in range(1, video.n_frames + 1))


def test_files_that_are_of_no_test_video_and_boxes_outside_are_errors(marked):
    root, video = marked
    path = root / FOLDER / "synth" / f"{video.name}.csv"
    assert has_marks("synth", root)
    assert not has_marks("avad", root)
    require_marks([video], root)
    path.write_text(HEAD + "1,9000,0,9001,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"frame 1: the box from 9000,0 to 9001,2 holds no pixel of the picture"):
        MarkedSources.of(video, root)
    path.rename(path.with_name("typo.csv"))
    with pytest.raises(FileNotFoundError, match=rf"no file of a test video, such as {video.name}\.csv; .*typo\.csv"):
        require_marks([video], root)


def test_pixels_of_other_boxes_stay_what_they_were():
    """A pixel belongs to a box where its centre lies in it."""
    from avsal_bench.data.face_places import pixels_in

    assert pixels_in((0.6, 0.4, 2.4, 1.6), (1, 1), (4, 4)) == (slice(0, 2), slice(1, 2))
    assert pixels_in((0.6, 0.6, 1.4, 0.9), (1, 1), (4, 4)) is None
    assert pixels_in((-5, -5, 50, 50), (0.5, 0.5), (4, 6)) == (slice(0, 4), slice(0, 6))
