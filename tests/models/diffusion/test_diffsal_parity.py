"""DiffSal, with sound and without, against what its authors' code gives for the same weights, noise and steps."""

from math import prod
from typing import NamedTuple

import numpy as np
import pytest
import torch
from parity import Golden, drawn, features, normal, unfilled
from torch import Tensor

from avsal_bench.evaluation.steps import EightBit
from avsal_bench.models import create_model
from avsal_bench.models.diffsal import DiffSal
from avsal_bench.models.diffusion import CosineSchedule
from avsal_bench.models.weights.loading import Loaded, load_published
from avsal_bench.training.losses import cc_loss, sim_loss, sse_loss

STAGES = tuple(f"stage{i}" for i in range(4))
IMAGE = (1, 1, 224, 384)
#: Steps that the golden file knows one call of. Two are compared here; others cost seconds and are the same code.
CALLS = (500, 999)


class Run(NamedTuple):
    golden: Golden
    net: DiffSal
    loaded: Loaded
    found: dict[str, Tensor]


def state_of(golden: Golden, only: str = "") -> dict[str, Tensor]:
    """The authors' state dict; of what has no effect, 68 million numbers of the sound's encoder, zeros."""
    entries = golden.about["state"]
    golden.about["state"] = [e for e in entries if e[0] not in golden.without_effect and e[0].startswith(only)]
    state = golden.state()
    golden.about["state"] = entries
    return state | {e[0]: torch.zeros(1).expand(e[1]) for e in entries if e[0] not in state and e[0].startswith(only)}


def noisy_target() -> tuple[Tensor, Tensor]:
    """What the authors' training compares with, and shows, in the example of the golden file."""
    x0 = normal("train_target", IMAGE).sigmoid() + 0.01 * normal("train_dequantisation", IMAGE)
    return x0, CosineSchedule().noisy(x0, normal("train_noise", IMAGE), 137)


@pytest.fixture(scope="module")
def both() -> Run:
    golden = Golden("diffsal_av")
    frames, noise, audio = golden.inputs()
    net = unfilled(create_model, name="diffsal")
    loaded = load_published(net, state_of(golden))
    decoder, found = net.decoder, {}
    parts = {f"stage{i}": decoder.stages[i] for i in range(4)}
    parts |= {"temb": decoder.code, "mt_proj": decoder.join, "logits_half": decoder.logits}
    with torch.inference_mode():
        with features(vggish=net.audio_encoder, audio_attention=net.audio_attention, encoder=net.encoder) as seen:
            picture, heard = net.see(frames), net.hear(audio)
        with features(**parts) as read:
            read["pred"] = net.sampled(picture, heard, noise)
        found |= {k: v for k, v in {**seen, **read}.items() if k != "encoder"}
        found |= {f"vis_scale{i}": stage for i, stage in enumerate(seen["encoder"])}
        for step in CALLS:
            with features(logits=decoder.logits) as read:
                net.clean(picture, heard, noise, step)
            found[f"logits_half_t{step}"] = read["logits"]
        net.steps = 4
        with features(logits=decoder.logits) as read:
            found["pred_ddim4"] = net.sampled(picture, heard, noise)
        found["logits_half_ddim4"] = read["logits"]
        x0, noisy = noisy_target()
        found["train/pred"] = net.clean(picture, heard, noisy, 137)
        found["train/loss"] = sse_loss(found["train/pred"][:, 0], x0[:, 0])
    found |= {name: found[name].transpose(1, 2) for name in STAGES}
    return Run(golden, net, loaded, found)


@pytest.mark.slow
def test_outputs_are_those_of_the_authors_code(both):
    names = ["pred", "pred_ddim4", "logits_half", "logits_half_ddim4", "train/pred"]
    names += [f"logits_half_t{step}" for step in CALLS]
    errors = {name: both.golden.error(name, both.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}
    assert both.found["train/loss"].item() == pytest.approx(float(both.golden.data["train/loss_total"]), rel=1e-6)


@pytest.mark.slow
def test_features_are_those_of_the_authors_code(both):
    names = sorted(key.split("/")[1] for key in both.golden.data if key.startswith("feature/") and "sample" in key)
    assert len(names) == 12
    errors = {name: both.golden.error(f"feature/{name}", both.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}


@pytest.mark.slow
def test_every_entry_of_the_authors_has_a_place(both):
    idle = {entry[0]: prod(entry[1]) for entry in both.golden.about["state"] if entry[0] in both.golden.without_effect}
    assert set(both.loaded.without_effect) == set(idle)
    count = sum(p.numel() for p in both.net.parameters())
    assert count + sum(idle.values()) == both.golden.parameters == 144_813_002
    assert len(both.loaded.loaded) + len(idle) == 658


@pytest.mark.slow
def test_the_visual_network_is_that_of_the_authors_whatever_noise_and_step(both):
    golden = Golden("diffsal_v")
    _, noise = golden.inputs()
    net = unfilled(create_model, name="diffsal", modality="v")
    net.encoder.load_state_dict(both.net.encoder.state_dict())  # the rule gives equal weights to equal names
    own = [entry for entry in golden.about["state"] if entry[0].startswith("decoder_net.")]
    renamed = [net.rename_published(key, drawn(key, tuple(shape), 1)) for key, shape, *_ in own if "num_b" not in key]
    net.decoder.load_state_dict({k.removeprefix("decoder."): v for k, v in filter(None, renamed)}, strict=False)
    assert all(value.isfinite().all() for value in net.parameters())
    assert (
        sum(p.numel() for p in net.parameters()) + sum(prod(shape) for key, shape, *_ in own if "align_conv" in key)
        == golden.parameters
        == 71_418_433
    )
    with torch.inference_mode():
        picture = [both.found[f"vis_scale{i}"] for i in (3, 2, 1)]
        with features(logits=net.decoder.logits) as read:
            found = net.sampled(picture, None, noise)
        assert golden.error("pred", found) < 1e-5
        assert golden.error("logits_half", read["logits"]) < 1e-5
        assert torch.equal(net.clean(picture, None, -100 * noise, 999)[:, 0], found)


def test_every_entry_of_the_visual_network_has_a_place():
    """By name and shape, of a network without numbers."""
    golden = Golden("diffsal_v")
    with torch.device("meta"):
        net = create_model("diffsal", modality="v")
    own = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    renamed = [net.rename_published(key, torch.empty(shape)) for key, shape, *_ in golden.about["state"]]
    assert renamed.count(None) == 8
    assert {key: tuple(value.shape) for key, value in filter(None, renamed)} == own


def test_the_schedule_is_that_of_the_authors():
    golden, schedule = Golden("diffsal_av"), CosineSchedule()
    for name in ("betas", "alphas_hat"):
        np.testing.assert_array_equal(getattr(schedule, name).numpy(), golden.data[f"schedule/{name}"])
    with torch.device("meta"):
        assert torch.equal(CosineSchedule().betas, schedule.betas), "a network without numbers has a schedule"


def test_noisy_maps_of_a_training_step_are_those_of_the_authors():
    golden = Golden("diffsal_av")
    x0, noisy = noisy_target()
    assert golden.error("train/x_target", x0) < 1e-6
    assert golden.error("train/x_noisy", noisy) < 1e-6


def test_losses_and_stored_maps_are_those_of_the_authors():
    golden = Golden("diffsal_av")
    pred, target = (normal(name, (2, *IMAGE[1:])).sigmoid()[:, 0] for name in ("val_pred", "val_target"))
    expected = {name.removeprefix("val/"): float(golden.data[name]) for name in golden.data if name.startswith("val/")}
    assert sse_loss(pred, target).mean().item() == pytest.approx(expected["mse_sum_per_item_mean"], rel=1e-6)
    # What they choose an epoch by: the SIM of maps scaled to [0, 1], and an NSS that weighs the map by the density.
    lifted = [x - x.amin((1, 2), keepdim=True) for x in (pred, target)]
    scaled = [x / x.amax((1, 2), keepdim=True) for x in lifted]
    standard = (pred - pred.mean((1, 2), keepdim=True)) / pred.std((1, 2), keepdim=True)
    nss = (standard * target).sum((1, 2)) / target.sum((1, 2))
    found = {"cc": cc_loss(pred, target).mean(), "sim": sim_loss(*scaled).mean(), "nss": nss.mean()}
    assert {k: v.item() for k, v in found.items()} == pytest.approx({k: expected[k] for k in found}, abs=1e-6)
    assert sum(found.values()).item() == pytest.approx(expected["total"], abs=1e-6)
    stored = EightBit("down")(normal("post_map", IMAGE[2:]).sigmoid()[None], (480, 640))
    np.testing.assert_array_equal(stored[0, ::4, ::4].numpy(), golden.data["post/uint8"])
