"""What is a fixation map, by its values: one rule for scoring, training and `data check`."""

import zlib

import numpy as np
import pytest
import scipy.io
from PIL import Image
from real_files import needs_real, real
from scipy.io import savemat
from scipy.ndimage import gaussian_filter
from scipy.sparse import csc_matrix

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.fixation_files import mat_size, read_fixations
from avsal_bench.data.files.image_headers import LIMIT
from avsal_bench.data.files.truth_files import fixated
from avsal_bench.data.places import OneFile


def points(number=12, size=(90, 160), most=1):
    rng = np.random.default_rng(number)
    array = np.zeros(size, np.uint8)
    array[rng.integers(10, size[0] - 10, number), rng.integers(10, size[1] - 10, number)] = 1
    array[array > 0] = np.minimum(rng.geometric(0.7, (array > 0).sum()), most)
    return array


def density(peak=255.0):
    blurred = gaussian_filter(points().astype(float), 6)
    return blurred * peak / blurred.max()


def resized(factor, method):
    image = Image.fromarray(points() * np.uint8(255))
    return np.asarray(image.resize((round(160 * factor), round(90 * factor)), method))


def written(folder, values, form):
    path = folder / f"fixations.{form}"
    if form == "mat":
        savemat(path, {"eyeMap": values}, do_compression=True)
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("form", ["mat", "png"])
@pytest.mark.parametrize(
    ("values", "fixated"),
    [
        (points(), None),
        (points() * np.uint8(255), None),
        (np.zeros((90, 160), np.uint8), None),
        (points(most=4), "where anybody did"),
        (np.ones((90, 160), np.uint8), "inverted, which `data check` tells"),
    ],
)
def test_one_value_and_numbers_of_fixations_are_fixations(tmp_path, values, fixated, form):
    del fixated
    assert read_fixations(written(tmp_path, values, form)).tolist() == (values > 0).tolist()


@pytest.mark.parametrize("kind", ["bool", "float32", "float64", "int16"])
def test_numbers_of_every_kind_are_fixations(tmp_path, kind):
    assert int(read_fixations(written(tmp_path, points().astype(kind), "mat")).sum()) == np.count_nonzero(points())


NO_FIXATIONS = {
    "density of 8 bits": (density().astype(np.uint8), "values from 0 to 255"),
    "dark density": (density(30).astype(np.uint8), "values from 0 to 30"),
    "density of floats": (density(1), "values from 0 to 1, .* in .* % of the pixels"),
    "larger": (resized(2, Image.Resampling.BILINEAR), "different ones above 0"),
    "smaller": (resized(0.5, Image.Resampling.BICUBIC), "different ones above 0"),
    "much smaller": (resized(0.25, Image.Resampling.LANCZOS), "different ones above 0"),
    "two values": (points() * np.uint8(255) + np.roll(points(), 3) * np.uint8(100), "2 different ones above 0"),
    "many numbers": (np.random.default_rng(0).integers(0, 4, (90, 160)).astype(np.uint8), "in 7"),
    "negative": (points().astype(np.int16) - 1, "values from -1 to 0"),
    "not a number": (np.where(points() > 0, np.nan, 0), "NaN or infinity"),
    "halves": (points() * 0.5 + np.roll(points(), 3), "values from 0 to 1"),
}


def _fixated(path):
    """What training reads."""
    return fixated(Video("a", "b", 1, 25.0, OneFile(path), OneFile(path), OneFile(path)), 1, (45, 80))


@pytest.mark.parametrize("name", NO_FIXATIONS)
def test_densities_and_resized_maps_are_no_fixations_in_scoring_and_training(tmp_path, name):
    values, message = NO_FIXATIONS[name]
    forms = ["mat", "png"] if values.dtype == np.uint8 else ["mat"]
    for form in forms:
        path = written(tmp_path, values, form)
        for read in (read_fixations, _fixated):
            with pytest.raises(ValueError, match=rf"fixations\.{form}: no fixation map: .*{message}"):
                read(path)


def test_points_that_are_hidden_by_transparency_are_no_empty_map(tmp_path):
    image = np.zeros((9, 16, 4), np.uint8)
    image[4, 5, 3] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: partly transparent"):
        read_fixations(tmp_path / "a.png")


def test_few_colours_in_a_palette_are_fixations(tmp_path):
    for mode in ("1", "P"):
        Image.fromarray(points() * np.uint8(255)).convert(mode).save(tmp_path / f"{mode}.png")
        assert read_fixations(tmp_path / f"{mode}.png").tolist() == (points() > 0).tolist()


def test_variables_are_not_unpacked_beyond_the_limit(tmp_path, monkeypatch):
    path = written(tmp_path, points(), "mat")
    monkeypatch.setenv(LIMIT, "14399")
    with pytest.raises(ValueError, match=r"fixations\.mat: its header says 90x160, 14,400 pixels"):
        read_fixations(path)
    savemat(tmp_path / "points.mat", {"gaze": np.zeros((1, 1)), "resolution": np.array([10**6, 10**6])})
    with pytest.raises(ValueError, match=r"points\.mat: its header says 1000000x1000000"):
        mat_size(tmp_path / "points.mat")


def test_the_expansion_that_the_limit_counts_on_is_the_most_there_is():
    assert 1_000_000 / len(zlib.compress(b"\0" * 1_000_000, 9)) < 1032


@needs_real("dhf1k_0601")
def test_real_fixation_maps_are_read():
    folder = real("dhf1k_0601", "fixation")
    for png in sorted(folder.glob("*.png"))[:5]:
        mat = scipy.io.loadmat(folder / "maps" / f"{png.stem}.mat")["I"]
        assert read_fixations(png).tolist() == (mat > 0).tolist()


@pytest.mark.parametrize(
    "values",
    [
        density(),
        density(peak=100),  # all of it below what is bright
        density() > 128,
        gaussian_filter(points(40).astype(float), 25) * 40_000,
    ],
    ids=["density", "dim", "thresholded", "wide"],
)
def test_patches_in_a_jpeg_are_no_fixations(tmp_path, values):
    picture = np.clip(values * (255 if values.dtype == bool else 1), 0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match=r"fixations\.jpg: no fixation map: values from \d+ to \d+"):
        read_fixations(written(tmp_path, picture, "jpg"))


@pytest.mark.parametrize("number", [0, 1, 2, 400, 2000])
def test_points_in_a_jpeg_are_fixations_however_many_they_are(tmp_path, number):
    picture = points(number) * np.uint8(255)
    assert read_fixations(written(tmp_path, picture, "jpg")).sum() >= 0.5 * (picture > 0).sum()


def test_sparse_matrices_of_matlab_are_read_as_far_as_they_are_no_bombs(tmp_path):
    path = tmp_path / "fixations.mat"
    savemat(path, {"eyeMap": csc_matrix(points().astype(float))})
    assert read_fixations(path).tolist() == (points() > 0).tolist()
    savemat(path, {"eyeMap": csc_matrix(([1.0], ([0], [0])), shape=(2_000_000, 2_000))})
    with pytest.raises(ValueError, match=r"fixations\.mat: .*2,?000,?000"):
        read_fixations(path)
