"""What a newcomer gives the Python API by mistake: one sentence that names it, before any work."""

import re

import numpy as np
import pytest
import torch
from conftest import write_set
from lightning import Trainer
from torch import nn

import avsal_bench
from avsal_bench import ClipSpec, DataConfig, SaliencyDataModule, SaliencyModule

MAP = np.arange(12.0).reshape(3, 4)
FRAMES = np.zeros((2, 8, 9, 3), np.uint8)


class Plain(nn.Module):
    """A network of one number."""

    def __init__(self, **spec):
        super().__init__()
        self.spec = ClipSpec(**{"frames": 1, "size": (24, 32)} | spec)
        self.level = nn.Parameter(torch.ones(()))

    def forward(self, frames):
        """``(B, h, w)``."""
        return self.level * frames[:, 0, -1].sigmoid()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (
            (MAP[None], [(1, 1)]),
            ValueError,
            r"pred has shape \(1, 3, 4\): score takes one map \(h, w\); the functions of metrics",
        ),
        ((MAP, [(1, 1)], MAP[None]), ValueError, r"density has shape \(1, 3, 4\): score takes one map"),
        ((MAP, [], np.where(MAP > 3, np.nan, MAP)), ValueError, "density holds NaN or infinity"),
        (([[1, 2], [3]], []), ValueError, "pred has rows of unlike length; give an array"),
        ((np.ma.masked_less(MAP, 3), []), TypeError, "pred is a MaskedArray"),
        ((MAP - 6, [], MAP), ValueError, "pred holds negative values, the least is -6"),
        ((None, []), ValueError, r"pred has shape \(\): score takes one map"),
        (("map.png", []), ValueError, r"pred has shape \(\): score takes one map"),
    ],
)
def test_what_is_no_frame_to_score(arguments, error, said):
    with pytest.raises(error, match=said):
        avsal_bench.score(*arguments)


def test_a_frame_may_be_scored_against_a_density_alone():
    scores = avsal_bench.score(MAP, None, MAP)
    assert {name for name, value in scores.items() if np.isnan(value)} == {"NSS", "AUC-J", "sAUC"}
    assert scores["CC"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("video", "options", "error", "said"),
    [
        *(
            (FRAMES, {"size": size}, ValueError, r"size: expected \(height, width\) in pixels, 'video' or None")
            for size in (48, "film", (0, 5), (1.5, 2), (1, 2, 3), np.ones(2))
        ),
        *((FRAMES, {"batch_size": n}, ValueError, "batch_size: expected a whole number from 1") for n in ("4", 1.5)),
        (FRAMES, {"workers": -1}, ValueError, "workers: expected a whole number from 0, got -1"),
        (None, {}, TypeError, r"video: expected a path, or an array \(N, height, width, 3\) of uint8, got NoneType"),
    ],
)
def test_what_is_no_way_to_predict(video, options, error, said):
    with pytest.raises(error, match=said):
        avsal_bench.predict(video, "centre", **options)


def test_frames_in_memory_are_called_so_and_not_by_a_temporary_folder():
    net = Plain()
    net.level.data.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"^array/frames, frame 1: the predicted map holds NaN"):
        avsal_bench.predict(FRAMES, net)
    assert avsal_bench.predict(FRAMES, Plain(), size=tuple(np.array([4, 5]))).shape == (2, 4, 5)


@pytest.mark.parametrize("pretrained", [None, 1, 0.0, ""])
def test_pretrained_is_a_bool_a_path_or_a_name(pretrained):
    with pytest.raises(TypeError, match="pretrained: expected True, False, a file or the name of weights"):
        avsal_bench.create_model("vinet", pretrained=pretrained)


def test_names_are_listed_by_several_patterns_and_known_once():
    assert avsal_bench.list_models(["vinet", "avr*"]) == ["avrsp", "vinet"]
    with pytest.raises(FileNotFoundError, match="no such file of weights") as caught:
        avsal_bench.predict(FRAMES, "centr")
    known = re.findall(r"[\w-]+", str(caught.value).partition("known: ")[2])
    assert len(known) == len(set(known))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        (("centre", "synth"), {"name": "my net"}, ValueError, "name 'my net': a name has letters"),
        (("centre", "synth"), {"name": "../x"}, ValueError, "name '../x': a name has letters"),
        (("centre", "synth"), {"modality": "q"}, ValueError, "modality: expected v, av, a or"),
        (("centre", "synth"), {"frames": "3"}, ValueError, "frames: expected a whole number from 1"),
        (("centre", "synth"), {"fold": 10}, ValueError, "fold: expected a whole number from 1 to 9, got 10"),
        (("centre", "synth"), {"workers": -1}, ValueError, "workers: expected a whole number from 0"),
        (("centre", None), {}, TypeError, "dataset: expected the name of a data set"),
    ],
)
def test_what_is_no_way_to_evaluate_is_said_before_anything_is_scored(arguments, options, error, said, monkeypatch):
    monkeypatch.setattr("avsal_bench.api.evaluating.workspace", lambda *_, **__: pytest.fail("a set is made"))
    with pytest.raises(error, match=said):
        avsal_bench.evaluate(*arguments, **options)


def test_maps_that_are_no_maps_are_told_in_a_line(tmp_path):
    write_set(tmp_path, "ETMD_av", ("_1",), n_frames=4)
    with pytest.raises(TypeError, match=r"or \{name of a video: array of its maps\}; got ndarray$"):
        avsal_bench.evaluate(np.zeros((3, 4, 5)), "etmd", data_root=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^nomaps: no such folder of maps or file of weights"):
        avsal_bench.evaluate("nomaps", "etmd", data_root=tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": "kl"}, r"loss: expected a mapping, such as \{'kl': 1.0\}, got 'kl'"),
        ({"optimizer": "adam"}, "optimizer: expected a mapping, such as .*'lr': 0.0001"),
        ({"schedule": ["cosine"]}, "schedule: expected a mapping"),
    ],
)
def test_a_training_takes_mappings(given, said):
    with pytest.raises(TypeError, match=said):
        SaliencyModule(Plain(), **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"others": ("original", "mute")}, "others: expected original or .*, got 'mute'"),
        ({"flip": "a"}, "flip: expected a probability"),
        ({"val_fraction": None}, "val_fraction: expected a part"),
    ],
)
def test_a_configuration_that_means_nothing(given, said):
    with pytest.raises(ValueError, match=said):
        DataConfig({"synth": "x"}, **given)


@pytest.mark.filterwarnings("ignore")
def test_clips_that_another_network_takes_are_an_error(tmp_path):
    """They were run, with frames of another size and in other units."""
    write_set(tmp_path, "ETMD_av", ("_1",), n_frames=4)
    data = SaliencyDataModule(DataConfig({"etmd": tmp_path}), ClipSpec(1, (12, 16), (0.5, 0.5, 0.5)))
    run = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    with pytest.raises(
        ValueError, match=r"size \(24, 32\) and not \(12, 16\), mean .*: build the data module with net"
    ):
        run.test(SaliencyModule(Plain()), data, verbose=False)


def test_tab_completion_shows_public_names_only():
    assert {name for name in dir(avsal_bench) if not name.startswith("__")} == {*avsal_bench.__all__} - {"__version__"}
