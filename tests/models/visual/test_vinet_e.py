"""ViNet-E: frames at two sizes, the mean of both networks alone, and how it is put together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_vinets import filled, tiny
from torch import Tensor

from avsal_bench.bench.checkpoints import network_state
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import Training
from avsal_bench.bench.starting import check_parts, start_parts
from avsal_bench.data.clips.encoded import read_encoded
from avsal_bench.data.clips.stream import Stream
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.places import NumberedFiles
from avsal_bench.models import Network, model_entry
from avsal_bench.models.visual.vinet_e import joined
from avsal_bench.records import read_record
from avsal_bench.resources import resource
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.own_data import OwnData
from avsal_bench.training.recipe import load_recipe
from avsal_bench.training.stage import Stage


def stage(model: str, name: str, folder: Path, **more: Any) -> Training:
    options = model_entry(model).tiny | ({"frames": 32} if model == "vinet_s" else {})
    return Training(Stage(name, ("synth",), 0, **more), model, options, folder)


def test_a_part_starts_from_the_whole_network_of_an_earlier_stage(tmp_path):
    source = stage("vinet_s", "s", tmp_path)
    state = filled("vinet_s", frames=32).state_dict()
    torch.save({"state_dict": {f"net.{key}": value for key, value in state.items()}}, source.best)
    both = replace(stage("vinet_e", "both", tmp_path, start={"vinet_s": "s."}), parts={"vinet_s": (source, "")})
    check_parts([source, both])
    net = tiny("vinet_e")
    told = start_parts(both, net, tmp_path)["vinet_s"]
    assert (told["stage"], told["network"], told["part"]) == ("s", "vinet_s", "")
    torch.testing.assert_close(net.vinet_s.state_dict(), state)
    other = replace(both, parts={"vinet_s": (stage("vinet_a", "a", tmp_path), "")})
    with pytest.raises(ValueError, match="vinet_a, stage 'a', does not fit"):
        check_parts([other])


def test_a_stage_of_no_epochs_stays_so_on_own_data():
    folder = resource("recipes")
    recipe = load_recipe(folder, "vinet_e", "smoke", own=OwnData(("synth",), ("synth",), epochs=3))
    assert [stage.epochs for stage in recipe.stages] == [3, 3, 0]
    with pytest.raises(ValueError, match="epochs"):
        load_recipe(folder, "vinet_e", "smoke", ["stages.both.epochs=-1"])


@pytest.mark.slow
def test_the_recipe_of_the_ensemble_trains_both_and_puts_them_together(space):
    small = ("stages.a_six.epochs=1", "stages.s_six.epochs=1", "clips_per_video=1", "val_stride=40")
    (path, *_) = run_job(Job("vinet_e", "v", 1, 0, "smoke", "stavis", small), space, Machine(devices=1))
    a, s, both = read_record(path).provenance["fits"]
    assert [told["stage"] for told in (a, s, both)] == ["a_six", "s_six", "both"]
    assert [both["start"][part]["stage"] for part in ("vinet_a", "vinet_s")] == ["a_six", "s_six"]
    assert both["steps"] == 0
    folders = {name: next((space.runs / "stages").glob(f"*-{name}-*")) for name in ("a_six", "s_six", "both")}
    made = network_state(folders["both"] / "best.ckpt")
    for part, name in (("vinet_a", "a_six"), ("vinet_s", "s_six")):
        of_stage = network_state(folders[name] / "best.ckpt")
        weights = {key: value for key, value in of_stage.items() if value.is_floating_point()}
        assert all(torch.equal(made[f"{part}.{key}"], value) for key, value in weights.items())


# Frames at two sizes


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Video:
    root, n = tmp_path_factory.mktemp("frames"), 40
    draw = np.random.default_rng(0)
    for number in range(1, n + 1):
        Image.fromarray(draw.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(root / f"img_{number:05d}.png")
    frames, nothing = NumberedFiles(root, "img_", 5, ".png"), NumberedFiles(None, "", 5, "")
    return Video(dataset="x", name="v", n_frames=n, fps=25.0, frames=frames, densities=nothing, fixations=nothing)


def test_a_frame_is_read_at_both_sizes(video):
    spec = tiny("vinet_e").spec
    both = read_frames(video, [3, 7], spec.size, True, spec.pictures)
    assert both.shape == (3, 2, 80, 80)
    assert torch.equal(both[:, :, :48], read_frames(video, [3, 7], (48, 80)))
    assert torch.equal(both[:, :, 48:, 8:72], read_frames(video, [3, 7], (32, 64)))
    assert not both[:, :, 48:, :8].any()
    assert not both[:, :, 48:, 72:].any()
    assert read_encoded(video, [3], spec) is None


def maps_of(net: Network, video: Video, targets: list[int]) -> Tensor:
    """Maps of a video, as a test predicts them."""
    module = SaliencyModule(net).eval()
    with torch.inference_mode():
        batches = Stream([video], [(0, targets)], net.spec, 3)
        return torch.cat([module.predict_step(batch, i) for i, batch in enumerate(batches)])


@pytest.mark.parametrize(
    "options", [{}, pytest.param({"target_in_clip": False, "align_corners": True}, marks=pytest.mark.slow)]
)
def test_the_ensemble_is_the_mean_of_both_alone_from_the_first_frame_to_the_last(video, options):
    both = filled("vinet_e", **options)
    sizes = {"size": (48, 80), "frames": 32, "width": 0.125}
    a = tiny("vinet_a", **sizes, **{key: options[key] for key in options if key != "align_corners"}).eval()
    s = tiny("vinet_s", **sizes | {"size": (32, 64)}, align_corners=options.get("align_corners", False)).eval()
    a.load_state_dict(both.vinet_a.state_dict())
    s.load_state_dict(both.vinet_s.state_dict())
    targets = [1, 2, 20, 40]
    found = maps_of(both, video, targets)
    torch.testing.assert_close(found, joined(maps_of(a, video, targets), maps_of(s, video, targets)).clamp_min(0))
    assert found.flatten(1).std(1).min() > 1e-3
    assert (found[1:] - found[:-1]).abs().amax((1, 2)).min() > 1e-3, "a wrong window would be seen"
    # Windows put together by hand, frame by frame.
    numbers = [min(max(20 + i, 1), 40) for i in range(-32, 32)]
    frames = read_frames(video, numbers, both.spec.size, True, both.spec.pictures).float() / 255
    with torch.inference_mode():
        torch.testing.assert_close(both.to_map(both(frames[None]))[0], found[2])
