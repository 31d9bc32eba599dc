"""The parts of STANet against plain versions of their equations, its sound against scipy, and published weights."""

import numpy as np
import pytest
import torch
import torchvision
from scipy.signal import spectrogram
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.spectra import StandardisedPSD
from avsal_bench.models.backbones.sound_switch import SoundSwitch
from avsal_bench.models.layers.netvlad import NetVLAD
from avsal_bench.models.layers.recurrent.conv_gru import ConvGRU
from avsal_bench.models.stanet import SoundMask, SpaceMask, TimeMask
from avsal_bench.models.weights.loading import load_published
from avsal_bench.models.weights.offered import published_weights


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def tiny_switch() -> SoundSwitch:
    torch.manual_seed(0)
    return SoundSwitch(0.125, 0.125, (1, 1, 1, 1)).eval()


# Each equation against a plain version of it


def test_attention_over_positions():
    net, x = SpaceMask(6), random(2, 6, 3, 4)
    w = {name: conv.weight[:, :, 0, 0] for name, conv in net.named_children()}
    for item in range(2):
        at = x[item].flatten(1).T
        f, g, h = (at @ w[name].T + getattr(net, name).bias for name in "fgh")
        for j in range(12):
            scores = torch.stack([f[i] @ g[j] for i in range(12)])
            share = scores.exp() / scores.exp().sum()
            y = sum(share[i] * h[i] for i in range(12))
            mask = 1 / (1 + torch.exp(-(w["head"][0] @ y)))
            torch.testing.assert_close(net(x)[item, 0].flatten()[j], mask)


def test_mask_of_time():
    net, stack = TimeMask(3), random(2, 3, 3, 5, 4)
    mixed = torch.einsum("oct,bcthw->bohw", net.time.weight[..., 0, 0], stack) + net.time.bias[:, None, None]
    for conv in net.space:
        mixed = F.conv2d(mixed, conv.weight[:, :, 0], conv.bias, padding=1)
    torch.testing.assert_close(net(stack), mixed.sigmoid())


def test_mask_of_sound():
    net, feature, sound = SoundMask(5, 7, 4), random(2, 5, 3, 2), random(2, 7)
    found = net(sound, *net.look(feature))
    first, last = net.head[0], net.head[2]
    for item in range(2):
        a = net.sound.weight @ sound[item] + net.sound.bias
        v = net.picture.weight @ feature[item].mean((1, 2)) + net.picture.bias
        for row in range(3):
            for column in range(2):
                values = net.values.weight[:, :, 0, 0] @ feature[item, :, row, column] + net.values.bias
                mixed = torch.stack([((a[i] * v).exp() / (a[i] * v).exp().sum()) @ values for i in range(128)])
                hidden = (first.weight[:, :, 0, 0] @ mixed + first.bias).clamp(min=0)
                mask = torch.sigmoid(last.weight[0, :, 0, 0] @ hidden + last.bias[0])
                torch.testing.assert_close(found[item, 0, row, column], mask)


def test_gated_unit():
    net, x, h = ConvGRU(3, 2), random(2, 3, 2, 2), random(2, 2, 2, 2)
    found = net(x, h)

    def at(conv, *parts):
        return conv.weight[:, :, 0, 0] @ torch.cat(parts) + conv.bias

    for item in range(2):
        for row in range(2):
            for column in range(2):
                seen, before = x[item, :, row, column], h[item, :, row, column]
                z, r = (1 / (1 + torch.exp(-at(gate, seen, before))) for gate in (net.update, net.reset))
                after = (1 - z) * before + z * torch.tanh(at(net.out, seen, r * before))
                torch.testing.assert_close(found[item, :, row, column], after)


def test_netvlad():
    torch.manual_seed(0)
    net, x = NetVLAD(5, clusters=3, alpha=2.0), random(2, 5, 2, 4)
    for item in range(2):
        sums = torch.zeros(3, 5)
        for position in x[item].flatten(1).T:
            unit = position / position.norm()
            scores = torch.stack([4 * c @ unit - 2 * c.norm() for c in net.centroids])
            share = scores.exp() / scores.exp().sum()
            sums += torch.stack([share[k] * (unit - net.centroids[k]) for k in range(3)])
        sums = (sums / sums.norm(dim=1, keepdim=True)).flatten()
        torch.testing.assert_close(net(x)[item], sums / sums.norm())


# The switch


def test_the_switch_learns_from_true_and_from_swapped_pairs():
    switch = tiny_switch()
    frames, audio = random(3, 3, 64, 96), random(3, 1, 257, 48)
    with torch.no_grad():
        terms = []
        for i in range(3):
            for sound, label in ((i, 1), ((i - 1) % 3, 0)):
                logits = switch(frames[i : i + 1], audio[sound : sound + 1])[0]
                terms.append(-(logits[label] - logits.exp().sum().log()))
        torch.testing.assert_close(switch.pair_loss(frames, audio), torch.stack(terms).mean())
        with pytest.raises(ValueError, match="a batch of 2 or more"):
            switch.pair_loss(frames[:1], audio[:1])


def test_the_switch_in_a_plain_computation():
    switch = tiny_switch()
    frames, audio = random(2, 3, 64, 96), random(2, 1, 257, 48)
    with torch.no_grad():
        seen = switch.picture(switch.trunk_picture(frames)[2].mean((2, 3)))
        heard = switch.sound(switch.trunk_sound(audio))
        both = torch.einsum("bi,oij,bj->bo", heard, switch.both.weight, seen) + switch.both.bias
        torch.testing.assert_close(switch(frames, audio), both @ switch.head.weight.T + switch.head.bias)


# Published weights


def authors_resnet(net: nn.Module) -> dict[str, Tensor]:
    return {f"audnet.{key}": value for key, value in net.state_dict().items() if not key.startswith("fc.")}


def test_the_trunk_of_the_picture_takes_torchvisions_entries():
    entry = published_weights("resnext101_32x8d_wsl")
    with torch.device("meta"):
        ours, theirs = entry.build(), torchvision.models.resnext101_32x8d()
    renamed = [entry.rename(key, value) for key, value in theirs.state_dict().items()]
    shapes = {name: tuple(value.shape) for name, value in filter(None, renamed)}
    assert shapes == {name: tuple(value.shape) for name, value in ours.state_dict().items()}
    assert len(renamed) - len(shapes) == 2  # the classifier


def test_the_trunk_of_the_sound_takes_vggsounds_entries():
    entry = published_weights("vggsound_netvlad")
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    theirs.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    state = authors_resnet(theirs)
    state["audnet.avgpool.conv.weight"], state["audnet.avgpool.conv.bias"] = random(16, 512, 1, 1), random(16)
    state["audnet.avgpool.centroids"] = random(16, 512)
    state["audnet.fc_.weight"], state["audnet.fc_.bias"] = random(309, 8192), random(309)
    net = entry.build().eval()
    loaded = load_published(net, state, entry.rename)
    assert sorted(loaded.without_effect) == ["audnet.fc_.bias", "audnet.fc_.weight"]
    theirs.avgpool, theirs.fc = nn.Identity(), nn.Identity()
    sound = random(1, 1, 257, 48)
    with torch.no_grad():
        expected = theirs.eval()(sound).reshape(1, 512, 9, 2)
        torch.testing.assert_close(net.resnet(sound), expected)
    with pytest.raises(ValueError, match=r"leads nowhere: vidnet\.conv1\.weight"):
        load_published(net, {**state, "vidnet.conv1.weight": random(1)}, entry.rename)


# The sound


def test_the_spectrogram_is_scipys():
    front_end, x = StandardisedPSD(), 0.2 * np.random.default_rng(0).normal(size=7985).astype(np.float32)
    for sound in (x, np.sin(np.arange(7985) / 7).astype(np.float32), 0.5 + 1e-4 * x):
        power = spectrogram(sound.astype(np.float64), 16000, nperseg=512, noverlap=353)[2]
        log = np.log(power + 1e-7)
        expected = (log - log.mean()) / (log.std() + 1e-9)
        found = front_end(torch.from_numpy(sound))
        assert found.shape == (1, 257, 48)
        assert np.abs(found[0].numpy() - expected).max() < 1e-5


def test_silence_and_no_sound_are_zeros():
    for n in (1, 100, 7985, 9000):
        assert not StandardisedPSD()(torch.zeros(n)).any()


def test_a_short_sound_stands_in_the_middle_of_zeros():
    x = 0.2 * random(1001)
    padded = torch.cat([torch.zeros(3492), x, torch.zeros(3492)])
    assert torch.equal(StandardisedPSD()(x), StandardisedPSD()(padded))


@pytest.mark.parametrize(
    ("clip_frames", "n", "expected"),
    [
        ((50, 52), 100_000, (32000 - 3992, 32000 - 3992 + 7985)),  # frame 51 at 2 s
        ((1, 3), 100_000, (0, 7985)),
        ((150, 152), 96_000, (96_000 - 7985, 96_000)),
        ((10, 12), 5000, (0, 5000)),
        ((400, 402), 100_000, (100_000 - 7985, 100_000)),
    ],
)
def test_half_a_second_around_the_middle_frame_and_inside_the_sound(clip_frames, n, expected):
    assert StandardisedPSD().span(*clip_frames, 25.0, n) == expected
