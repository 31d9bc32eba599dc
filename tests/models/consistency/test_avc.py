"""The AVC-aware scheme: classifiers, their sounds, and the switch."""

import math

import pytest
import torch
from tiny_networks import SMALL_CLASSIFIER as SMALL
from tiny_networks import clip
from tiny_networks import switched as build
from torch.nn import functional as F

from avsal_bench.audio.correspondence import DecibelSpectrogram, SecondSpectrogram, TwoSounds, span_around
from avsal_bench.audio.waveform import Waveform
from avsal_bench.catalogue.counting import count
from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.avc import CLASSIFIERS, HOSTS
from avsal_bench.models.correspondence.avenet import AVENet
from avsal_bench.models.correspondence.avid import AVIDClassifier
from avsal_bench.models.correspondence.l3net import L3Net

every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)
every_host = pytest.mark.parametrize("host", HOSTS)


def norms_and_convolutions(widths, inputs, kernel=9):
    """Parameters of pairs of convolutions 3x3 without bias, each with a batch norm."""
    total = 0
    for width in widths:
        total += kernel * (inputs * width + width * width) + 4 * width
        inputs = width
    return total


def test_parameters_of_l3_net():
    blocks = norms_and_convolutions((64, 128, 256, 512), 3) + norms_and_convolutions((64, 128, 256, 512), 1)
    head = 1024 * 128 + 128 + 128 * 2 + 2
    assert parameters(L3Net()) == blocks + head == 9_504_898


def test_parameters_of_ave_net():
    blocks = norms_and_convolutions((64, 128, 256, 512), 3) + norms_and_convolutions((64, 128, 256, 512), 1)
    heads = 2 * (512 * 128 + 128 + 128 * 128 + 128) + 4
    assert parameters(AVENet()) == blocks + heads == 9_537_796


def test_parameters_of_avid():
    video = 3 * 64 * 3 * 49 + 2 * 64
    for inputs, width in ((64, 64), (64, 128), (128, 256), (256, 512)):
        factored = 9 * inputs * width + 3 * width * width + 9 * width * width + 3 * width * width
        shortcut = inputs * width if inputs != width else 0
        again = 2 * (9 + 3) * width * width
        video += factored + shortcut + again + 2 * 4 * 2 * width
    audio = 49 * 64 + 2 * 64
    for inputs, width in ((64, 64), (64, 128), (128, 256), (256, 512)):
        audio += 9 * (inputs * width + width * width) + 4 * width
    heads = 2 * (2 * (512 * 512 + 512) + 512 * 128 + 128)
    assert parameters(AVIDClassifier()) == video + audio + heads + 2 == 21_286_786


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def test_shapes_inside_l3_net_and_ave_net():
    shapes = {}
    for name, net in (("l3", L3Net(width=0.125)), ("avenet", AVENet(width=0.125))):
        for side in ("picture", "sound"):
            blocks = net.get_submodule(side)
            given = torch.randn(1, 3, 224, 224) if side == "picture" else torch.randn(1, 1, 257, 199)
            shapes[name, side] = tuple(blocks(given).shape[2:])
        assert net.picture.channels == 64
    assert shapes == {
        ("l3", "picture"): (28, 28),
        ("l3", "sound"): (32, 24),
        ("avenet", "picture"): (14, 14),
        ("avenet", "sound"): (16, 12),
    }


def test_shapes_inside_avid():
    net = AVIDClassifier(width=0.125).avid.eval()
    with torch.no_grad():
        assert net.video_model.feature(torch.randn(1, 3, 8, 224, 224)).shape == (1, 64, 1, 7, 7)
        assert net.audio_model.feature(torch.randn(1, 1, 200, 257)).shape == (1, 64, 13, 17)
    with torch.device("meta"):
        keys = AVIDClassifier().avid.state_dict()
    assert keys["video_model.conv3x.0.res_conv.weight"].shape == (128, 64, 1, 1, 1)
    assert keys["audio_proj.projection.4.weight"].shape == (128, 512)
    assert "video_model.conv2x.0.res_conv.weight" not in keys


@every_classifier
def test_what_classifiers_take_and_give(name):
    net = CLASSIFIERS[name](width=0.0625)
    sound = net.audio(torch.randn(100_000))
    assert sound.shape == ((1, 200, 257) if name == "avid" else (1, 257, 199))
    assert (net.frames, net.size) == (8 if name == "avid" else 1, (224, 224))
    seen = net.see(torch.randn(2, 3, net.frames, 64, 64))
    heard = net.hear(torch.stack([sound, 0.5 * sound]))
    assert seen.shape == heard.shape
    assert net.judge(seen, heard).shape == (2,)
    if name != "l3":
        for feature in (seen, heard):
            torch.testing.assert_close(feature.norm(dim=1), torch.ones(2))


@every_classifier
def test_gradients_reach_all_of_a_classifier(name):
    torch.manual_seed(0)
    net = CLASSIFIERS[name](**SMALL)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    sounds = torch.stack([net.audio(0.2 * torch.randn(100_000)) for _ in range(4)])
    logits = net(torch.randn(4, 3, net.frames, 64, 64), sounds)
    F.binary_cross_entropy_with_logits(logits, torch.tensor([1.0, 0.0, 1.0, 0.0])).backward()
    assert [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_avid_starts_at_its_temperature_and_ave_net_decides_by_distance():
    avid = AVIDClassifier(**SMALL)
    unit = F.normalize(torch.randn(3, 8))
    torch.testing.assert_close(avid.judge(unit, unit), torch.full((3,), 1 / 0.07))
    torch.testing.assert_close(avid.judge(unit, -unit), torch.full((3,), -1 / 0.07))
    ave = AVENet(**SMALL)
    ave.head.weight.data = torch.tensor([[1.0], [-2.0]])
    ave.head.bias.data = torch.tensor([0.5, 1.0])
    logits = ave.judge(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(logits, torch.tensor([-3 * math.sqrt(2) + 0.5]))


def test_the_second_spectrogram_by_its_formula():
    excerpt = 0.3 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    found = SecondSpectrogram()(excerpt)[0]
    window = torch.hann_window(480)
    for column in (0, 77, 198):
        part = F.pad(excerpt[240 * column : 240 * column + 480] * window, (0, 32))
        expected = torch.fft.rfft(part).abs().clamp_min(1e-12).log() / 5
        torch.testing.assert_close(found[:, column], expected, atol=1e-4, rtol=1e-4)
    assert SecondSpectrogram()(torch.zeros(1)).unique().tolist() == [pytest.approx(math.log(1e-12) / 5)]


def test_the_decibel_spectrogram_by_its_formula():
    excerpt = 0.3 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    found = DecibelSpectrogram()(excerpt)[0] * 19.7 - 28.5
    power = torch.fft.rfft(excerpt[240 * 50 - 512 : 240 * 50 + 512] * torch.hann_window(1024)).abs().square()
    row = 10 * torch.cat([power[:1], (power[1::2] + power[2::2]) / 2]).log10()
    torch.testing.assert_close(found[50], row, atol=1e-2, rtol=1e-3)


def test_quiet_bands_lie_at_most_100_decibels_below_the_loudest():
    time = torch.arange(48_000) / 24_000
    decibels = DecibelSpectrogram()(torch.sin(2 * torch.pi * 3000 * time)) * 19.7 - 28.5
    assert decibels.max() - decibels.min() == pytest.approx(100, abs=1e-3)
    assert DecibelSpectrogram()(torch.zeros(1)).unique().tolist() == [pytest.approx((-100 + 28.5) / 19.7)]


def test_the_sound_around_a_frame_stays_inside_the_sound():
    for frame in range(1, 101):
        start, stop = span_around(frame, frame, 25.0, 24_000, 48_000, 96_000)
        assert 0 <= start < stop <= 96_000
        assert stop - start == 48_000
    assert span_around(10, 10, 25.0, 24_000, 48_000, 5_000) == (0, 5_000)
    assert span_around(50, 50, 25.0, 24_000, 48_000, 0) == (0, 0)


def test_two_sounds_are_joined_and_taken_apart():
    both = TwoSounds(Waveform(8, shape=(1, 1, -1)), SecondSpectrogram())
    excerpt = 0.1 * torch.randn(7_000)
    joined = torch.stack([both(excerpt), both(-excerpt)])
    first, second = both.parts(joined)
    assert torch.equal(first[0], both.clip(excerpt))
    assert torch.equal(second[1], both.target(-excerpt))
    assert both.span(3, 10, 25.0, 100_000) == both.clip.span(3, 10, 25.0, 100_000)
    with pytest.raises(ValueError, match=r"a sound of shape \(2, 5\); expected"):
        both.parts(joined[:, :5])


def decided(net, *items):
    """Let the classifier decide so."""
    logits = torch.tensor([1.0 if item else -1.0 for item in items])
    net.classifier.judge = lambda seen, heard: logits.to(seen)
    return net


@every_host
def test_an_open_switch_changes_nothing(host):
    net = build(host)
    frames, audio = clip(net.spec, 2)
    own = net.sounds.parts(audio)[0]
    with torch.no_grad():
        expected = net.host(frames, own)
        assert torch.equal(decided(net, 1, 1)(frames, audio), expected)
        net.avc = "none"
        assert torch.equal(net(frames, audio), expected)
        assert torch.equal(net(frames, audio, torch.tensor([True, True])), expected)
        assert torch.equal(net.to_map(expected), net.host.to_map(expected))


@every_host
def test_equation_2_item_by_item(host):
    net = decided(build(host), 1, 0)
    frames, audio = clip(net.spec, 2)
    own = net.sounds.parts(audio)[0]
    with torch.no_grad():
        switched, heard = net(frames, audio), net.host(frames, own)
        seen = net.host(frames, own, use_audio=torch.tensor([False, False]))
    torch.testing.assert_close(switched[0], heard[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(switched[1], seen[1], atol=1e-5, rtol=0)


@every_host
def test_the_host_gets_the_sound_it_gets_alone(host):
    net = build(host)
    alone = create_model(host, **model_entry(host).tiny, modality="av")
    assert net.sounds.clip == alone.spec.audio
    assert (net.spec.frames, net.spec.size, net.spec.target) == (
        alone.spec.frames,
        alone.spec.size,
        alone.spec.target,
    )
    excerpt = 0.1 * torch.randn(9_000)
    (first, _) = net.sounds.parts(net.spec.audio(excerpt)[None])
    assert torch.equal(first[0], alone.spec.audio(excerpt))


def test_the_switch_stands_at_a_half():
    net = build()
    frames, audio = clip(net.spec, 2)
    net.classifier.judge = lambda seen, heard: torch.tensor([0.0, -1e-6])
    used = []
    net.host.forward = lambda frames, audio, use_audio: used.append(use_audio.tolist()) or frames
    net(frames, audio)
    assert used == [[True, False]]
    torch.testing.assert_close(net.consistency(frames, audio), torch.tensor([0.5, 0.5]))


def test_labels_switch_at_test_time():
    net = build(avc="labels")
    assert net.switched_by_labels
    frames, audio = clip(net.spec, 2)
    own = net.sounds.parts(audio)[0]
    places = [Place(f"avad/{label}", tuple(range(1, 17)), label) for label in (False, True)]
    with torch.no_grad():
        found = net.predict(Clips.of(frames, places), audio, Memory())
        expected = net.host(frames, own, use_audio=torch.tensor([False, True]))
        predicted = build(avc="predicted")
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
        assert not predicted.switched_by_labels
        # Other switches do not look at labels.
        found = predicted.predict(Clips.of(frames, places), audio, Memory())
        torch.testing.assert_close(found, predicted(frames, audio), rtol=0, atol=1e-6)


@every_host
@pytest.mark.parametrize("labels", [(True, False), (False, False), (True, True)])
def test_the_ideal_switch_is_the_learned_one_where_the_decisions_are_the_labels(host, labels):
    learned, ideal = decided(build(host), *labels), build(host, "labels")
    ideal.load_state_dict(learned.state_dict())
    frames, audio = clip(learned.spec, 2)
    places = [Place(f"avad/{i}", tuple(range(1, frames.shape[2] + 1)), label) for i, label in enumerate(labels)]
    with torch.no_grad():
        found = [net.predict(Clips.of(frames, places), audio, Memory()) for net in (learned, ideal)]
        assert torch.equal(*found)


@every_host
def test_windows_are_predicted_by_the_network_whose_switch_it_is(host, monkeypatch):
    """Bit by bit as by itself where all items hear, by its own way where some do, and by no whole window."""
    net = decided(build(host), True, True)
    frames, audio = clip(net.spec, 2)
    places = [Place(f"avad/{i}", tuple(range(1, frames.shape[2] + 1))) for i in range(2)]
    own = net.sounds.parts(audio)[0]
    with torch.no_grad():
        by_itself = net.host(frames, own, use_audio=torch.tensor([True, False]))
        monkeypatch.setattr(type(net.host), "forward", lambda *_, **__: pytest.fail("a window by itself"))
        found = net.predict(Clips.of(frames, places), audio, Memory())
        assert torch.equal(found, net.host.predict(Clips.of(frames, places), own, Memory()))
        some = decided(build(host), True, False)
        switched = some.predict(Clips.of(frames, places), audio, Memory())
    torch.testing.assert_close(switched, by_itself, rtol=0, atol=1e-5)


def test_the_pictures_of_several_sounds_are_seen_once():
    net = build("vinet")
    frames, audio = clip(net.spec, 2)
    calls = []
    net.classifier.avid.video_model.register_forward_hook(lambda *_: calls.append("seen"))
    deepest, encode = net.host.s3d.base4, net.host.s3d.base4.forward
    # No hook: with one, a host goes by whole windows.
    deepest.forward = lambda x: calls.append("encoded") or encode(x)
    clips = Clips.of(frames, [Place(f"avad/{i}", tuple(range(1, 17))) for i in range(2)])
    memory = Memory()
    with torch.no_grad():
        for heard in (audio, -audio, 0.5 * audio):
            net.predict(clips, heard, memory.other_sound())
    assert sorted(calls) == ["encoded", "seen"]


def test_a_host_that_predicts_without_a_switch_goes_by_whole_windows():
    net = decided(build("vinet"), True, False)
    net._switches_windows = False
    frames, audio = clip(net.spec, 2)
    clips = Clips.of(frames, [Place(f"avad/{i}", tuple(range(1, 17))) for i in range(2)])
    with torch.no_grad():
        assert torch.equal(net.predict(clips, audio, Memory()), net(frames, audio))


def test_a_switch_by_labels_without_labels():
    net = build(avc="labels")
    frames, audio = clip(net.spec, 1)
    clips = Clips.of(frames, [Place("avad/a", tuple(range(1, 17)))])
    for call in (lambda: net(frames, audio), lambda: net.predict(clips, audio, Memory())):
        with pytest.raises(ValueError, match="switched by the label of each target frame, and got none"):
            call()


def test_the_switches_have_the_same_weights():
    keys = [build("stavis", avc).state_dict().keys() for avc in ("predicted", "labels", "none")]
    assert keys[0] == keys[1] == keys[2]


def test_nothing_of_the_saliency_loss_reaches_the_classifier():
    net = decided(build("stavis").train(), 1, 0)
    net(*clip(net.spec, 2)).sum().backward()
    assert all(p.grad is None for p in net.classifier.parameters())
    assert net.host.fuse.weight.grad.any()
    assert net.host.fuse_av.weight.grad.any()


def test_a_closed_switch_is_deaf():
    net = decided(build("caspnet"), 0, 0)
    frames, audio = clip(net.spec, 2)
    with torch.no_grad():
        assert torch.equal(net(frames, audio), net(frames, clip(net.spec, 2, seed=7)[1]))


@every_classifier
def test_what_the_classifier_sees_is_the_target_frame_in_imagenet_units(name):
    net = build("stavis", classifier=name)
    seen = []
    net.classifier.see = lambda x: seen.append(x) or torch.zeros(len(x), 8)
    pictures = torch.rand(1, 3, net.spec.frames, 64, 96)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1, 1) for v in (net.spec.mean, net.spec.std))
    net.embed((pictures - mean) / std, clip(net.spec, 1)[1])
    (x,) = seen
    assert x.shape == (1, 3, net.classifier.frames, 64, 64)
    imagenet = [torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    # Eight pictures 25/16 apart around frame 4, the target, of eight; those beyond an end are the end.
    for at, frame in enumerate((0, 0, 2, 3, 5, 6, 7, 7) if name == "avid" else (4,)):
        expected = F.interpolate(pictures[:, :, frame], (64, 64), mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(x[0, :, at] * imagenet[1] + imagenet[0], expected, atol=1e-4, rtol=0)


def test_the_visual_network_has_no_switch():
    net = build("stavis", modality="v")
    frames, audio = clip(net.spec, 1)
    assert audio is None
    with torch.no_grad():
        assert torch.equal(net(frames), net.host(frames))
    both = build("stavis")
    both.load_visual(net.state_dict())
    assert torch.equal(both.host.fuse.weight, net.host.fuse.weight)


def test_what_cannot_be_built():
    for options, text in (
        ({"network": "dave"}, "dave has no way around the sound"),
        ({"network": "stavs"}, "unknown model 'stavs'; did you mean 'stavis'"),
        ({"classifier": "l2"}, "unknown classifier 'l2'"),
        ({"avc": "on"}, "unknown avc 'on'"),
    ):
        with pytest.raises(ValueError, match=text):
            create_model("avc", **options)


def test_all_of_a_switched_network_is_counted():
    counted = {name: count(lambda name=name: build(avc=name)).macs for name in ("none", "predicted")}
    classifier = counted["predicted"] - counted["none"]
    assert classifier > 1_000_000
    assert counted["none"] == count(lambda: build().host).macs


def test_rows_are_named_after_the_network_and_the_switch():
    label = model_entry("avc").label
    assert label({"network": "stavis"}) == "avc-stavis"
    assert label({"network": "vinet", "avc": "labels"}) == "avc-vinet-ideal"
    assert label({"network": "vinet", "avc": "predicted", "classifier": "avid"}) == "avc-vinet"
    assert label({"network": "vinet", "classifier": "l3", "avc": "labels"}) == "avc-vinet-l3-ideal"
    assert label({"network": "caspnet", "avc": "none"}) == "avc-caspnet-none"
