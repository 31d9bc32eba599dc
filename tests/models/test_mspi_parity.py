"""MSPI with each of its seven motion encoders, against what the authors' code gives for the same weights."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from parity import FOLDER, Golden, features, normal, unfilled
from torch import Tensor, nn

from avsal_bench.models import create_model
from avsal_bench.models.fusion.audio_visual import sinusoids
from avsal_bench.models.mspi import MSPI
from avsal_bench.models.weights.loading import Loaded, load_published
from avsal_bench.training.losses import cc_loss, kl_loss

#: Golden file, the file that lists the state dict if another, encoder, modality, size.
CASES = {
    "s3d": ("mspi_s3d", "", "s3d", "av", (224, 224)),
    "s3d_224x384": ("mspi_s3d_224x384", "mspi_s3d", "s3d", "av", (224, 384)),
    "v_s3d": ("mspi_v_s3d", "", "s3d", "v", (224, 224)),
    "x3d_l": ("mspi_x3d_l", "", "x3d_l", "av", (224, 224)),
    "slowfast_4x16": ("mspi_slowfast_4x16", "", "slowfast_4x16", "av", (224, 224)),
    "morphmlp_s": ("mspi_morphmlp_s", "", "morphmlp_s", "av", (224, 224)),
    "videoswin_s": ("mspi_videoswin_s", "", "videoswin_s", "av", (224, 224)),
    "uniformer_b": ("mspi_uniformer_b", "", "uniformer_b", "av", (224, 224)),
    "mvitv2_s": ("mspi_mvitv2_s", "", "mvitv2_s", "av", (224, 384)),
    "mvitv2_s_224x224": ("mspi_mvitv2_s_224x224", "mspi_mvitv2_s", "mvitv2_s", "av", (224, 224)),
    "v_mvitv2_s": ("mspi_v_mvitv2_s", "", "mvitv2_s", "v", (224, 384)),
}


class Run(NamedTuple):
    """One forward pass with the weights of the golden file."""

    golden: Golden
    net: MSPI
    loaded: Loaded
    found: dict[str, Tensor]
    without_effect: int


def watched(net: MSPI) -> dict[str, nn.Module]:
    """Modules whose outputs the golden files know, by the names there."""
    modules = {
        "visnet": net.motion_encoder,
        "image_encoder": net.image_encoder,
        "adapter": net.sep_inception,
        "readout": net.readout,
        **{f"latlayer_{i}": net.lateral[i] for i in range(4)},
        **{f"sa_{i}.conv_mask": net.masks[i] for i in range(3)},
    }
    if net.agreement is not None:
        modules |= {
            "audnet": net.audio_encoder,
            "aud_vis_sync_block": net.fusion.layers,
            "vis_projector": net.agreement.visual_projector,
            "aud_projector": net.agreement.audio_projector,
            "mlp_vis": net.agreement.visual_predictor,
            "mlp_aud": net.agreement.audio_predictor,
        }
    return modules


@pytest.fixture(
    scope="module",
    params=[pytest.param(case, id=name, marks=pytest.mark.slow) for name, case in CASES.items()],
)
def run(request) -> Run:
    file, state_of, encoder, modality, size = request.param
    golden = Golden(file, state_of)
    net = unfilled(create_model, name="mspi", modality=modality, encoder=encoder, size=size)
    state = golden.state()
    loaded = load_published(net, state)
    without_effect = sum(state[key].numel() for key in golden.without_effect)
    del state
    with torch.no_grad(), features(**watched(net)) as found:
        outputs = net.outputs(*golden.inputs())
    found |= {"pred": outputs.main, **outputs.auxiliary}
    for name in ("visnet", "image_encoder"):
        found |= {f"{name}.{i}": feature for i, feature in enumerate(found.pop(name))}
    found |= {f"sa_{i}": found[f"latlayer_{i}"] * (1 + found[f"sa_{i}.conv_mask"]) for i in range(3)}
    return Run(golden, net, loaded, found, without_effect)


def test_log_map_is_that_of_the_authors_code(run):
    assert run.golden.error("pred", run.found["pred"]) <= 1e-5


def test_audio_visual_loss_is_that_of_the_authors_code(run):
    if run.net.spec.audio is None:
        assert "audio_visual" not in run.found
    else:
        assert run.found["audio_visual"].item() == pytest.approx(float(run.golden.data["loss_av"]), abs=1e-5)


def test_features_are_those_of_the_authors_code(run):
    names = {key.removeprefix("feature/").removesuffix("/sample") for key in run.golden.data if key.endswith("/sample")}
    names.remove("pred")
    assert len(names) >= 15
    # Each value before a mask's sigmoid is a small difference of large sums: the authors' own float32 is off by 1e-5.
    limits = {name: 3e-5 if name.endswith("conv_mask") else 1e-5 for name in names}
    errors = {name: run.golden.error(f"feature/{name}", run.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error <= limits[name]} == {}


def test_every_entry_of_the_authors_has_a_place_or_no_effect(run):
    parameters = list(run.net.parameters())
    assert sum(p.numel() for p in parameters) + run.without_effect == run.golden.parameters
    assert len(run.loaded.loaded) == len(run.net.state_dict())
    # The golden file names parameters. Buffers besides: those of unused batch norms, and indices, which are computed.
    buffers = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index")
    left_out = {key for key in run.loaded.without_effect if not key.endswith(buffers)}
    assert left_out == set(run.golden.without_effect)


def test_what_trains_is_what_the_authors_train(run):
    trainable = sum(p.numel() for p in run.net.parameters() if p.requires_grad)
    # Theirs has parameters without effect among those that train.
    assert trainable + run.without_effect == run.golden.about["trainable"]


# What these weights do not show


def test_norms_that_the_outputs_do_not_show_have_the_authors_eps():
    with torch.device("meta"):
        net = create_model("mspi", encoder="s3d")

    def eps(part: nn.Module, kind: type[nn.Module]) -> set[float]:
        return {module.eps for module in part.modules() if isinstance(module, kind)}

    assert eps(net.lateral, nn.LayerNorm) == {1e-5}
    assert eps(net.fusion, nn.LayerNorm) == {1e-5}
    assert eps(net.agreement, nn.LayerNorm) == {1e-5}
    assert eps(net.image_encoder, nn.LayerNorm) == {1e-6}
    assert eps(net.sep_inception, nn.BatchNorm3d) == eps(net.masks, nn.BatchNorm3d) == {1e-3}
    assert eps(net.readout, nn.BatchNorm3d) == {1e-5}


def test_position_code_is_the_authors_table():
    want = torch.from_numpy(np.load(FOLDER / "scripts.npz")["mspi/positions"])
    torch.testing.assert_close(sinusoids(672, 512)[[0, 1, 2, 35, 195, 671]], want, atol=1e-7, rtol=0)


def test_saliency_loss_is_that_of_the_authors_code():
    want = np.load(FOLDER / "scripts.npz")
    logits, truth = normal("logits", (2, 224, 384)), normal("gt", (2, 224, 384)).abs()
    saliency = logits.flatten(1).log_softmax(1).exp().reshape(logits.shape)
    density = truth / truth.amax((1, 2), keepdim=True)
    kl, cc = kl_loss(saliency, density).mean().item(), cc_loss(saliency, density).mean().item()
    assert kl == pytest.approx(float(want["mspi/kl"]), rel=1e-5)
    assert cc == pytest.approx(float(want["mspi/cc"]), abs=1e-6)
    assert kl - cc == pytest.approx(float(want["mspi/total"]), rel=1e-5)
