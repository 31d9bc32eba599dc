"""Networks of anyone in bfloat16: the maps, the record, what is refused, and what the network is afterwards."""

import json

import numpy as np
import pytest
import torch
from conftest import write_set
from predicted import predict, write_film
from torch import nn

import avsal_bench
from avsal_bench import ClipSpec
from avsal_bench.bench.computing import precision
from avsal_bench.models import create_model, model_entry

FRAMES = np.random.default_rng(0).integers(0, 256, (6, 32, 48, 3), dtype=np.uint8)


class Own(nn.Module):
    """A module that is seen to take what it always takes: it looks at the memory of what a convolution gives."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(frames=2, size=(16, 24), mean=(0.5,) * 3, std=(0.5,) * 3)
        self.both = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, frames):
        b = len(frames)
        return self.last(self.both(frames[:, :, -1])).view(b, 2, -1).softmax(2)[:, 0].view(b, 16, 24)


@pytest.fixture
def able(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)


@pytest.mark.parametrize("make", [Own, lambda: create_model("tasednet", **model_entry("tasednet").tiny)])
def test_a_network_is_what_it_was_when_films_were_predicted(able, make):
    torch.manual_seed(0)
    net = make()
    net.train()(torch.randn(2, 3, net.spec.frames, *net.spec.size))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    plain, half = (avsal_bench.predict(FRAMES, net, precision=p) for p in ("32-true", "bf16"))
    assert half.dtype == np.float32
    assert np.isfinite(half).all()
    assert not np.array_equal(plain, half)
    assert np.abs(plain - half).max() < 0.05 * plain.max()
    assert net.training
    assert all(weight.requires_grad for weight in net.parameters())
    assert list(net.state_dict()) == list(before)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(part.weight.is_contiguous() for part in net.modules() if isinstance(part, nn.Conv2d | nn.Conv3d))


def test_a_record_of_a_network_says_its_precision(able, tmp_path):
    write_set(tmp_path, "ETMD_av", ["_1"], n_frames=4)
    options = {"protocol": "raw", "data_root": tmp_path}
    record = avsal_bench.evaluate(Own(), "etmd", precision="bf16", **options)
    assert (record.label, record.provenance["precision"]) == ("Own-bf16", "bf16-mixed")
    assert avsal_bench.evaluate(Own(), "etmd", **options).label == "Own"
    assert avsal_bench.evaluate("centre", "etmd", precision="bf16", **options).label == "centre"
    with pytest.raises(ValueError, match="precision: bf16-mixed is for a network, and these maps are there already"):
        avsal_bench.evaluate(lambda frame: frame.mean(2), "etmd", precision="bf16", **options)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("bf17", "unknown precision 'bf17'; did you mean 'bf16'"),
        ("64-true", "unknown precision '64-true'; did you mean '32-true'"),
        ("fp16", "precision 16-mixed needs a GPU; on this CPU use --precision bf16"),
    ],
)
def test_what_films_are_not_predicted_in(able, asked, told):
    with pytest.raises(ValueError, match=told):
        avsal_bench.predict(FRAMES, Own(), precision=asked)


def test_a_folder_of_maps_is_of_one_precision(able, tmp_path):
    film = write_film(tmp_path / "film.mp4", 3)
    words = [film, "--model", "centre", "--native", "--form", "npy", "-o", tmp_path / "maps"]
    predict(*words)
    marker = tmp_path / "maps" / "predict.json"
    old = {key: value for key, value in json.loads(marker.read_text()).items() if key != "precision"}
    marker.write_text(json.dumps(old))  # as it was when there was no other
    predict(*words)
    with pytest.raises(ValueError, match='precision was "32-true", is "bf16-mixed"'):
        predict(*words, "--precision", "bf16")
    predict(*words, "--precision", "bf16", "--force")
    predict(*words, "--precision", "bf16-mixed")
    with pytest.raises(ValueError, match='precision was "bf16-mixed", is "32-true"'):
        predict(*words)
