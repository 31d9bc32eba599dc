"""The masks of MSPI as they made the map, and pictures of them; other networks and wrong words are told by name."""

import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.studies.attention_masks import draw_attention, read_attention
from avsal_bench.training.module import SaliencyModule

TINY = {"encoder": "s3d", "size": (64, 96), "width": 0.125, "encoder_width": 0.125, "bn_momentum": 0.1}


def predictor(model="mspi", **options):
    torch.manual_seed(0)
    return Predictor(model, options, SaliencyModule(model, options, {}, {}, {}, 0), "made here")


@pytest.fixture(scope="module")
def video(synth_root):
    return dataset("synth").videos(synth_root, "test", 1)[0]


@pytest.mark.slow
@pytest.mark.parametrize("image_features", ["features", "maps"])
def test_masks_are_those_that_made_the_map(video, tmp_path, image_features):
    made = predictor(modality="v", image_features=image_features, **TINY)
    found = read_attention(made, video, 20, torch.device("cpu"))
    assert found.clip == tuple(range(5, 21))
    assert [tuple(mask.shape) for mask in found.masks] == [(4, 16, 24), (4, 8, 12), (4, 4, 6)]
    assert all(((mask >= 0) & (mask <= 1)).all() for mask in found.masks)
    assert found.saliency.sum() == pytest.approx(1, abs=1e-3)
    assert len(found.single) == (2 if image_features == "features" else 1)
    assert (found.temporal is None) == (image_features == "maps")
    # What is read is what acts: with masks of zeros the map is another one.
    net = made.module.net
    assert not any(part._forward_hooks for part in net.modules()), "nothing is left in the network"
    with torch.no_grad():
        kept = net._masks
        net._masks = lambda features: [torch.zeros_like(mask) for mask in kept(features)]
        other = read_attention(made, video, 20, torch.device("cpu")) if image_features == "features" else None
    if other is not None:
        assert not torch.equal(other.saliency, found.saliency)
    draw_attention(found, video, 20, tmp_path / "masks.png")
    assert np.asarray(Image.open(tmp_path / "masks.png").convert("L")).std() > 5


def test_networks_without_masks_and_frames_that_are_not_there_are_errors(video):
    cpu = torch.device("cpu")
    with pytest.raises(ValueError, match="centre has no masks of image features; give --weights of mspi"):
        read_attention(predictor("centre"), video, 1, cpu)
    bare = predictor(modality="v", image="none", **TINY)
    with pytest.raises(ValueError, match=r"mspi_v has no masks of image features; .* network.image other than none"):
        read_attention(bare, video, 1, cpu)
    small = predictor(modality="v", **TINY)
    with pytest.raises(ValueError, match=rf"no frame 9999; it has frames 1 to {video.n_frames}"):
        read_attention(small, video, 9999, cpu)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["film.mp4", "--frame", "3", "-o", "masks.jpg"], "masks.jpg: expected a name that ends in .png"),
        (["nowhere.mp4", "--frame", "3", "-o", "masks.png"], "nowhere.mp4"),
    ],
)
def test_bad_words_are_one_line(words, error, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "masks", *words]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1
