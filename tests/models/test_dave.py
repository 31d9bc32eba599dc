"""DAVE, against what the authors' code gives for the same weights."""

from typing import Any, NamedTuple

import pytest
import torch
from parity import Golden, features, unfilled
from torch import Tensor

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.dave import DAVE
from avsal_bench.models.weights.loading import Loaded, load_published

TOLERANCE = 1e-5
MODALITIES = pytest.mark.parametrize("modality", ["v", "a", "av"])


def tiny(modality: str, **options: Any) -> DAVE:
    torch.manual_seed(0)
    return create_model("dave", **{**model_entry("dave").tiny, "modality": modality, **options})


def clip(net: DAVE, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Frames, and sound even for a network that does not hear."""
    draw = torch.Generator().manual_seed(0)
    t = net.spec.frames
    frames = torch.randn(batch, 3, t, *net.spec.size, generator=draw)
    return frames, torch.randn(batch, 3, t, 64, 64, generator=draw)


# The authors' network


class Run(NamedTuple):
    golden: Golden
    state: dict[str, Tensor]
    net: DAVE
    loaded: Loaded
    seen: dict[str, Tensor]


@pytest.fixture(scope="module")
def run() -> Run:
    golden = Golden("dave_av")
    net = unfilled(create_model, name="dave")
    state = golden.state()
    loaded = load_published(net, state)
    watched = {"video_branch": net.video_branch, "audio_branch": net.audio_branch}
    watched |= {"combinedEmbedding": net.embedding, "upscale2": net.upscale2, "prerelu": net.saliency}
    with torch.no_grad(), features(**watched) as seen:
        seen["pred"] = net(*golden.inputs())
    # Theirs is after the average pool.
    seen["audio_branch"] = seen["audio_branch"].mean((2, 3, 4))
    return Run(golden, state, net, loaded, seen)


@pytest.mark.slow
def test_the_output_is_that_of_the_authors(run):
    assert run.seen["pred"].shape == (1, 32, 40)
    assert run.golden.error("pred", run.seen["pred"]) < TOLERANCE
    assert run.golden.error("prerelu", run.seen["prerelu"]) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["video_branch", "audio_branch", "combinedEmbedding", "upscale2"])
def test_the_features_are_those_of_the_authors(run, name):
    assert run.golden.error(f"feature/{name}", run.seen[name]) < TOLERANCE


@pytest.mark.slow
def test_every_entry_of_the_authors_has_a_place_or_no_effect(run):
    golden, state, net, loaded, _ = run
    unused = [key for key in loaded.without_effect if not key.endswith(("running_mean", "running_var", "tracked"))]
    assert sorted(unused) == sorted(golden.without_effect)
    ours = sum(p.numel() for p in net.parameters())
    assert ours + sum(state[key].numel() for key in unused) == golden.parameters
    assert set(loaded.loaded) | set(loaded.without_effect) == set(state)


@pytest.mark.slow
def test_the_sound_changes_the_output_as_it_does_for_the_authors(run):
    golden, _, net, _, seen = run
    frames, audio = golden.inputs()
    with torch.no_grad(), features(prerelu=net.saliency) as negated:
        net(frames, -audio)
    change = (negated["prerelu"] - seen["prerelu"]).abs().max().item()
    assert change == pytest.approx(2.549600601196289, rel=1e-3)


@pytest.mark.slow
def test_the_other_side_of_the_last_relu(run):
    """The first map has one pixel above zero; with the last weights turned around, nearly all are."""
    golden, state, net, _, seen = run
    last = net.rename_published("saliency.weight", -state["saliency.weight"])
    net.load_state_dict(net.state_dict() | dict([last]))
    with torch.no_grad():
        flipped = torch.relu(net.saliency(seen["upscale2"]))
    net.load_state_dict(net.state_dict() | {last[0]: -last[1]})
    assert golden.error("pred_flipped", flipped) < TOLERANCE
    assert (flipped > 0).float().mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["v", "a"])
def test_one_modality_takes_its_part_of_the_published_file(modality, run):
    net = tiny(modality)
    renamed = [net.rename_published(key, value) for key, value in run.state.items()]
    names = [entry[0] for entry in renamed if entry is not None]
    assert len(names) == len(set(names))
    assert set(names) == net.state_dict().keys()


def test_a_key_that_the_authors_do_not_have_is_refused():
    net = tiny("av")
    for key in ("conv1.weight", "upscale3.combine.weight", "fc_new.weight"):
        name, _ = net.rename_published(key, torch.ones(1))
        assert name not in net.state_dict()


# Ours


@MODALITIES
@pytest.mark.parametrize(("frames", "size"), [(16, (64, 96)), (8, (32, 64)), (2, (64, 64))])
def test_the_map_is_an_eighth_of_the_frame_and_not_negative(modality, frames, size):
    net = tiny(modality, frames=frames, size=size).eval()
    with torch.no_grad():
        saliency = net.to_map(net(*clip(net)))
    assert saliency.shape == (2, size[0] // 8, size[1] // 8)
    assert (saliency >= 0).all()


@MODALITIES
def test_an_item_does_not_depend_on_its_batch(modality):
    net = tiny(modality).eval()
    frames, audio = clip(net)
    with torch.no_grad():
        together = net(frames, audio)
        for i in range(2):
            torch.testing.assert_close(net(frames[i : i + 1], audio[i : i + 1])[0], together[i])


@MODALITIES
def test_who_sees_and_who_hears(modality):
    net = tiny(modality).eval()
    frames, audio = clip(net)
    with torch.no_grad():
        before = net(frames, audio)
        assert torch.equal(net(-frames, audio), before) == (modality == "a")
        assert torch.equal(net(frames, -audio), before) == (modality == "v")
    assert net.sees == (modality != "a")
    assert (net.spec.audio is None) == (modality == "v")


@MODALITIES
def test_gradients_reach_every_parameter(modality):
    net = tiny(modality).eval()
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    output = net(*clip(net))
    (output * torch.randn_like(output)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_stills_use_what_a_visual_network_has():
    both, visual = tiny("av"), tiny("v")
    both.load_visual(visual.state_dict())
    frames, _ = clip(both)
    with torch.no_grad():
        assert torch.equal(both.eval().forward_stills(frames), visual.eval()(frames))
    both.zero_grad()
    both.train().forward_stills(frames).sum().backward()
    untouched = {name for name, p in both.named_parameters() if p.grad is None}
    assert untouched == {name for name, _ in both.named_parameters() if name.startswith(DAVE.audio_only)}
    assert {name.split(".")[0] for name in untouched} == {"audio_branch", "embedding"}


def test_an_untrained_map_is_not_zero_everywhere():
    for seed in range(10):
        torch.manual_seed(seed)
        net = create_model("dave", modality="v", **model_entry("dave").tiny).eval()
        with torch.no_grad():
            assert (net(clip(net)[0]) > 0).all()


def test_the_clip_is_that_of_the_authors():
    spec = create_model("dave", width=0.125).spec
    assert (spec.frames, spec.size, spec.target, spec.start) == (16, (256, 320), "last", "repeat")
    assert [255 * mean for mean in spec.mean] == pytest.approx([110.63666788, 103.16065604, 96.29023126])
    assert [255 * std for std in spec.std] == pytest.approx([38.7568578, 37.88248729, 40.02898126])
    assert spec.audio(torch.zeros(100)).shape == (3, 16, 64, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 17}, "dave takes 2 to 16 frames, which end as one time step; got 17"),
        ({"frames": 1}, "got 1"),
        ({"size": (64, 80)}, r"32, 64, 96 ... pixels; got \(64, 80\)"),
        ({"modality": "vav"}, "dave has no modality 'vav'"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**{"modality": "av", **options})


@pytest.mark.parametrize("modality", ["a", "av"])
def test_a_network_that_hears_needs_the_sound(modality):
    net = tiny(modality)
    with pytest.raises(ValueError, match="needs the sound"):
        net(clip(net)[0])


def test_a_network_that_does_not_see_has_no_use_for_stills():
    net = tiny("a")
    with pytest.raises(ValueError, match="'a' does not see"):
        net.forward_stills(clip(net)[0])


def test_frames_of_another_size_are_refused():
    net = tiny("av")
    frames, audio = clip(net)
    for give in (lambda: net(frames[..., :64], audio), lambda: net.forward_stills(frames[..., :64])):
        with pytest.raises(ValueError, match=r"expected frames \(B, 3, 8, 64, 96\)"):
            give()
