"""TMFI-Net and HyperSal at their published size, against what their authors' code gives for the same weights.

By the rule the two have the same encoder, and are given the same frames: it is computed once for all of them.
"""

from typing import Any, NamedTuple

import pytest
import torch
from parity import Golden, features, unfilled
from torch import Tensor, nn
from torchvision.models.video.swin_transformer import PatchMerging

from avsal_bench.models import Network, create_model
from avsal_bench.models.weights.loading import Loaded, load_published

LIMIT = 1e-5


class Run(NamedTuple):
    golden: Golden
    net: Network
    loaded: Loaded
    found: dict[str, Tensor]


def built(name: str, golden: Golden, **options: Any) -> tuple[Network, Loaded]:
    net = unfilled(create_model, name=name, **options)
    return net, load_published(net, golden.state())


def decoder_parts(net: Network) -> dict[str, nn.Module]:
    """Modules of the decoder, by the names of the golden files."""
    decoder = net.decoder
    numbered = (("gate", decoder.gates), ("z", decoder.branches))
    return {f"{kind}{i}": part for kind, parts in numbered for i, part in enumerate(parts, start=1)} | {
        "logits": decoder
    }


@pytest.fixture(scope="module")
def hypersal() -> Run:
    golden = Golden("hypersal_av")
    net, loaded = built("hypersal", golden, modality="av")
    frames, audio = golden.inputs()
    parts = {"soundnet": net.soundnet, "audio_conv": net.project, "bilinear": net.bilinear}
    with torch.no_grad(), features(**parts, **decoder_parts(net), condition=net.condition) as found:
        patches = net.backbone.patch_embed.register_forward_hook(lambda *given: found.update(patch_embed=given[2]))
        last = net.backbone.features[-1].register_forward_hook(lambda *given: found.update(y4=given[2].movedim(-1, 1)))
        seen = net._see(frames)
        patches.remove(), last.remove()
        found["pred"] = net._decode(seen, audio, None)
    found |= dict(zip(("backbone_y1", "backbone_y2", "backbone_y3", "backbone"), seen[0], strict=True))
    found["audio_conv"] = found["audio_conv"].transpose(1, 2)
    found["soundnet"] = found["soundnet"].transpose(1, 2)
    found["modulations"] = torch.stack([one.last.factors(seen[1]) for one in net.decoder.branches])
    with torch.no_grad():
        found["visual_pred"] = net._decode(seen, audio, torch.zeros(1, dtype=torch.bool))
        found["negated"] = net._decode(seen, -audio, None)
    return Run(golden, net, loaded, found)


@pytest.fixture(scope="module")
def tmfinet(hypersal: Run) -> Run:
    golden = Golden("tmfinet_v")
    net, loaded = built("tmfinet", golden)
    other = hypersal.net.backbone.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in net.backbone.state_dict().items())
    assert torch.equal(golden.inputs()[0], hypersal.golden.inputs()[0])
    seen = [hypersal.found[name] for name in ("backbone_y1", "backbone_y2", "backbone_y3", "backbone")]
    found = dict(zip(("y1", "y2", "y3", "y4_normed"), seen, strict=True))
    found |= {name: hypersal.found[name] for name in ("patch_embed", "y4")}
    net.backbone.forward = lambda frames: tuple(seen)
    with torch.no_grad(), features(**decoder_parts(net)) as more:
        more["pred"] = net(*golden.inputs())
    return Run(golden, net, loaded, found | more)


@pytest.fixture(scope="module", params=["hypersal", "tmfinet"])
def run(request) -> Run:
    return request.getfixturevalue(request.param)


pytestmark = pytest.mark.slow


def test_outputs_are_those_of_the_authors_code(run):
    names = [key.removesuffix("/sample") for key in run.golden.data if key.endswith("/sample") and key.count("/") == 1]
    errors = {name: run.golden.error(name, run.found[name]) for name in names}
    assert {"pred", "logits"} <= errors.keys() <= {"pred", "logits", "visual_pred"}
    assert {name: error for name, error in errors.items() if not error < LIMIT} == {}


def test_features_are_those_of_the_authors_code(run):
    names = {key.split("/")[1] for key in run.golden.data if key.startswith("feature/")}
    assert len(names) >= 14
    errors = {name: run.golden.error(f"feature/{name}", run.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < LIMIT} == {}


def test_every_entry_of_the_authors_has_a_place_or_no_effect(run):
    state = run.golden.state()
    heads = sum(state[key].numel() for key in run.golden.without_effect)
    assert sum(p.numel() for p in run.net.parameters()) + heads == run.golden.parameters
    indices = {key for key in state if key.endswith("relative_position_index")}
    assert len(indices) == 24
    assert set(run.loaded.without_effect) == {*indices, *run.golden.without_effect}
    assert len(run.loaded.loaded) == len(run.net.state_dict())


def test_numbers_of_the_two(hypersal, tmfinet):
    assert (hypersal.golden.parameters, tmfinet.golden.parameters) == (69_765_252, 54_128_539)
    count = sum(p.numel() for p in tmfinet.net.backbone.parameters())
    assert (count, tmfinet.golden.parameters - count) == (49_508_886, 4_619_653)
    assert sum(isinstance(part, PatchMerging) for part in tmfinet.net.modules()) == 3


def test_the_sound_moves_the_logits_as_it_does_the_authors(hypersal):
    """The largest changes of the logits, of which the authors' code has 2.500840 and 7.090697."""
    logits, negated, without = (hypersal.found[name].logit() for name in ("pred", "negated", "visual_pred"))
    assert (negated - logits).abs().max().item() == pytest.approx(2.500840, abs=2e-3)
    assert (without - logits).abs().max().item() == pytest.approx(7.090697, abs=2e-3)
