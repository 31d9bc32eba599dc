"""Joint training of a network and its switch: both losses, both supervisions, and what they refuse."""

from dataclasses import replace

import pytest
import torch
from tiny_networks import SMALL_CLASSIFIER as SMALL
from tiny_networks import clip
from tiny_networks import switched as build

from avsal_bench.models import model_entry
from avsal_bench.resources import resource
from avsal_bench.training.losses import Truth, kl_loss
from avsal_bench.training.recipe import load_recipe
from avsal_bench.training.tasks import TwoTask
from avsal_bench.training.two_task import TwoTaskModule, binary_loss, partners


def module(host="vinet", loss=None, avc="predicted", classifier="avenet", **two_task):
    torch.manual_seed(0)
    options = {
        "network": host,
        "classifier": classifier,
        "avc": avc,
        "network_options": model_entry(host).tiny,
        "classifier_options": SMALL,
    }
    loss = loss or {"kl": 1.0, "cc": -0.5}
    made = TwoTaskModule("avc", options, loss, {"name": "adam", "lr": 1e-4}, {"name": "constant"}, two_task=two_task)
    for parameter in made.net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    # A second look at a batch must find the same network.
    return made.eval()


def batch(net, labels=(True, False, True, False), videos=("a", "b", "c", "d")):
    draw = torch.Generator().manual_seed(2)
    n, (h, w) = len(videos), net.spec.size
    return {
        "frames": torch.randint(0, 255, (n, 3, net.spec.frames, h, w), dtype=torch.uint8, generator=draw),
        "audio": clip(net.spec, n)[1],
        "density": torch.rand(n, h, w, generator=draw),
        "fixated": None,
        "dataset": ["synth"] * n,
        "video": list(videos),
        "frame": [9] * n,
        "window": [tuple(range(1, 1 + net.spec.frames))] * n,
        **({} if labels is None else {"label": torch.tensor(labels)}),
    }


def forced(made, *logits):
    """Let the classifier answer so to the items' own sounds."""
    made.net.classifier.judge = lambda seen, heard: torch.tensor(logits)
    return made


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_equation_3(rho):
    made = forced(module(rho=rho), 2.0, -1.0, -3.0, 0.5)
    data = batch(made.net)
    consistency = binary_loss(torch.tensor([2.0, -1.0, -3.0, 0.5]), data["label"])
    use_audio = torch.tensor([True, False, False, True])
    saliency = made.output_loss(made.net(made.normalised(data), data["audio"], use_audio), data)[0]
    found = made.training_loss(data)
    torch.testing.assert_close(found, (1 - rho) * consistency + rho * saliency)


def test_the_classifier_switches_in_training_unless_the_labels_do():
    answers = (2.0, -1.0, -3.0, 0.5)
    for teacher, expected in ((False, [True, False, False, True]), (True, [True, False, True, False])):
        made = forced(module(teacher_forcing=teacher), *answers)
        used = []
        own = made.net.host.forward
        made.net.host.forward = lambda *inputs, use_audio, own=own, used=used: (
            used.append(use_audio.tolist()) or own(*inputs, use_audio=use_audio)
        )
        made.training_loss(batch(made.net))
        assert used == [expected]


def test_the_loss_of_the_host_or_the_divergence_alone():
    data = batch(module().net)
    for avsd_loss in ("host", "kl"):
        made = forced(module(avsd_loss=avsd_loss, rho=1.0), 1.0, 1.0, 1.0, 1.0)
        with torch.no_grad():
            maps = made.net(made.normalised(data), data["audio"], torch.tensor([True] * 4))
            found, divergence = made.training_loss(data), kl_loss(maps, Truth(data["density"]).density).mean()
        assert torch.isclose(found, divergence) == (avsd_loss == "kl")


@pytest.mark.parametrize("supervision", ["labels", "weak"])
@pytest.mark.parametrize("classifier", ["l3", "avenet", "avid"])
def test_both_tasks_learn(supervision, classifier):
    made = module("stavis", classifier=classifier, supervision=supervision).train()
    data = batch(made.net)
    use_audio = torch.tensor([True, False, True, False])
    own = made.net.host.forward
    made.net.host.forward = lambda *inputs, **_: own(*inputs, use_audio=use_audio)
    made.training_loss(data).backward()
    silent = {key for key, p in made.net.named_parameters() if p.grad is None or not p.grad.any()}
    # A softmax takes these out again, and the labels of STAViS's attention have no loss in an av network.
    assert {key for key in silent if not (key.startswith("host.score.") and key.endswith("bias"))} == set()


def test_a_way_that_nothing_goes_has_a_gradient_of_zero():
    made = forced(module("stavis", supervision="labels"), 1.0, 1.0, 1.0, 1.0).train()
    made.training_loss(batch(made.net)).backward()
    gradient = made.net.host.fuse.weight.grad
    assert gradient is not None
    assert not gradient.any()


def test_weak_pairs_are_half_of_the_batch_and_of_other_videos():
    data = {"dataset": ["x"] * 6, "video": ["a", "a", "b", "b", "c", "d"]}
    swapped = set()
    for seed in range(50):
        torch.manual_seed(seed)
        partner = partners(data)
        torch.manual_seed(seed)
        assert torch.equal(partner, partners(data))
        changed = [i for i in range(6) if partner[i] != i]
        assert len(changed) == 3
        assert all(data["video"][i] != data["video"][partner[i]] for i in changed)
        swapped |= set(changed)
    assert swapped == set(range(6))


def test_videos_of_one_name_in_two_sets_are_two():
    torch.manual_seed(0)
    assert sorted(partners({"dataset": ["x", "y"], "video": ["a", "a"]}).tolist()) in ([0, 0], [1, 1])


def test_weak_supervision_asks_about_the_pairs_and_switches_by_the_true_sound():
    made = module(supervision="weak", rho=0.0)
    data = batch(made.net, labels=None)
    frames = made.normalised(data)
    torch.manual_seed(5)
    with torch.no_grad():
        found = made.training_loss(data)
        torch.manual_seed(5)
        partner = partners(data)
        seen, heard = made.net.embed(frames, data["audio"])
        expected = binary_loss(made.net.classifier.judge(seen, heard[partner]), partner == torch.arange(4))
    torch.testing.assert_close(found, expected)
    assert (partner != torch.arange(4)).sum() == 2


def test_weak_supervision_needs_several_clips_at_a_time():
    made = module(supervision="weak")
    with pytest.raises(ValueError, match="weak pairs the sounds of several videos"):
        made.training_loss(batch(made.net, labels=None, videos=("a",)))


def test_a_batch_that_chance_draws_from_one_video_has_no_false_pairs():
    assert partners({"dataset": ["x"] * 3, "video": ["a"] * 3}).tolist() == [0, 1, 2]


def test_supervision_by_labels_without_labels():
    made = module()
    with pytest.raises(ValueError, match="needs batches with labels"):
        made.training_loss(batch(made.net, labels=None))


def test_labels_of_a_batch_reach_a_network_that_they_switch():
    made = module()
    net = build(avc="labels", classifier="avenet")
    net.load_state_dict(made.net.state_dict())
    made.net = net.eval()
    data = batch(made.net)
    with torch.no_grad():
        expected = net(made.normalised(data), data["audio"], data["label"])
        torch.testing.assert_close(made(data), net.to_map(expected), rtol=0, atol=1e-6)
        del data["label"]
        with pytest.raises(ValueError, match="switched by the label of each target frame"):
            made(data)


def test_what_is_not_possible():
    for plain, text in (
        ({"rho": 1.5}, "two_task: rho should be less than or equal to 1; got 1.5"),
        ({"rho": "0.5"}, "two_task: rho should be a number .*; got '0.5'"),
        ({"teacher_forcing": "no"}, "two_task: teacher_forcing should be true or false; got 'no'"),
        ({"avsd_loss": "cc"}, "unknown avsd_loss 'cc'"),
        ({"supervision": "none"}, "unknown supervision 'none'"),
        ({"row": 0.5}, "two_task: unknown key 'row'; did you mean 'rho'"),
        ({"supervision": "weak", "teacher_forcing": True}, "supervision: weak has none"),
    ):
        with pytest.raises(ValueError, match=text):
            TwoTask.from_plain(plain)
    with pytest.raises(ValueError, match="avc: labels switches at test time"):
        module(avc="labels")
    with pytest.raises(ValueError, match="stavis has no classifier to train"):
        TwoTaskModule("stavis", model_entry("stavis").tiny, {"kl": 1.0}, {}, {})


def test_the_presets_have_the_printed_loss_and_stanet_both_teachers():
    recipes = resource("recipes")
    for preset in ("paper", "weak", "stavis", "stanet", "stanet_pseudo"):
        assert load_recipe(recipes, "avc", preset).stages[-1].two_task["avsd_loss"] == "kl", preset
    assert load_recipe(recipes, "avc", "smoke").stages[-1].two_task["avsd_loss"] == "host", "its scores are kept"
    dense, pseudo = (load_recipe(recipes, "avc", preset) for preset in ("stanet", "stanet_pseudo"))
    assert [stage.teacher for stage in pseudo.stages] == ["pseudo", "pseudo"]
    taught = tuple(replace(stage, teacher="density") for stage in pseudo.stages)
    assert replace(pseudo, preset="stanet", stages=taught) == dense, "nothing else differs"
