"""Maps of any code: how their files are found, and what is read from them."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.pairing import find_maps


def names_of(root, video, **options):
    return {n: path.name for n, path in find_maps(root, video, **options).files.items()}


@pytest.fixture
def video(space):
    from avsal_bench.data.dataset import dataset

    return dataset("synth").videos(space.root_of("synth"), "test", 1)[0]


def test_common_names_are_understood(tmp_path, video):
    names = ("img_00003.jpg", "0003.png", "pred_sal_000003.jpg", "frame_3.npy", "00003_sal.PNG")
    for number, (folder, name) in enumerate(product(("", "synth", "maps"), names)):
        root = tmp_path / str(number)
        path = root / folder / video.name / name
        path.parent.mkdir(parents=True)
        path.touch()
        assert names_of(root, video) == {3: name}, path


def test_all_maps_may_lie_in_one_folder(tmp_path, video):
    for name in (f"{video.name}_0002.png", f"{video.name}x_0003.png", "other_0004.png", "notes.txt"):
        (tmp_path / name).touch()
    assert names_of(tmp_path, video) == {2: f"{video.name}_0002.png"}


def test_two_maps_of_one_frame_are_an_error(tmp_path, video):
    folder = tmp_path / video.name
    folder.mkdir()
    for name in ("0002.png", "0002.jpg"):
        (folder / name).touch()
    with pytest.raises(ValueError, match=r"0002\.jpg and .*0002\.png are both of frame 2"):
        find_maps(tmp_path, video)


def test_maps_in_every_form_read_the_same(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "rgb.png")
    Image.fromarray(np.stack([*[grey] * 3, grey], -1)).save(tmp_path / "rgba.png")
    np.save(tmp_path / "byte.npy", grey[None])
    for name in ("grey.png", "rgb.png", "rgba.png", "byte.npy"):
        assert read_map(tmp_path / name).tolist() == grey.tolist(), name
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    np.save(tmp_path / "half.npy", (grey / 255).astype(np.float16))
    np.save(tmp_path / "double.npy", grey[..., None] / 255)
    for name, dtype in (("sixteen.png", "float32"), ("half.npy", "float32"), ("double.npy", "float64")):
        read = read_map(tmp_path / name)
        assert str(read.dtype) == f"torch.{dtype}"
        assert np.allclose(read.numpy() * 255, grey, atol=0.2), name


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((3, 4), np.nan), "holds NaN or infinity"),
        (np.full((3, 4), -2.5), r"negative values, the least is -2\.5; write a density"),
        (np.zeros((2, 3, 4)), r"expected numbers \(height, width\), got float64 of shape \(2, 3, 4\)"),
        (np.array([["a", "b"]]), "expected numbers"),
    ],
)
def test_what_is_no_map_says_why(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_map(tmp_path / "a.npy")


def test_a_picture_in_colours_is_no_map(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a picture in colours"):
        read_map(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"missing file .*b\.png"):
        read_map(tmp_path / "b.png")
