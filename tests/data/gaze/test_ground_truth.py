"""Ground truth from samples in any table: which frame, which point, which files, and what is said of odd samples."""

import warnings

import av
import numpy as np
import pytest
from PIL import Image

import avsal_bench
from avsal_bench.data.gaze import read_gaze
from avsal_bench.data.gaze.ground_truth import frames_at, write_ground_truth

SIZE = (48, 64)


@pytest.fixture
def film(tmp_path):
    """Five pictures, ten a second."""
    path = tmp_path / "a film (1).mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for n in range(5):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 40 * n, np.uint8), format="rgb24")))
        file.mux(stream.encode())
    return path


LOOKS = [
    ("b", 0.01, 10.2, 20.9),
    ("b", 0.05, 12.5, 21.5),
    ("b", 0.09, 30.0, 40.0),
    ("a", 0.05, 60.0, 5.0),
    ("a", 0.41, 3, 4),
]


def test_samples_become_maps_points_and_gaze_of_each_observer(tmp_path, film):
    found = write_ground_truth(tmp_path / "set", film, [*LOOKS, ("a", 0.2, 64.0, 4), ("a", 0.9, 3, 4)], sigma=3)
    assert (found.video, found.frames, found.observers, found.points) == ("a film (1)", 5, ("a", "b"), 3)
    assert (found.unfixated, found.outside, found.elsewhen, len(found.files)) == (3, 1, 1, 11)
    assert str(found) == (
        "a film (1): 5 frames, 2 observers, 3 points; left out: 1 sample outside the frame, 1 outside the film"
    )
    gaze = read_gaze(tmp_path / "set" / "gaze" / "a film (1)" / "observers.csv", 5, SIZE)
    assert gaze.points(1).tolist() == [[60.0, 5.0], [12.5, 21.5]], "of b the middle one in time"
    fixated = np.asarray(Image.open(tmp_path / "set" / "fixations" / "a film (1)" / "0001.png"))
    assert np.argwhere(fixated).tolist() == [[5, 60], [21, 12]]
    assert set(np.unique(fixated)) == {0, 255}
    density = np.asarray(Image.open(tmp_path / "set" / "maps" / "a film (1)" / "0001.png")).astype(float)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    bells = [np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18) for r, c in ((5, 60), (21, 12))]
    assert np.abs(density - 255 * sum(bells) / sum(bells).max()).max() <= 0.5
    assert not np.asarray(Image.open(tmp_path / "set" / "maps" / "a film (1)" / "0002.png")).any()


def test_the_same_samples_give_the_same_files_in_any_order(tmp_path, film):
    one = avsal_bench.write_ground_truth(tmp_path / "one", str(film), LOOKS, sigma=3)
    two = write_ground_truth(str(tmp_path / "two"), film, iter(LOOKS[::-1]), sigma=3)
    assert [path.read_bytes() for path in one.files] == [path.read_bytes() for path in two.files]
    assert [path.read_bytes() for path in write_ground_truth(tmp_path / "one", film, LOOKS, sigma=3).files]


def test_fractions_are_of_the_frame(tmp_path, film):
    looks = [("a", 0.0, 0.5, 0.25), ("a", 0.1, -1, -1), *[("b", 0.1, 0.1, 0.1)] * 4]
    found = write_ground_truth(tmp_path, film, looks, sigma=3, fractions=True)
    gaze = read_gaze(tmp_path / "gaze" / found.video / "observers.csv", 5, SIZE)
    assert gaze.points(1).tolist() == [[32.0, 12.0]]
    assert found.outside == 1


def test_a_time_belongs_to_the_frame_that_is_shown_then():
    assert frames_at([0, 0.1, 0.5], 0.1, [-1e-9, 0, 0.0999, 0.1, 0.49, 0.5, 0.599, 0.6, np.nan]).tolist() == [
        *(0, 1, 1, 2, 2, 3, 3, 0, 0)
    ]


@pytest.mark.parametrize(
    ("samples", "options", "said"),
    [
        ([], {}, "no sample"),
        ([("a", 0.1, 2)], {}, r"sample 1 is \('a', 0.1, 2\); expected \(observer, seconds, x, y\)"),
        ([("a", 0.1, 2, 3), ("a", "later", 2, 3)], {}, "sample 2 is"),
        ([(" ", 0.1, 2, 3)], {}, "sample 1 has no observer"),
        ([("a", 0.1, 0.5, 0.5)], {}, "no x and y above 1; give fractions=True"),
        ([("a", 0.1, 200, 300)], {}, "none of 1 sample lies .* 1 outside the frame, 0 outside the film; are x and y"),
        ([("a", 100, 20, 30)], {}, "0 outside the frame, 1 outside the film; .*the times seconds"),
        ([("a", 0.1, float("nan"), float("nan"))], {}, "1 outside the frame"),
        (LOOKS, {"sigma": 0}, "sigma: expected pixels above 0, got 0"),
        (LOOKS, {"sigma": float("nan")}, "sigma: expected pixels above 0"),
    ],
)
def test_what_cannot_be_is_said_with_the_film_and_the_sample(tmp_path, film, samples, options, said):
    with pytest.raises(ValueError, match=said):
        write_ground_truth(tmp_path / "set", film, samples, **{"sigma": 3, **options})
    assert not (tmp_path / "set").exists(), "nothing is written"


def test_many_samples_elsewhere_are_a_warning(tmp_path, film):
    with pytest.warns(UserWarning, match="3 of 8 samples lie before or after the film; are units and origin right"):
        write_ground_truth(tmp_path, film, [*LOOKS, *[("c", 5.0, 3, 4)] * 3], sigma=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_ground_truth(tmp_path, film, LOOKS, sigma=3)


def test_maps_of_something_else_stay_and_are_named(tmp_path, film):
    other = tmp_path / "maps" / "a film (1)" / "0006.png"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of somebody")
    with pytest.raises(ValueError, match=r"0006\.png: of no frame of a film \(1\), which has 5"):
        write_ground_truth(tmp_path, film, LOOKS, sigma=3)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["0006.png"]


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4"])
def test_a_film_that_is_none(tmp_path, name):
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises((ValueError, FileNotFoundError), match=name):
        write_ground_truth(tmp_path / "set", tmp_path / name, LOOKS, sigma=3)
    assert not (tmp_path / "set").exists()
