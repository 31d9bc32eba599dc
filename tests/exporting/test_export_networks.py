"""The networks that can be exported, each with a batch of any size; and the page that says how a file is used."""

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from conftest import HOME
from PIL import Image

import avsal_bench
from avsal_bench.data.files.frames import resized
from avsal_bench.exporting import Exporter, untrained
from avsal_bench.models import model_entry
from avsal_bench.models.layers.tracing.plain_operators import plain_operators

onnx_here = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))), reason="the extra export is not installed"
)
PAGE = HOME / "docs" / "howto" / "export.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@onnx_here
@pytest.mark.slow
@pytest.mark.parametrize("name", ["vinet_s", "unisal", "tinyhd", "stavis", "tasednet", "avrsp"])
def test_a_network_becomes_onnx_with_a_batch_of_any_size(name, tmp_path):
    made = Exporter(untrained(name, **model_entry(name).tiny), None).write(tmp_path / "net.onnx", "onnx")
    assert {one.batch for one in made.differences} == {1, 2}
    assert made.difference < 1e-4


@pytest.mark.parametrize("name", ["unisal", "aclnet"])
def test_a_state_that_is_handed_on_gives_the_maps_of_whole_clips(name):
    net = untrained(name, **model_entry(name).tiny).module.net.eval()
    frames = torch.rand(2, 3, net.spec.frames, *net.spec.size)
    with torch.no_grad():
        whole, state = net(frames), None
        for frame in frames.unbind(2):
            output, state = net.advance(frame, state)
        assert torch.allclose(output, whole, atol=1e-5)
        if name == "unisal":  # whose filter is a convolution there, and else a product of transforms
            with plain_operators():
                assert torch.allclose(net(frames), whole, atol=1e-4)


@onnx_here
@pytest.mark.slow
@pytest.mark.parametrize("name", ["vinet_s", "vinet"])  # repeats the first frame; runs backwards
def test_the_page_gives_the_maps_of_the_suite_without_torch(name, tmp_path):
    net = untrained(name, **{**model_entry(name).tiny, "modality": "v"}).module.net
    avsal_bench.export(net, tmp_path / "network.onnx")
    (tmp_path / "frames").mkdir()
    generator = np.random.default_rng(0)
    for number in range(1, 33):
        small = Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        small.resize(net.spec.size[::-1]).save(tmp_path / "frames" / f"{number:04}.png")
    code = BLOCKS[0] + "\nimport sys\nassert 'torch' not in sys.modules\nnp.save('maps.npy', np.stack(maps))\n"
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told == "(64, 96) float32\n"
    expected = avsal_bench.predict(tmp_path / "frames", net, batch_size=8)
    assert np.abs(np.load(tmp_path / "maps.npy") - expected).max() < 1e-5


def test_pillow_resizes_pictures_as_the_suite_but_for_a_level():
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    pillows = np.asarray(Image.fromarray(picture).resize((96, 64), Image.Resampling.BILINEAR))
    suites = resized(torch.from_numpy(picture).permute(2, 0, 1), (64, 96)).permute(1, 2, 0).numpy()
    assert np.abs(pillows.astype(int) - suites).max() <= 1


@pytest.mark.parametrize("seconds", [0.7, 5.0])
def test_the_sound_of_the_page_is_that_of_the_front_end(seconds):
    from avsal_bench.audio.waveform import Waveform
    from avsal_bench.exporting.file_notes import _sound
    from avsal_bench.spec import ClipSpec

    front = Waveform(8, sample_rate=1000, shape=(1, 1, -1))
    samples = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    names: dict = {}
    exec(BLOCKS[1], names)
    fps = 8 / seconds  # at less than ten frames a second, an excerpt is longer than its place
    found = names["waveform"](samples, 3, 10, fps, _sound(ClipSpec(8, (6, 8), audio=front)))
    first, last = front.span(3, 10, fps, len(samples))
    expected = front(torch.from_numpy(samples)[first:last])
    assert np.abs(found[0] - expected.numpy()).max() < 1e-3


@onnx_here
@pytest.mark.slow
def test_the_page_walks_through_a_film_as_the_suite_does(tmp_path):
    import json

    import onnxruntime

    net = untrained("unisal", **model_entry("unisal").tiny).module.net
    path = tmp_path / "network.onnx"
    avsal_bench.export(net, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    notes = json.loads(session.get_modelmeta().custom_metadata_map["avsal.json"])
    film = np.random.default_rng(0).integers(0, 256, (7, *net.spec.size, 3), dtype=np.uint8)
    names = {"np": np}
    exec(BLOCKS[2], names)
    expected = avsal_bench.predict(film, net)
    found = np.stack(list(names["walk"](session, notes, film)))
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


def test_the_page_opens_torchscript(tmp_path, monkeypatch, capsys):
    avsal_bench.export("centre", tmp_path / "network.pt")
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[3], {})
    assert capsys.readouterr().out == "torch.Size([1, 192, 256])\n"
