"""TMFI-Net, its decoder and its encoder, in small; at its published size it is in ``test_gated_parity.py``."""

from typing import Any

import numpy as np
import pytest
import torch
from conftest import HOME
from parity import Golden, drawn, normal
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.evaluation.protocol import protocol
from avsal_bench.metrics import functional
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.backbones.videoswin import VideoSwin, rename_mmaction
from avsal_bench.models.layers.decoders.gated import Branch, Gate, GatedDecoder
from avsal_bench.models.visual.tmfinet import TMFINet
from avsal_bench.models.weights.loading import load_published
from avsal_bench.models.weights.store import find_weights, import_weights, load_weights
from avsal_bench.training.losses import Prediction, Truth, saliency_loss
from avsal_bench.training.recipe import load_recipe


def tiny(**options: Any) -> TMFINet:
    torch.manual_seed(0)
    return create_model("tmfinet", **{**model_entry("tmfinet").tiny, "size": (32, 64), **options})


@pytest.fixture(scope="module")
def golden() -> Golden:
    return Golden("tmfinet_v")


def small_decoder(conditions: int = 0) -> GatedDecoder:
    """With weights of the parity rule, in float64."""
    decoder = GatedDecoder((3, 4, 5, 6), (8, 6, 5, 4), conditions).double()
    for key, value in decoder.state_dict().items():
        value.copy_(drawn(key, tuple(value.shape), 1))
    return decoder


def stages(batch: int = 2, grid: tuple[int, int] = (8, 16)) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, channels, 16, grid[0] >> i, grid[1] >> i, generator=draw, dtype=torch.float64)
        for i, channels in enumerate((3, 4, 5, 6))
    ]


def up(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=(1, factor, factor), mode="trilinear", align_corners=False)


def plain_decoder(decoder: GatedDecoder, given: list[Tensor]) -> Tensor:
    """The sheet's words, one step at a time."""
    p = dict(decoder.named_parameters())

    def conv(name: str, x: Tensor, stride: int = 1, pad: int = 1) -> Tensor:
        return F.conv3d(x, p[f"{name}.weight"], p.get(f"{name}.bias"), (stride, 1, 1), (0, pad, pad))

    y = [conv(f"lateral.{i}", x, stride=2, pad=0) for i, x in enumerate(given)]
    t3 = up(y[3], 2) + y[2]
    t2 = up(t3, 2) + y[1] + up(y[3], 4)
    t1 = up(t2, 2) + y[0] + up(y[3], 8)
    s = [conv("smooth.0", t1), conv("smooth.1", t2), conv("smooth.2", t3), y[3]]
    maps = []
    for i, x in enumerate(s):
        x = x * torch.sigmoid(conv(f"gates.{i}.gate", x)) + x
        for k in range(3):
            x = F.relu(conv(f"branches.{i}.steps.{k}", x, stride=2))
            x = up(x, 2) if k < 2 or i > 0 else x
        x = conv(f"branches.{i}.last", x)
        x = up(x, {0: 1, 1: 1, 2: 2, 3: 4}[i])
        maps.append(torch.sigmoid(x))
    return conv("out", torch.cat(maps, 1))[:, 0, 0]


def test_the_decoder_is_what_the_sheet_says():
    decoder = small_decoder()
    found, want = decoder(stages()), plain_decoder(decoder, stages())
    assert found.shape == (2, 32, 64)
    torch.testing.assert_close(found, want, atol=1e-12, rtol=1e-10)
    assert want.std() > 0.1


def test_a_gate_is_between_its_input_and_twice_that():
    gate, x = Gate(3).double(), stages(1)[0]
    ratio = gate(x) / x
    assert ((ratio > 1) & (ratio < 2)).all()


def test_a_branch_ends_with_a_map_between_0_and_1_of_one_step():
    found = Branch((4, 3, 2, 2), (2, 4), 0)(100 * torch.randn(1, 4, 8, 2, 3))
    assert found.shape == (1, 1, 1, 64, 96)
    assert ((found >= 0) & (found <= 1)).all()


# The encoder


def test_only_the_last_stage_is_normed_and_only_where_asked_for():
    torch.manual_seed(0)
    normed = VideoSwin(0.125, last_norm=True, depths=(1, 1, 1, 1)).eval()
    plain = VideoSwin(0.125, depths=(1, 1, 1, 1)).eval()
    plain.load_state_dict({k: v for k, v in normed.state_dict().items() if not k.startswith("norm.")})
    frames = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        torch.nn.init.normal_(normed.norm.weight)
        found, want = normed(frames), plain(frames)
    for one, other in zip(found[:3], want[:3], strict=True):
        assert torch.equal(one, other)
    last = F.layer_norm(want[3].movedim(1, -1), (want[3].shape[1],), normed.norm.weight, normed.norm.bias, 1e-5)
    torch.testing.assert_close(found[3], last.detach().movedim(-1, 1))


def test_windows_shift_in_time_where_there_are_more_than_eight_steps():
    """The first block of a stage looks at half of 16 steps, and the second one across."""
    torch.manual_seed(0)
    frames = torch.randn(1, 3, 32, 32, 32)
    other = frames.clone()
    other[:, :, 16:] += 1
    for depths, reaches in (((1, 1, 1, 1), False), ((2, 1, 1, 1), True)):
        net = VideoSwin(0.125, depths=depths).eval()
        with torch.no_grad():
            first, second = net(frames)[0], net(other)[0]
        assert (not torch.equal(first[:, :, :8], second[:, :, :8])) == reaches
        assert not torch.equal(first[:, :, 8:], second[:, :, 8:])


def test_stochastic_depth_rises_from_nothing_and_is_for_training_alone():
    net = create_model("tmfinet", size=(32, 32), width=0.0625)
    drops = [part.p for part in net.modules() if type(part).__name__ == "StochasticDepth"]
    assert drops == pytest.approx(np.linspace(0, 0.2, 24).tolist())
    assert {part.p for part in tiny().modules() if type(part).__name__ == "StochasticDepth"} == {0.0}


@pytest.mark.parametrize("depths", [(2, 2, 18), (2, 0, 2, 2), (2, 2, 1.5, 2)])
def test_depths_that_are_none(depths):
    with pytest.raises(ValueError, match="depths: expected the blocks of four stages"):
        tiny(depths=depths)


def test_the_weights_of_kinetics_start_encoders_with_and_without_the_last_norm(tmp_path, monkeypatch):
    file = tmp_path / "swin_small_patch244_window877_kinetics400_1k.pth"
    small = {"width": 0.0625, "depths": (1, 1, 1, 1)}
    entry = "videoswin_s_kinetics400"
    state = {f"backbone.{authors}": value for authors, value in authors_names(VideoSwin(last_norm=True, **small))}
    extra = {"cls_head.fc_cls.weight": torch.zeros(2, 2), "backbone.patch_embed.norm.weight": torch.ones(6)}
    torch.save({"state_dict": state | extra}, file)
    monkeypatch.setattr("avsal_bench.models.weights.store.build_for", lambda name: VideoSwin(last_norm=True, **small))
    [report] = import_weights(find_weights(file), tmp_path / "store")
    assert report.outcome == "imported", report.detail
    for last_norm in (True, False):
        net = VideoSwin(last_norm=last_norm, **small)
        load_weights(net, entry, tmp_path / "store")
        assert torch.equal(net.patch_embed.weight, state["backbone.patch_embed.proj.weight"])
        assert (net.norm is not None) == last_norm
        if last_norm:
            assert torch.equal(net.norm.weight, state["backbone.norm.weight"])


def authors_names(net: VideoSwin) -> list[tuple[str, Tensor]]:
    """Entries of an encoder under the authors' names, with numbers that tell, and their indices."""
    named = []
    for key, value in net.state_dict().items():
        parts = key.split(".")
        if parts[0] == "features" and int(parts[1]) % 2:
            key = ".".join(["layers", str(int(parts[1]) // 2), "downsample", *parts[2:]])
        elif parts[0] == "features":
            key = ".".join(["layers", str(int(parts[1]) // 2), "blocks", *parts[2:]])
        elif parts[0] == "patch_embed":
            key = f"patch_embed.proj.{parts[1]}"
        key = key.replace(".mlp.0.", ".mlp.fc1.").replace(".mlp.3.", ".mlp.fc2.")
        named.append((key, drawn(key, tuple(value.shape), 1)))
        if key.endswith("relative_position_bias_table"):
            index = key.replace("bias_table", "index")
            named.append((index, torch.zeros(392, 392, dtype=torch.int64)))
    return named


# Names of the authors' entries


def published(net: TMFINet, golden: Golden) -> dict[str, Tensor]:
    """The state of a tiny network under the authors' names."""
    own, state = net.state_dict(), {}
    for key, shape, *_ in golden.about["state"]:
        renamed = net.rename_published(key, torch.empty(shape, device="meta"))
        if renamed is not None and renamed[0] in own:
            state[key] = own[renamed[0]].clone()
    return state


def test_a_network_takes_its_own_file_and_no_other(golden):
    net = tiny()
    state = published(net, golden)
    assert len(state) == len(net.state_dict())
    indices = {"backbone.layers.0.blocks.0.attn.relative_position_index": torch.zeros(392, 392, dtype=torch.int64)}
    loaded = load_published(net, state | indices)
    assert loaded.without_effect == tuple(indices)
    del state["backbone.norm.weight"]
    with pytest.raises(ValueError, match=r"does not fit tmfinet \(frames only\)\n.*missing: backbone\.norm\.weight"):
        load_published(net, state)


@pytest.mark.parametrize(
    "key",
    [
        "decoder.convtsp1.9.weight",  # the first branch has one upsampling less
        "decoder.convtsp2.8.weight",
        "decoder.conv5.weight",
        "decoder.convs4.weight",
        "decoder.gate0.gate.weight",
        "decoder.convout.1.weight",
    ],
)
def test_an_entry_that_the_authors_do_not_have_is_refused(key, golden):
    net = tiny()
    with pytest.raises(ValueError, match=r"leads nowhere: .*decoder"):
        load_published(net, published(net, golden) | {key: torch.zeros(1)})


def test_foreign_keys_come_back():
    assert rename_mmaction("norm.weight", torch.zeros(1)) is None
    assert rename_mmaction("backbone.norm.weight", torch.zeros(1), last_norm=True)[0] == "norm.weight"
    assert tiny().rename_published("head.weight", torch.zeros(1))[0] == "head.weight"


# The network


def test_the_clip_is_that_of_the_authors():
    spec = create_model("tmfinet", width=0.0625, depths=(1, 1, 1, 1)).spec
    assert (spec.frames, spec.size, spec.target, spec.audio, spec.start) == (32, (224, 384), "last", None, "repeat")
    assert (spec.mean, spec.std, spec.antialias) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 16}, "tmfinet takes clips of 32 frames, which its decoder halves to one step; got 16"),
        ({"size": (60, 96)}, r"tmfinet takes a height and a width of 32, 64, 96 ... pixels; got \(60, 96\)"),
        ({"size": (64,)}, r"got \(64,\)"),
        ({"size": (64.0, 96)}, r"got \(64\.0, 96\)"),
        ({"modality": "av"}, "tmfinet has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize("shape", [(1, 3, 32, 64, 64), (1, 3, 16, 32, 64), (1, 1, 32, 32, 64)])
def test_a_clip_that_is_not_the_one_of_the_spec(shape):
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 32, 32, 64\)"):
        tiny()(torch.zeros(shape))


# The authors' scripts


def test_the_recipe_has_the_authors_sum_of_losses(golden):
    logits, target, fixated = (normal(name, (2, 224, 384)) for name in ("loss_logits", "loss_target", "loss_fixation"))
    truth = Truth((50 * target.abs()).clamp(max=255).round() / 255, fixated > 2)
    found = Prediction(logits.sigmoid())
    for term, name in (("kl", "kldiv"), ("cc", "cc"), ("nss", "nss")):
        loss, _ = saliency_loss(found, truth, {term: 1.0})
        assert loss.item() == pytest.approx(float(golden.data[f"loss/{name}"]), rel=1e-5, abs=2e-6)
    assert functional.sim(found.saliency, truth.density).mean().item() == pytest.approx(
        float(golden.data["loss/similarity"]), rel=1e-5
    )
    recipe = load_recipe(HOME / "benchmarks" / "recipes", "tmfinet", "paper")
    assert dict(recipe.stages[0].loss) == {"kl": 1.0, "cc": -1.0}
    loss, _ = saliency_loss(found, truth, recipe.stages[0].loss)
    assert loss.item() == pytest.approx(float(golden.data["loss/total"]), rel=1e-5)


def test_maps_are_written_as_the_authors_write_them_by_the_protocol_of_vinet(golden):
    maps = normal("post_map", (1, 224, 384)).sigmoid()
    for step, name in zip(protocol("vinet").saving, ("resized", "blurred", "uint8"), strict=True):
        maps = step(maps, (240, 320))
        want = golden.data[f"post/{name}"]
        if name != "uint8":
            flat = maps.flatten()
            found = flat[[i * flat.numel() // 64 for i in range(64)]].numpy()
            np.testing.assert_allclose(found, want, atol=2e-6)
    wrong = np.abs(maps[0].numpy().astype(int)[::4, ::4] - want.astype(int))
    assert wrong.max() <= 1
    assert (wrong > 0).mean() < 0.002
