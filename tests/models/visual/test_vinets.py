"""ViNet-S, ViNet-A and ViNet-E, against what their authors' code gives for the same weights."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from parity import Golden, drawn, features, normal, unfilled
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.data.windows import window
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.models import Network, create_model, model_entry
from avsal_bench.models.backbones.slowfast import both_paths, rename_acar_paths
from avsal_bench.models.visual.vinet_a import Shuffle
from avsal_bench.models.visual.vinet_e import enlarged, joined
from avsal_bench.models.weights.loading import Loaded, load_published
from avsal_bench.spec import ClipSpec
from avsal_bench.training.losses import cc_loss, kl_loss

NAMES = ("vinet_s", "vinet_a", "vinet_e")
#: Files of what the authors' code gives; that of ViNet-A is the same whichever of the two clips it is given.
FILES = {"vinet_s": "vinet_s_v", "vinet_a": "vinet_a_around"}


def tiny(name: str, **options: Any) -> Network:
    torch.manual_seed(0)
    return create_model(name, **{**model_entry(name).tiny, **options})


def filled(name: str, **options: Any) -> Network:
    """A tiny network with the weights of the parity rule: the initial ones give almost no contrast."""
    net = tiny(name, **options).eval()
    state = {k: drawn(k, tuple(v.shape), 1) for k, v in net.state_dict().items() if v.is_floating_point()}
    for key in (key for key in state if key.endswith("bn3.weight")):
        state[key] *= 0.25
    net.load_state_dict(net.state_dict() | state)
    return net


# The authors' networks


class Run(NamedTuple):
    golden: Golden
    net: Network
    loaded: Loaded
    found: dict[str, Tensor]


def parts_of_s(net: Any) -> dict[str, nn.Module]:
    encoder, decoder = net.s3d, net.decoder
    return {
        **{name: getattr(encoder, name) for name in ("base1", "base3", "base4")},
        **{name: getattr(decoder, name) for name in ("convtsp1", "convtsp3")},
    }


def parts_of_a(net: Any) -> dict[str, nn.Module]:
    slow, fast = (net.slowfast.paths[name].stages for name in ("slow", "fast"))
    return {
        "tconv1": net.slowfast.lateral[0],
        "slow_res1": slow[0],
        "slow_res4": slow[3],
        "fast_res4": fast[3],
        "fast_pooled": net.neck.pool,
        "skip4": net.neck.conv_skip4,
        **{name: getattr(net.decoder, name) for name in ("convtsp1", "shuffle1", "convtsp3", "convtsp5")},
    }


@pytest.fixture(scope="module", params=["vinet_s", "vinet_a"])
def run(request) -> Run:
    golden = Golden(FILES[request.param])
    net = unfilled(create_model, name=request.param)
    loaded = load_published(net, golden.state())
    parts = parts_of_s(net) if request.param == "vinet_s" else parts_of_a(net)
    with torch.no_grad(), features(**parts, logits=net.decoder) as found:
        found["pred"] = net(*golden.inputs())
    if request.param == "vinet_a":  # the authors enlarge within their blocks
        for name in ("convtsp3", "convtsp5"):
            found[name] = F.interpolate(found[name], scale_factor=(1, 2, 2), mode="trilinear")
    return Run(golden, net, loaded, found)


@pytest.mark.slow
def test_map_logits_and_features_are_those_of_the_authors_code(run):
    names = {key.removesuffix("/sample") for key in run.golden.data if key.endswith("/sample")}
    names = {name for name in names if "aligned" not in name}
    assert {name.removeprefix("feature/") for name in names} == run.found.keys()
    errors = {name: run.golden.error(name, run.found[name.removeprefix("feature/")]) for name in names}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}


@pytest.mark.slow
def test_every_entry_of_the_authors_has_a_place(run):
    assert sum(p.numel() for p in run.net.parameters()) == run.golden.parameters
    assert len(run.loaded.loaded) == len(run.net.state_dict()) == len(run.golden.about["state"])
    assert run.loaded.without_effect == ()


@pytest.mark.slow
def test_with_aligned_corners_it_is_what_the_authors_train():
    golden = Golden("vinet_s_v")
    net = unfilled(create_model, name="vinet_s", align_corners=True)
    load_published(net, golden.state())
    with torch.no_grad(), features(logits=net.decoder, convtsp3=net.decoder.convtsp3) as found:
        found["pred"] = net(*golden.inputs())
    errors = {name: golden.error(f"feature/aligned_{name}", value) for name, value in found.items()}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}
    other = torch.from_numpy(golden.data["pred/sample"])
    flat = found["pred"].flatten()
    aligned = flat[[i * flat.numel() // len(other) for i in range(len(other))]]
    assert (aligned - other).norm() > 0.3 * other.norm(), "which of the two a network is matters"


@pytest.fixture(scope="module")
def shapes() -> dict[str, Network]:
    """The networks as published, without numbers."""
    with torch.device("meta"):
        return {name: create_model(name) for name in NAMES}


def test_names_and_shapes_are_the_authors_also_in_a_plain_clone(shapes):
    for name, count in (("vinet_s", 470), ("vinet_a", 655)):
        golden, net = Golden(FILES[name]), shapes[name]
        own = {key: list(value.shape) for key, value in net.state_dict().items()}
        theirs = {net.rename_published(key, Tensor())[0]: shape for key, shape, *_ in golden.about["state"]}
        assert own == theirs
        assert len(own) == count
        assert sum(p.numel() for p in net.parameters()) == golden.parameters
    assert sum(p.numel() for p in shapes["vinet_e"].parameters()) == Golden("vinet_e_v").parameters == 48_193_978


def test_the_maps_of_the_two_are_joined_as_in_the_authors_script():
    golden = Golden("vinet_e_v")
    a, s = (x.sigmoid() for x in golden.inputs())
    found = {"s_up": enlarged(s, (256, 456)), "mean": joined(a, s)}
    resize, blur, eight_bit = protocol("vinet").saving
    found["resized"] = resize(found["mean"], (240, 320))
    found["blurred"] = blur(found["resized"], (240, 320))
    errors = {name: golden.error(name, value) for name, value in found.items()}
    assert {name: error for name, error in errors.items() if not error < 1e-6} == {}
    picture = eight_bit(found["blurred"], (240, 320))[0, ::4, ::4]
    assert np.array_equal(picture.numpy(), golden.data["uint8"])


def test_maps_are_scored_as_the_authors_script_does():
    """The steps of the protocol that follows it: those of ViNet's, without the file of 8 bits."""
    rules = protocol("vinet-v2")
    assert rules.saving == protocol("vinet").saving[:2]
    assert (rules.scoring, rules.averaging) == ((), "frames")


def test_the_loss_is_that_of_the_authors_scripts():
    golden, shape = Golden(FILES["vinet_a"]), (2, 256, 456)
    saliency = normal("loss_logits", shape).sigmoid()
    density = (50 * normal("loss_target", shape).abs()).clamp(max=255).round() / 255
    kl, cc = kl_loss(saliency, density).mean(), cc_loss(saliency, density).mean()
    assert kl.item() == pytest.approx(float(golden.data["script/kldiv"]), rel=1e-5)
    assert (kl - cc).item() == pytest.approx(float(golden.data["script/vinet_s_total"]), rel=1e-5)


# The networks


def test_clips_are_those_of_the_authors(shapes):
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    s, a, e = (shapes[name].spec for name in NAMES)
    around = tiny("vinet_a", target_in_clip=False).spec
    assert s == ClipSpec(32, (224, 384), *imagenet, target="last", start="repeat")
    assert a == ClipSpec(32, (256, 456), (0.45,) * 3, (0.225,) * 3, target="middle", step=2)
    assert (around.target, around.step) == (31, 2)
    # Of frame 101, where 0 is the first of a video, as the authors count.
    offsets = [[n - 101 for n in window(101, 300, *spec.form).frames] for spec in (a, around)]
    assert offsets == [list(range(-32, 32, 2)), list(range(-31, 33, 2))]
    assert [n - 101 for n in window(101, 300, *e.form).frames] == list(range(-32, 32))
    assert e.pictures == (a.size, s.size)


def test_slow_frames_are_every_fourth_from_the_first():
    net = filled("vinet_a")
    seen = []
    net.slowfast.paths["slow"].stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    frames = torch.randn(1, 3, 32, 48, 80)
    with torch.no_grad():
        net(frames)
    assert torch.equal(seen[0], frames[:, :, [0, 4, 8, 12, 16, 20, 24, 28]])


def test_a_shuffle_deals_out_the_groups():
    x = torch.arange(6.0).view(1, 6, 1, 1, 1)
    assert Shuffle(2)(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert Shuffle(3)(x).flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_the_fast_pathway_is_read_in_halves_of_the_clip():
    neck = tiny("vinet_a").neck
    channels = neck.channels - neck.conv_slow[0].out_channels
    step = torch.arange(32.0).view(1, 1, 32, 1, 1)
    fast = (torch.arange(channels / 2).view(1, -1, 1, 1, 1) + step / 100).expand(1, -1, -1, 1, 1)
    with torch.no_grad():
        slow = torch.zeros(1, neck.conv_slow[0].in_channels, 8, 1, 1)
        joined_up, _ = neck((torch.zeros(1, conv[0].in_channels, 8, 1, 1) for conv in skips_of(neck)), slow, fast)
    halves = joined_up[0, -channels:, :, 0, 0]
    # Channel 2c has the first half of the time of channel c, and 2c + 1 the second: the later of every two steps.
    torch.testing.assert_close(halves[2], 1 + torch.arange(1, 16, 2) / 100)
    torch.testing.assert_close(halves[3], 1 + torch.arange(17, 32, 2) / 100)


def skips_of(neck: Any) -> list[nn.Sequential]:
    return [getattr(neck, f"conv_skip{i}") for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("size", [(56, 104)])
def test_vinet_a_takes_other_sizes(size):
    net = filled("vinet_a", size=size)
    with torch.no_grad():
        assert net(torch.randn(1, 3, 32, *size)).shape == (1, *size)


def test_the_root_has_groups_or_not(shapes):
    def groups(net: Any) -> list[int]:
        return [m.groups for m in net.decoder.modules() if isinstance(m, nn.Conv3d)]

    assert groups(shapes["vinet_s"]) == [32, 16, 8, 4, 2, 1, 1]
    assert groups(shapes["vinet_a"]) == [32, 16, 8, 8, 4, 2, 1, 1, 1]
    assert groups(tiny("vinet_s", root_grouping=False)) == [1, 8, 8, 4, 2, 1, 1]
    assert model_entry("vinet_s").label({"align_corners": True}) == "vinet_s-aligned"
    assert model_entry("vinet_a").label({"target_in_clip": False}) == "vinet_a-around"


def test_a_bicubic_map_is_not_clipped_but_its_saliency_is():
    edge = torch.zeros(1, 8, 8)
    edge[:, :, 4:] = 1
    output = joined(torch.zeros(1, 16, 16), edge)
    assert output.min() < 0
    assert tiny("vinet_e").to_map(output).min() == 0


def test_an_option_outside_its_range(subtests):
    for name, options, message in [
        ("vinet_s", {"frames": 24}, "vinet_s takes 8, 16 or 32 frames; got 24"),
        ("vinet_s", {"size": (64, 100)}, r"got \(64, 100\)"),
        ("vinet_s", {"align_corners": "no"}, "vinet_s: align_corners is True or False; got 'no'"),
        ("vinet_s", {"root_grouping": 1}, "vinet_s: root_grouping is True or False; got 1"),
        ("vinet_a", {"frames": 16}, "vinet_a takes clips of 32 frames; got 16"),
        ("vinet_a", {"size": (48, 84)}, r"32, 40, 48 \.\.\. pixels; got \(48, 84\)"),
        ("vinet_a", {"target_in_clip": "middle"}, "target_in_clip is True or False; got 'middle'"),
        ("vinet_e", {"size_s": (48, 64)}, r"vinet_s takes a height .* got \(48, 64\)"),
        ("vinet_e", {"modality": "av"}, "vinet_e has no modality 'av'; it has: v"),
    ]:
        with subtests.test(network=name, options=options), pytest.raises(ValueError, match=message):
            tiny(name, **options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    for name in NAMES:
        net = tiny(name)
        with pytest.raises(ValueError, match=rf"expected frames \(B, 3, {net.spec.frames}, "):
            net(torch.zeros(1, 3, 8, *net.spec.size))


@pytest.mark.parametrize(
    ("size", "pictures"),
    [((81, 80), ((48, 80), (32, 62))), ((80, 80), ((48, 80), (32, 63))), ((80, 82), ((48, 80), (32, 62)))],
)
def test_pictures_that_do_not_make_the_size_are_refused(size, pictures):
    with pytest.raises(ValueError, match="pictures: expected some of"):
        ClipSpec(64, size, pictures=pictures)


# Weights


def published(net: Network) -> dict[str, Tensor]:
    """The state of a tiny network under the authors' names."""
    theirs = {net.rename_published(key, Tensor())[0]: key for key, *_ in Golden(FILES[name_of(net)]).about["state"]}
    return {theirs[key]: value for key, value in net.state_dict().items()}


def name_of(net: Network) -> str:
    return {"ViNetS": "vinet_s", "ViNetA": "vinet_a"}[type(net).__name__]


@pytest.mark.parametrize("name", ["vinet_s", "vinet_a"])
def test_a_network_takes_its_own_file_and_no_other(name):
    file = published(filled(name))
    net = tiny(name)
    assert load_published(net, file).without_effect == ()
    torch.testing.assert_close(net.state_dict(), filled(name).state_dict())
    with pytest.raises(ValueError, match=f"does not fit {name}"):
        load_published(net, file | {"backbone.fc.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="is this the file of another network"):
        load_published(tiny("vinet_a" if name == "vinet_s" else "vinet_s"), file)


def test_pathways_start_from_a_file_with_other_laterals():
    with torch.device("meta"):
        parts = both_paths()
    about = Golden(FILES["vinet_a"]).about["state"]
    keys = [key.replace("backbone.", "backbone.module.") for key, *_ in about if key.startswith("backbone.")]
    renamed = [rename_acar_paths(key, Tensor()) for key in [*keys, "backbone.module.Tconv1.1.bias", "head.fc.weight"]]
    assert {found[0] for found in renamed if found} == parts.state_dict().keys()
    assert renamed.count(None) == 4 + 2
