"""HD2S, against what its authors' code gives for the same weights."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from conftest import HOME
from parity import Golden, features, normal, unfilled
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.evaluation.protocol import protocol
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.visual.hd2s import HD2S, DepthwiseBlock
from avsal_bench.models.weights.loading import Loaded, load_published
from avsal_bench.training.losses import Prediction, Truth, kl_loss, saliency_loss
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import load_recipe

DEPTHS = ("sal5", "sal4", "sal3", "sal2")
LIMIT = 1e-5


def tiny(**options: Any) -> HD2S:
    torch.manual_seed(0)
    return create_model("hd2s", **{**model_entry("hd2s").tiny, **options})


def clip(net: HD2S, batch: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(batch, 3, net.spec.frames, *net.spec.size, generator=draw)


# The authors' network


class Run(NamedTuple):
    golden: Golden
    net: HD2S
    loaded: Loaded
    found: dict[str, Tensor]


@pytest.fixture(scope="module")
def run() -> Run:
    golden = Golden("hd2s_v")
    net = unfilled(create_model, name="hd2s")
    loaded = load_published(net, golden.state())
    (frames,) = golden.inputs()
    pools = {"features2": net.s3d.maxp2, "features3": net.s3d.maxp3, "features4": net.s3d.maxp4}
    with features(**pools, features5=net.s3d.base4, x5=net.depths[0].fold, joint=net.joint) as found, torch.no_grad():
        main, side, _ = net.outputs(frames)
    found |= {"pred": main, "logits": found.pop("joint"), **dict(zip(DEPTHS, side, strict=True))}
    return Run(golden, net, loaded, found)


@pytest.mark.parametrize("name", ["pred", "logits"])
def test_outputs_are_those_of_the_authors_code(run, name):
    assert run.golden.error(name, run.found[name]) < LIMIT


def test_features_and_the_maps_of_all_depths_are_those_of_the_authors_code(run):
    names = [key.split("/")[1] for key in run.golden.data if key.startswith("feature/") and key.endswith("/sample")]
    assert names == ["features2", "features3", "features4", "features5", "x5", *DEPTHS]
    errors = {name: run.golden.error(f"feature/{name}", run.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < LIMIT} == {}


def test_every_entry_of_the_authors_has_a_place(run):
    assert sum(p.numel() for p in run.net.parameters()) == run.golden.parameters == 29_795_597
    assert len(run.loaded.loaded) == len(run.net.state_dict()) == 868
    assert run.loaded.without_effect == () == tuple(run.golden.without_effect)


def test_batch_norms_have_the_two_settings_of_the_authors(run):
    of = {True: set(), False: set()}
    for part in run.net.modules():
        norms = [one for one in part.children() if isinstance(one, nn.BatchNorm2d | nn.BatchNorm3d)]
        of[isinstance(part, DepthwiseBlock)] |= {(norm.eps, norm.momentum) for norm in norms}
    assert of == {True: {(1e-5, 0.1)}, False: {(1e-3, 0.001)}}


def published(net: HD2S) -> dict[str, Tensor]:
    """The state of a small network under the authors' names."""
    own = net.state_dict()
    names = {}
    for key, *_ in Golden("hd2s_v").about["state"]:
        ours, _ = net.rename_published(key, torch.zeros(()))
        names[key] = own[ours]
    return names


def test_an_entry_that_the_authors_do_not_have_is_refused():
    net = tiny()
    state = published(net)
    for key, message in {
        "decoder3.deconvlayer3_5.0.conv.weight": r"leads nowhere: .*here depths\.2\.stacks\.-1",
        "decoder5.deconvlayer4_1.0.conv.weight": r"leads nowhere: decoder5\.deconvlayer4_1",
        "conv_t5_2.conv.weight": r"leads nowhere: .*here depths\.0\.fold\.1\.conv",
        "featureExtractor.block2.2.weight": r"leads nowhere: .*here s3d\.base1\.4",
    }.items():
        with pytest.raises(ValueError, match=message):
            load_published(net, state | {key: torch.zeros(1)})


# The authors' scripts


def test_the_loss_is_the_authors():
    golden = Golden("hd2s_v")
    logits, target = (normal(name, (2, 128, 192)) for name in ("loss_logits", "loss_target"))
    density = (50 * target.abs()).clamp(max=255).round() / 255
    loss, _ = saliency_loss(Prediction(logits.sigmoid()), Truth(density), {"kl": 1.0})
    assert loss.item() == pytest.approx(float(golden.data["script/kl"]), rel=1e-5)


def test_training_adds_the_losses_of_the_four_depths_to_its_end():
    (stage,) = load_recipe(HOME / "benchmarks" / "recipes", "hd2s", "paper").stages
    lit = SaliencyModule("hd2s", dict(model_entry("hd2s").tiny), side=stage.side, side_last=stage.side_last).train()
    lit._clock = (stage.epochs - 1, stage.epochs)
    draw = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (2, 3, 16, 32, 64), generator=draw, dtype=torch.uint8)
    density = torch.rand(2, 32, 64, generator=draw)
    with torch.no_grad():
        found = lit.training_loss({"frames": frames, "audio": None, "density": density, "fixated": None})
        main, side, _ = lit.net.outputs((frames.float() - 127.5) / 127.5)
    assert len(side) == 4
    want = sum(kl_loss(saliency, density).mean() for saliency in (main, *side))
    torch.testing.assert_close(found, want)


def test_maps_are_written_as_by_tasednet_whose_script_it_has():
    maps = normal("post_map", (128, 192)).sigmoid()[None]
    for step in protocol("tasednet").saving:
        maps = step(maps, (360, 640))
    wrong = np.abs(maps[0, ::2, ::2].numpy().astype(int) - Golden("hd2s_v").data["script/post"])
    assert maps.dtype == torch.uint8
    # A level that is all but a whole number may be rounded to the other side.
    assert wrong.max() <= 1
    assert (wrong > 0).mean() < 0.002


def test_the_recipe_makes_the_authors_steps():
    (stage,) = load_recipe(HOME / "benchmarks" / "recipes", "hd2s", "paper").stages
    clips = 540 * stage.clips_per_video
    steps = math.ceil(math.ceil(clips / stage.batch_size) / stage.accumulate)
    assert (steps, steps * stage.epochs, stage.batch_size * stage.accumulate) == (100, 5000, 400)
    assert stage.loss == {"kl": stage.accumulate}, "gradients are summed there"


# The network


def test_the_joint_map_is_made_of_those_of_the_depths():
    net = tiny().eval()
    frames = clip(net)
    with torch.no_grad():
        depths, (main, side, _) = net.every_depth(frames), net.outputs(frames)
        assert depths.shape == (2, 4, 32, 64)
        assert torch.equal(torch.stack(side, 1), depths)
        torch.testing.assert_close(F.conv2d(depths, net.joint.weight, net.joint.bias)[:, 0].sigmoid(), main)
        assert torch.equal(net(frames), main)


def test_taps_lie_behind_the_pools():
    net = tiny().eval()
    with torch.no_grad():
        stages = net.s3d(clip(net))
        taps = net.s3d.after_pools(stages)
    assert [tuple(tap.shape[2:]) for tap in taps] == [(8, 4, 8), (4, 2, 4), (2, 1, 2), (2, 1, 2)]
    assert torch.equal(taps[0], F.max_pool3d(stages[0], (1, 3, 3), (1, 2, 2), (0, 1, 1)))
    assert taps[3] is stages[3]


def test_a_clip_of_8_frames_has_a_map_too():
    net = tiny(frames=8).eval()
    with torch.no_grad():
        saliency = net(clip(net))
    assert saliency.shape == (2, 32, 64)
    assert saliency.isfinite().all()


def test_the_clip_is_that_of_the_authors():
    spec = create_model("hd2s", width=0.125).spec
    assert (spec.frames, spec.size, spec.target, spec.audio, spec.antialias) == (16, (128, 192), "last", None, False)
    assert (spec.mean, spec.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), "from -1 to 1"
    assert (spec.start, spec.filter) == ("reverse", "bilinear")
    published = load_recipe(HOME / "benchmarks" / "recipes", "hd2s", "published").network
    assert create_model("hd2s", width=0.125, **published).spec.filter == "bicubic"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 32}, "hd2s takes 8 or 16 frames; got 32"),
        ({"frames": "16"}, "hd2s: frames is a whole number; got '16'"),
        ({"size": (60, 96)}, r"got \(60, 96\)"),
        ({"filter": "lanczos"}, "unknown filter 'lanczos'; known: bicubic, bilinear"),
        ({"modality": "av"}, "hd2s has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 32, 64\); got \(2, 3, 16, 32, 32\)"):
        net(clip(net)[..., :32])
