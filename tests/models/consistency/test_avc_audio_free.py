"""``use_audio``: the way around the sound that a network has for the items that should not hear."""

import pytest
import torch
from tiny_networks import clip

from avsal_bench.models import create_model, list_models, model_entry

#: Further options of the audio-visual network.
OPTIONS = {"stavis": {"visual_head": True}}
#: What hears, of each network: it must not see the items that do not hear.
ENCODERS = {
    "stavis": "soundnet",
    "vinet": "soundnet",
    "avrsp": "soundnet",
    "caspnet": "vggish",
    "stanet": "trunk_sound",
}
#: How far parameters are moved, where little hides the sound: STANet's masks start near one half.
NOISE = {"stanet": 0.1}
#: What only side outputs are made of.
SIDE = {"stanet": "heads.1."}
HOSTS = [name for name in list_models() if name in ENCODERS]

every_host = pytest.mark.parametrize("name", HOSTS)


def build(name, modality="av", **more):
    torch.manual_seed(0)
    extra = OPTIONS.get(name, {}) if modality == "av" else {}
    net = create_model(name, **model_entry(name).tiny, **{"modality": modality, **extra, **more})
    for parameter in net.parameters():  # away from values that start as no-ops
        parameter.data += NOISE.get(name, 0.02) * torch.randn_like(parameter)
    return net


def mask(*items):
    return torch.tensor([bool(item) for item in items])


def test_these_networks_have_a_way_around_the_sound():
    assert sorted(HOSTS) == ["avrsp", "caspnet", "stanet", "stavis", "vinet"]
    assert all(build(name).audio_free for name in HOSTS)


@every_host
@pytest.mark.parametrize("training", [True, False])
def test_all_true_is_the_network_bit_for_bit(name, training):
    net = build(name).train(training)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    frames, audio = clip(net.spec, 2)
    outputs = []
    for rows in (None, mask(1, 1)):
        net.load_state_dict(state)
        torch.manual_seed(1)
        output = net(frames, audio, use_audio=rows)
        net.zero_grad()
        output.square().sum().backward()
        outputs.append((output, {key: p.grad for key, p in net.named_parameters() if p.grad is not None}))
    (plain, its_gradients), (open_, gradients) = outputs
    assert torch.equal(plain, open_)
    assert its_gradients.keys() == gradients.keys()
    assert all(torch.equal(its_gradients[key], gradients[key]) for key in gradients)


@every_host
def test_all_false_is_the_visual_network_with_the_same_weights(name):
    net = build(name).eval()
    visual = build(name, "v").eval()
    own = net.state_dict()
    visual.load_state_dict({key: own.get(key, value) for key, value in visual.state_dict().items()})
    frames, audio = clip(net.spec, 2)
    with torch.no_grad():
        assert torch.equal(net(frames, audio, use_audio=mask(0, 0)), visual(frames))
        assert not torch.allclose(net(frames, audio), visual(frames))


@every_host
def test_every_item_goes_its_own_way(name):
    net = build(name).eval()
    frames, audio = clip(net.spec, 3)
    rows = mask(1, 0, 1)
    with torch.no_grad():
        together = net(frames, audio, use_audio=rows)
        for i in range(3):
            alone = net(frames[i : i + 1], audio[i : i + 1], use_audio=rows[i : i + 1])
            torch.testing.assert_close(alone[0], together[i], atol=1e-4, rtol=0)


@every_host
def test_what_hears_is_given_the_items_that_hear(name):
    net = build(name).eval()
    given = []
    net.get_submodule(ENCODERS[name]).register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    frames, audio = clip(net.spec, 3)
    with torch.no_grad():
        net(frames, audio, use_audio=mask(0, 1, 0))
        net(frames, audio, use_audio=mask(0, 0, 0))
    (heard,) = given
    assert torch.equal(heard, audio[1:2])


@every_host
def test_a_sound_that_is_not_used_changes_nothing(name):
    net = build(name).eval()
    frames, audio = clip(net.spec, 2)
    other = audio.clone()
    other[1] = clip(net.spec, 2, seed=5)[1][1]
    with torch.no_grad():
        assert torch.equal(*(net(frames, sound, use_audio=mask(1, 0)) for sound in (audio, other)))


@every_host
def test_both_ways_learn_together(name):
    net = build(name).train()
    frames, audio = clip(net.spec, 2)
    output = net(frames, audio, use_audio=mask(1, 0))
    (output * torch.randn_like(output)).sum().backward()
    silent = [key for key, p in net.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # Nothing after a bias that a softmax or a batch norm takes out again is left without a gradient.
    assert [key for key in silent if not key.endswith("bias") and not key.startswith(SIDE.get(name, "-"))] == []


@every_host
@pytest.mark.parametrize("rows", [torch.tensor([True]), torch.tensor([1.0, 0.0]), torch.ones(2, 1, dtype=torch.bool)])
def test_a_mask_that_is_not_one_bool_an_item(name, rows):
    net = build(name).eval()
    with pytest.raises(ValueError, match="expected one bool for each of the 2 items"):
        net(*clip(net.spec, 2), use_audio=rows)


def test_stavis_needs_its_visual_head_to_do_without_the_sound():
    net = build("stavis", visual_head=False).eval()
    frames, audio = clip(net.spec, 2)
    with pytest.raises(ValueError, match="build stavis with visual_head=True"):
        net(frames, audio, use_audio=mask(1, 0))


def test_the_visual_head_of_stavis_comes_from_its_visual_network():
    net, visual = build("stavis"), build("stavis", "v")
    visual.fuse.weight.data.fill_(3.0)
    net.load_visual(visual.state_dict())
    assert torch.equal(net.fuse.weight, visual.fuse.weight)
    plain = build("stavis", visual_head=False)
    assert set(net.state_dict()) - set(plain.state_dict()) == {"fuse.weight", "fuse.bias"}
    key, value = "fuse.weight", torch.zeros(1)
    assert plain.rename_published(key, value) is None
    assert net.rename_published(key, value) == (key, value)


@pytest.mark.slow
def test_cpc_off_and_the_bilinear_interaction_of_casp_net_go_around_too():
    for more in ({"cpc": False}, {"interaction": "bilinear"}, {"decoder": "fcn"}):
        net, visual = build("caspnet", **more).eval(), build("caspnet", "v", **more).eval()
        for key, parameter in net.named_parameters():
            if key.startswith(("avim.", "cpc.", "bilinear.")):
                parameter.data += 0.5 * torch.randn_like(parameter)
        visual.load_state_dict({key: net.state_dict()[key] for key in visual.state_dict()})
        frames, audio = clip(net.spec, 2)
        with torch.no_grad():
            mixed, heard = net(frames, audio, use_audio=mask(1, 0)), net(frames, audio)
            seen = visual(frames)
        torch.testing.assert_close(mixed[0], heard[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(mixed[1], seen[1], atol=1e-6, rtol=0)
        assert (heard - seen).abs().max() > 1e-5
