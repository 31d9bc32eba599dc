"""`avsal data check`: what is no damage, and what a quick check or one without sound leaves out."""

import numpy as np
import pytest
from audit_trees import (
    FOLDER,
    N,
    _no_published_lists,  # noqa: F401
    black,
    check,
    clean_fixture,  # noqa: F401
    cut,
    fixations,
    frame,
    gaze,
    grey,
    make_silent,
    mat,
    only,
    play,
    point,
    root_fixture,  # noqa: F401
    sound,
)
from conftest import write_list, write_video

from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.text import frame_ranges


def test_fixations_count_as_they_are_read(root):
    for n, values in enumerate((point(3), point(1.5, dtype=np.float64), point(2) + point(1)[::-1]), start=1):
        mat(fixations(root, n), values, "I")
        assert read_fixations(fixations(root, n)).tolist() == (values > 0).tolist()
    mat(fixations(root, 4), -point(1, dtype=np.int16))
    with pytest.raises(ValueError, match="no fixation map: values from -1 to 0"):
        read_fixations(fixations(root, 4))
    assert {f.kind for f in check(root).findings} == {"fixation values", "fixation counts"}


def test_a_clean_tree_gives_nothing(root, clean):
    report = check(root)
    assert report.findings == ()
    assert report.errors == 0
    gaze(root, "video1,a,1,0,0", "video1,b,12,63.99,47.99")
    assert check(root).findings == ()


def test_quick_reads_headers_only(root):
    cut(frame(root, 5))  # its header is whole
    black(root, (2,))
    gaze(root, "nonsense")
    play(sound(root), np.zeros(10584))
    assert check(root, quick=True).findings == ()
    grey(frame(root, 4), 90, (24, 32))
    mat(fixations(root, 4), point(size=(24, 32)))
    mat(fixations(root, 5), point(), "other")
    frame(root, 6).write_text("404")
    play(sound(root), np.zeros(1000))
    found = {f.kind: f.where for f in check(root, quick=True).findings}
    wav = "video_audio/Coutrot_db2/video1/video1.wav"
    assert found == {
        "frame size": "frame 4",
        "fixation size": "frame 4",
        "unreadable fixations": "frame 5",
        "unreadable frame": "frame 6",
        "short sound": wav,
    }


def test_sound_is_left_alone_on_demand(root):
    sound(root).unlink()
    cut(sound(root, "video2"), 0.01)
    assert check(root, audio=False).findings == ()


def test_silence_is_told_in_frames(tmp_path):
    root = tmp_path / "data"
    write_video(root, FOLDER, "video1", 75)
    for part in ("train", "test"):
        for fold in (1, 2, 3):
            name = "video1" if part == "test" else "video2"
            write_list(root, FOLDER, part, f"_{fold}", f"{name} 75 25\n")
    write_video(root, FOLDER, "video2", 75)
    make_silent(root, 0.4, 0.9)
    assert check(root).findings == ()  # half a second is a pause
    make_silent(root, 0.8, 2.0)
    found = only(check(root))
    assert (found.severity, found.kind, found.where) == ("note", "no sound in it", "frames 21-50")
    assert found.text == "1.2 s of digital zero in video1.wav"


def test_black_maps_of_a_test_video_are_a_warning(root):
    for fold in (1, 2, 3):
        write_list(root, FOLDER, "train", f"_{fold}", f"video0 {N} 25\nvideo2 {N} 25\n")
        write_list(root, FOLDER, "test", f"_{fold}", f"video1 {N} 25\n")
    black(root, range(1, N + 1), empty=True)
    found = only(check(root))
    assert (found.severity, found.kind) == ("warning", "all maps black")


def test_frame_ranges():
    assert frame_ranges([4]) == "frame 4"
    assert frame_ranges([3, 1, 2, 9, 2, 11, 12]) == "frames 1-3, 9, 11-12"
