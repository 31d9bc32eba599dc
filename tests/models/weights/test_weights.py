"""Published weights: opened without running anything, and loaded strictly."""

import gzip
import io
import os
import pickle
import re
import tarfile
import zipfile

import pytest
import torch
from parity import Golden
from safetensors.torch import save_file
from tiny_networks import filled, same, soundnet_state, tiny_soundnet
from torch import nn

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.backbones.s3d import S3D, rename_kylemin
from avsal_bench.models.backbones.soundnet import SoundNet, rename_soundnet8, rename_soundnet8_stavis
from avsal_bench.models.weights.loading import load_published, read_state


@pytest.fixture
def state():
    return soundnet_state()


# Loading


@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
@pytest.mark.parametrize("wrap", [None, "state_dict", "model_state_dict", "model_state", "model", "net"])
@pytest.mark.parametrize("zipped", [True, False])
def test_round_trip_through_the_disk(tmp_path, state, prefix, wrap, zipped):
    content = {prefix + key: value for key, value in state.items()}
    content = {wrap: content, "epoch": 60, "arch": "soundnet"} if wrap else content
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    net = tiny_soundnet()
    loaded = load_published(net, tmp_path / "w.pth", rename_soundnet8)
    assert same(net, filled(tiny_soundnet()))
    assert loaded.without_effect == ("conv8_objs.weight", "conv8_scns.bias")
    assert set(loaded.loaded) == set(state) - set(loaded.without_effect)


def test_a_network_renames_by_itself(monkeypatch):
    options = model_entry("avrsp").tiny
    theirs, ours = filled(create_model("avrsp", **options)), create_model("avrsp", **options)
    state = {f"x.{key}": value for key, value in theirs.state_dict().items()}
    monkeypatch.setattr(type(ours), "rename_published", lambda _, key, value: (key.removeprefix("x."), value))
    assert len(load_published(ours, state).loaded) == len(state)
    assert same(ours, theirs)


def test_the_names_of_kylemin_are_those_of_the_flat_sequence():
    flat = {"base1": 0, "base2": 5, "base3": 8, "base4": 14}
    theirs = filled(S3D(0.125))
    state = {"module.fc.0.weight": torch.ones(400, 1024, 1, 1, 1)}
    for key, value in theirs.state_dict().items():
        stage, index, rest = key.split(".", 2)
        state[f"module.base.{flat[stage] + int(index)}.{rest}"] = value
    net = S3D(0.125)
    assert load_published(net, state, rename_kylemin).without_effect == ("fc.0.weight",)
    assert same(net, theirs)


def test_the_soundnet_of_stavis_has_the_indices_of_its_sequence():
    """In the authors' own state dict, full size."""
    state = {k: v for k, v in Golden("stavis_av").state().items() if k.startswith("soundnet8.")}
    net = SoundNet()
    assert len(load_published(net, state, rename_soundnet8_stavis).loaded) == len(state)
    assert torch.equal(net.conv7.weight, state["soundnet8.21.weight"].squeeze(2))
    assert torch.equal(net.batchnorm4.running_var, state["soundnet8.12.running_var"])


def test_counters_of_batch_norms_may_lack_and_types_are_converted(state):
    state = {k: v.double() for k, v in state.items() if not k.endswith("num_batches_tracked")}
    net = tiny_soundnet()
    load_published(net, state, rename_soundnet8)
    assert net.conv1.weight.dtype == torch.float32
    assert torch.equal(net.conv1.weight, filled(tiny_soundnet()).conv1.weight)


def broken(change):
    """The error that a changed state dict of a tiny SoundNet gives; the network must stay as it was."""
    net = tiny_soundnet()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = dict(filled(tiny_soundnet()).state_dict())
    change(state)
    with pytest.raises(ValueError, match="does not fit SoundNet") as error:
        load_published(net, state, lambda key, value: (key.replace("twin", "conv1"), value))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    return str(error.value)


def test_one_wrong_entry_is_named_and_nothing_changes(subtests):
    for change, words in [
        (lambda s: s.pop("conv1.bias"), "1 of our 49 entries is missing: conv1.bias"),
        (lambda s: s.update(fc=s.pop("conv1.bias")), "1 of its 49 entries leads nowhere: fc"),
        (
            lambda s: s.update({"conv1.bias": torch.ones(9)}),
            r"1 of its 49 entries has another shape or type: conv1.bias \(9,\) float32, expected \(8,\) float32",
        ),
        (
            lambda s: s.update({"conv1.bias": torch.ones(8, dtype=torch.int64)}),
            r"conv1.bias \(8,\) int64, expected \(8,\) float32",
        ),
        (
            lambda s: s.update({"twin.bias": s["conv1.bias"]}),
            r"1 of its 50 entries meets another at one place: conv1.bias and twin.bias \(here conv1.bias\)",
        ),
        (lambda s: s.update({"conv1.bias": [1.0] * 8}), r"1 of its 49 entries is no tensor: conv1.bias \(list\)"),
        (
            lambda s: s.update({"conv1.bias": s["conv1.bias"] * float("nan")}),
            "1 of its 49 entries holds NaN or infinity: conv1.bias",
        ),
        (lambda s: s.update({"conv1.bias": s["conv1.bias"].double() * 1e300}), "holds NaN or infinity: conv1.bias"),
    ]:
        with subtests.test(change=change, words=words):
            assert re.search(words, broken(change))


def test_all_problems_are_listed_at_once():
    def change(state):
        del state["conv2.bias"]
        state["conv3.bias"] = state["conv3.bias"][:1]
        state["conv4.bias"] = state["conv4.bias"] / 0
        state |= {f"extra{i}": torch.ones(1) for i in range(30)}

    text = broken(change)
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:]] == [
        "1 of our 49 entries is missing",
        "30 of its 78 entries lead nowhere",
        "1 of its 78 entries has another shape or type",
        "1 of its 78 entries holds NaN or infinity",
    ]
    assert "extra19 and 10 more" in text
    assert "extra20" not in text


def test_a_value_that_the_rename_cannot_turn_is_a_wrong_shape(state):
    state["conv1.weight"] = torch.ones(8)
    with pytest.raises(ValueError, match=r"1 of its 51 entries has another shape or type: conv1.weight \(8,\) \("):
        load_published(tiny_soundnet(), state, rename_soundnet8)


def test_the_file_of_another_network_is_recognised(tmp_path, state):
    torch.save(state, tmp_path / "w.pth")
    net = create_model("avrsp", **model_entry("avrsp").tiny)
    with pytest.raises(ValueError, match="does not fit avrsp \\(with sound\\)") as error:
        load_published(net, tmp_path / "w.pth")
    assert str(tmp_path / "w.pth") in str(error.value)
    assert "is this the file of another network?" in str(error.value)


def test_keys_that_differ_by_the_prefix_only_are_refused(tmp_path, state):
    torch.save({**state, "module.conv1.bias": torch.ones(8)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="both with and without the prefix module") as error:
        read_state(tmp_path / "w.pth")
    assert "conv1.bias" in str(error.value)


# Opening


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_refused_and_does_not_run(tmp_path, state, zipped):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": state, "args": Bomb(tmp_path / "ran")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"holds more than tensors \(posix.mkdir\)") as error:
        read_state(path)
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "ran").is_dir(), "the bomb was none"
    assert "container" in str(error.value)
    assert "weights_only" not in str(error.value), "nobody is told to run the code of a stranger"


def _bytes(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _tar(*names):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def _zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.pth", "x")
    return buffer.getvalue()


NEW, OLD = _bytes({"a": torch.ones(5000)}), _bytes({"a": torch.ones(5000)}, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty; fetch it again"),
        (NEW[: len(NEW) // 2], "cut off or damaged"),
        (NEW[:5000] + b"\xff\xff" + NEW[5002:], "damaged .the checksum of archive/data/0"),
        (OLD[: len(OLD) // 2], "damaged, or no checkpoint"),
        (OLD[:100], "damaged, or no checkpoint"),
        (bytes(range(1, 200)) * 5, "damaged, or no checkpoint"),
        (pickle.dumps({"a": 1}, protocol=2), "damaged, or no checkpoint"),
        (b"<!DOCTYPE html><html>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5, as Keras writes it; convert it"),
        (_zip(), "a zip archive and no checkpoint"),
        (NEW.replace(b"archive/version", b"\xff" * 15), "cut off or damaged"),
        (gzip.compress(_tar("a.pth", "b.pth", "c.pth"), 0)[:1500], "cut off or damaged"),
        (_tar("a.pth"), "a tar archive and no checkpoint"),
        (_tar("sys_info", "pickle", "storages", "tensors"), "holds more than tensors .written by torch before 0.2"),
        (_bytes(nn.Linear(1, 1)), "holds more than tensors .torch.nn.modules.linear.Linear"),
        (_bytes(torch.ones(2)), "holds no state dict but one Tensor"),
        (_bytes({"epoch": 3}), "no tensors where a state dict is expected .*it holds: epoch"),
        (_bytes({"a": torch.ones(1), "epoch": 3}), "1 of its 2 entries is no tensor: epoch .int"),
        (_bytes({"model": {"a": torch.ones(1)}, "net": {}}), "holds several state dicts, model, net"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path, content, words):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        read_state(path)
    assert str(error.value).startswith(str(path))


def test_safetensors_are_read_too(tmp_path, state):
    save_file({f"module.{key}": value.contiguous() for key, value in state.items()}, tmp_path / "w.safetensors")
    assert read_state(tmp_path / "w.safetensors").keys() == state.keys()
    (tmp_path / "w.safetensors").write_bytes(b"cut off")
    with pytest.raises(ValueError, match="damaged, or no checkpoint"):
        read_state(tmp_path / "w.safetensors")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'no.pth'}: no such file")):
        read_state(tmp_path / "no.pth")
    with pytest.raises(ValueError, match="is a folder"):
        read_state(tmp_path)
