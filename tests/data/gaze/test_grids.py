"""Fixation maps made of full grids are told from those of points, whatever kind of points they are."""

import shutil

import numpy as np
import pytest
from conftest import write_dhf1k
from PIL import Image
from real_files import needs_real, real
from scipy.ndimage import binary_dilation

from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.audit.grids import LEAST, MOST, are_grids, grid_share, pixels_of_grids, spread
from avsal_bench.workers import Workers

SIZE = (180, 320)


def clusters(seed, form, viewers=12, samples=8, deviation=2.0):
    """Samples of viewers around a point each, on their pixels or as rows x columns."""
    rng = np.random.default_rng(seed)
    fixated = np.zeros(SIZE, dtype=bool)
    for _ in range(viewers):
        middle = rng.uniform(20, 160), rng.uniform(20, 300)
        rows, columns = rng.normal(middle, deviation, (samples, 2)).astype(int).T
        fixated[(rows, columns) if form == "pairs" else np.ix_(rows, columns)] = True
    return fixated


def grids(seed, deviation=4.0):
    return clusters(seed, "grids", deviation=deviation)


def dots(seed, size, number=25, share=1.0):
    """Fixations drawn as squares, with holes where ``share`` is less."""
    rng = np.random.default_rng(seed)
    points = np.zeros(SIZE, dtype=bool)
    points[rng.integers(5, 175, number), rng.integers(5, 315, number)] = True
    return binary_dilation(points, np.ones((size, size))) & (rng.random(SIZE) < share)


def at_random(seed, number, size=SIZE):
    rng = np.random.default_rng(seed)
    fixated = np.zeros(size, dtype=bool)
    fixated[rng.integers(0, size[0], number), rng.integers(0, size[1], number)] = True
    return fixated


def disc(seed, number=20, radius=3):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    centres = zip(rng.integers(5, 175, number), rng.integers(5, 315, number), strict=True)
    return np.any([(y - row) ** 2 + (x - column) ** 2 <= radius**2 for row, column in centres], axis=0)


def heap(seed, number, drawn):
    """Fixations of very many on one place, which they fill nearly whole."""
    points = np.zeros(SIZE, dtype=bool)
    points[tuple(np.random.default_rng(seed).normal(90, 5, (2, number)).astype(int))] = True
    return binary_dilation(points, np.asarray(drawn, dtype=bool))


def enlarged(fixated, times):
    return np.kron(fixated, np.ones((times, times), dtype=bool))


POINTS = {
    "pairs": lambda seed: clusters(seed, "pairs"),
    "tight pairs": lambda seed: clusters(seed, "pairs", deviation=1.0),
    "many pairs": lambda seed: clusters(seed, "pairs", samples=60),
    "one a viewer": lambda seed: clusters(seed, "pairs", samples=1, viewers=50),
    "few at random": lambda seed: at_random(seed, 60),
    "dense at random": lambda seed: at_random(seed, 2500),
    "small and dense": lambda seed: at_random(seed, 300, (48, 64)),
    "dots of 2": lambda seed: dots(seed, 2),
    "dots of 3": lambda seed: dots(seed, 3),
    "dots of 5": lambda seed: dots(seed, 5),
    "dots with holes": lambda seed: dots(seed, 5, share=0.9),
    "discs": disc,
    "one dot": lambda seed: dots(seed, 9, number=1),
    "pairs twice as large": lambda seed: enlarged(clusters(seed, "pairs"), 2),
    "pairs three times as large": lambda seed: enlarged(clusters(seed, "pairs"), 3),
    "a patch": lambda seed: np.pad(np.ones((40, 60), dtype=bool), 50),
    "a patch with holes": lambda seed: np.pad(np.random.default_rng(seed).random((30, 30)) < 0.95, 75)[:, :320],
    "dots on one face": lambda seed: heap(seed, 200, np.ones((3, 3))),
    "crosses on one face": lambda seed: heap(seed, 900, [[0, 1, 0], [1, 1, 1], [0, 1, 0]]),
    "samples on one face": lambda seed: heap(seed, 1000, np.ones((1, 1))),
    "everything": lambda seed: np.ones((30, 40), dtype=bool),
    "nothing": lambda seed: np.zeros(SIZE, dtype=bool),
}
GRIDS = {
    "grids": grids,
    "wide grids": lambda seed: grids(seed, 6.0),
    "grids of few": lambda seed: clusters(seed, "grids", samples=4, viewers=17, deviation=4.0),
    "grids twice as large": lambda seed: enlarged(grids(seed), 2),
}


@pytest.mark.parametrize("kind", POINTS)
def test_points_are_no_grids(kind):
    assert not are_grids([POINTS[kind](seed) for seed in range(5)])


@pytest.mark.parametrize("kind", GRIDS)
def test_grids_are_grids(kind):
    assert are_grids([GRIDS[kind](seed) for seed in range(5)])


def test_a_pixel_of_a_grid_by_hand():
    fixated = np.zeros((20, 20), dtype=bool)
    fixated[np.ix_([5, 6, 8], [3, 7])] = True
    assert pixels_of_grids(fixated) == 6
    fixated[5, 3] = False  # and the others still have all that their rows and columns span but this one
    assert pixels_of_grids(fixated) == 2
    fixated[:] = False
    fixated[5:8, 3:6] = True
    assert pixels_of_grids(fixated) == 0, "one piece"
    fixated[5:8, 9:12] = True
    assert pixels_of_grids(fixated) == 0, "two pieces"


def test_few_points_and_maps_of_no_points_say_nothing():
    small = np.zeros((20, 20), dtype=bool)
    small[np.ix_([5, 8, 11], [3, 7, 9])] = True
    assert grid_share([small]) == 1
    assert not are_grids([small])
    assert are_grids([small] * (LEAST // 9 + 1))
    many = np.zeros((200, 200), dtype=bool)
    many[::2, ::2] = True
    assert many.sum() > MOST
    assert not are_grids([many])
    assert grid_share([]) == 0


def test_frames_are_spread_over_a_video():
    assert sorted(spread(783)) == [1, 196, 392, 588, 783]
    assert [len(spread(n)) for n in (1, 2, 3, 5, 6)] == [1, 2, 3, 5, 5]
    assert spread(1) == {1}


def check(root, quick=False):
    with Workers(1) as workers:
        return [f for f in check_sets({"dhf1k": root}, workers, quick=quick).findings if f.kind == "grids"]


def test_data_check_notes_them_once_a_video(tmp_path):
    write_dhf1k(tmp_path)
    assert check(tmp_path) == []
    folder = tmp_path / "DHF1K/val/601/fixations"
    crowded = [clusters(n, "grids", viewers=40)[20:68, 20:84] for n in range(1, 13)]
    for n, fixated in enumerate(crowded, start=1):
        Image.fromarray(fixated * np.uint8(255)).save(folder / f"{n:04d}.png")
    (finding,) = check(tmp_path)
    assert (finding.severity, finding.video, finding.where) == ("note", "0601", "DHF1K/val/601/fixations")
    assert "full grids, rows x columns of samples and not the samples themselves" in finding.text
    assert "docs/dhf1k.md" in finding.training
    assert check(tmp_path, quick=True) == [], "names and headers only"


@needs_real("dhf1k_0601")
@pytest.mark.parametrize("form", ["png", "mat", "both"])
def test_released_maps_are_noted_in_an_extracted_tree(tmp_path, form):
    write_dhf1k(tmp_path)
    folder = tmp_path / "DHF1K/val/601"
    shutil.rmtree(folder)
    shutil.copytree(real("dhf1k_0601"), folder)
    if form == "png":
        shutil.rmtree(folder / "fixation/maps")
    elif form == "mat":
        for path in (folder / "fixation").glob("*.png"):
            path.unlink()
    (finding,) = check(tmp_path)
    assert finding.where == "DHF1K/val/601/fixation" + ("" if form == "png" else "/maps")
    assert "of the fixated pixels of 5 frames looked at" in finding.text
