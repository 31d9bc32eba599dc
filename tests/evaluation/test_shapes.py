"""Maps that do not have the shape of their ground truth are told; those that networks write are not."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import NumberedFiles
from avsal_bench.evaluation.inspection import inspect
from avsal_bench.evaluation.maps import check_map
from avsal_bench.evaluation.shapes import misshapen
from avsal_bench.workers import Workers

N = 4


def noise(seed, size, low=1):
    return np.random.default_rng(seed).integers(low, 256, size, dtype=np.uint8)


@pytest.fixture
def told(tmp_path):
    """What is told of maps, for each video the size of its ground truth, and the maps or their size."""

    def tell(**videos):
        listed, checks = [], {}
        for number, (name, (truth, maps)) in enumerate(videos.items()):
            folder = tmp_path / name
            folder.mkdir()
            Image.fromarray(noise(number, truth)).save(folder / "truth_00001.png")
            files = NumberedFiles(folder, "truth_", 5, ".png")
            listed.append(Video("synth", name, N, 25.0, files, files, files))
            if isinstance(maps, tuple):
                maps = [noise(n, maps) for n in range(N)]
            for n, array in enumerate(maps, start=1):
                Image.fromarray(array).save(folder / f"{n}.png")
            checks[f"synth/{name}"] = {n: check_map(folder / f"{n}.png") for n in range(1, len(maps) + 1)}
        return misshapen(listed, checks)

    return tell


WIDE, TALL, OLD = (90, 160), (160, 90), (96, 128)


@pytest.mark.parametrize(
    "videos",
    [
        {"a": (WIDE, WIDE), "b": (OLD, OLD)},
        {"a": (WIDE, (45, 80)), "b": (OLD, (48, 64))},
        {"a": (WIDE, (112, 112)), "b": (OLD, (112, 112)), "c": (TALL, (112, 112))},
        {"a": (WIDE, (224, 384)), "b": (TALL, (224, 384))},
        {"a": (WIDE, (112, 112)), "b": (WIDE, WIDE)},
        {"a": (OLD, (90, 160)), "b": (OLD, (90, 160))},
        {"a": ((360, 640), (352, 640)), "b": ((480, 640), (480, 640))},
        {"a": ((180, 320), (90, 161)), "b": ((240, 320), (121, 160))},
    ],
)
def test_sizes_that_networks_write_are_no_finding(told, videos):
    assert told(**videos) == []


def padded(array, size, fill=0):
    height, width = array.shape
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    out = np.full(size, fill, np.uint8)
    out[top : top + height, left : left + width] = array
    return out


def blobs(size, seed):
    """A few smooth maps that reach all edges, as those of networks do."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    y, x = np.random.default_rng(seed).uniform(0.3, 0.7, 2) * size
    return (255 * np.exp(-(((rows - y) / size[0]) ** 2 + ((columns - x) / size[1]) ** 2) / 0.2)).astype(np.uint8)


@pytest.mark.parametrize(
    ("videos", "text"),
    [
        ({"a": (WIDE, TALL)}, "a: 160x90 in frames 1-4, ground truth 90x160; they look transposed"),
        ({"a": (WIDE, TALL), "b": (OLD, (128, 96))}, "they look transposed"),
        ({"a": (WIDE, (64, 40)), "b": (OLD, (64, 40))}, "they look transposed"),
        ({"a": (WIDE, WIDE), "b": (OLD, WIDE), "c": (OLD, OLD)}, "b: 90x160 .* 96x128; that is the size of synth/a"),
        ({"a": (WIDE, WIDE), "b": (OLD, (50, 100))}, "b: 50x100 .*; they have another shape"),
        (
            {"a": (WIDE, [padded(noise(n, WIDE), (160, 160)) for n in range(N)])},
            "a: 160x160 in frames 1-4, ground truth 90x160; they look letterboxed, with bars above and below",
        ),
        ({"a": (WIDE, [padded(blobs(WIDE, n), (160, 160)) for n in range(N)])}, "letterboxed"),
        ({"a": (OLD, [padded(noise(n, (90, 120)), (90, 160)) for n in range(N)])}, "letterboxed, with bars left and"),
        ({"a": (WIDE, [padded(noise(n, WIDE, 8), (160, 160), 7) for n in range(N)])}, "letterboxed"),
    ],
)
def test_turned_foreign_and_letterboxed_maps_are_told(told, videos, text):
    lines = told(**videos)
    assert lines
    assert all(re.search(text, line) for line in lines), lines


def test_true_maps_are_not_taken_for_letterboxed_ones(told):
    narrow = [np.pad(blobs((40, 160), n), ((60, 60), (0, 0))) for n in range(N)]
    middle = [np.pad(blobs((40, 60), n), ((60, 60), (50, 50))) for n in range(N)]
    assert told(a=(WIDE, narrow), b=(WIDE, middle), c=(WIDE, (160, 160))) == []


def test_constant_maps_have_no_shape(told):
    assert told(a=(WIDE, [*[noise(n, WIDE) for n in range(3)], np.full((9, 9), 7, np.uint8)]), b=(OLD, OLD)) == []


def test_a_look_at_a_submission_names_shapes_strays_and_maps_of_no_video(tmp_path):
    files = NumberedFiles(tmp_path, "truth_", 5, ".png")
    Image.fromarray(noise(0, WIDE)).save(files.path(1))
    videos = [Video("synth", name, N, 25.0, files, files, files) for name in ("clip", "clip_2")]
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("clip", "clip_2", "clip_3", "clip_4"):
        for n in range(1, N + 1):
            Image.fromarray(noise(n, TALL)).save(maps / f"{name}_{n:04d}.png")
    (maps / "._clip_0001.png").write_bytes(b"of a Mac")
    found = inspect(maps, videos, Workers(0), known=[Video("synth", "clip_4", N, 25.0, files, files, files)])
    assert found.complete
    assert found.extra == [f"clip_3_{n:04d}.png" for n in range(1, N + 1)]
    assert found.strays == ["._clip_0001.png"]
    assert [line.partition(":")[0] for line in found.misshapen] == ["clip", "clip_2"]
    assert "shape, maps that do not fit their ground truth (2)" in found.text()
    assert Path(maps / "clip_0001.png") == found.videos[0].files[1]
