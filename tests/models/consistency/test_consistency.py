"""CASP-Net's blocks, AVIM and CPC, against plain versions of their equations, with matrices and autograd."""

import json
from itertools import pairwise

import pytest
import torch
from conftest import HOME
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from avsal_bench.catalogue.counting import window_shapes
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.fusion.consistency import AVIM, CPC

GRID = (2, 3, 4)
N = 2 * 3 * 4


def awake(form: str, width: int = 5) -> AVIM:
    """An AVIM in float64 whose last layer is not zero."""
    torch.manual_seed(0)
    avim = AVIM(width, form).double()
    nn.init.normal_(avim.out.weight)
    nn.init.normal_(avim.out.bias)
    return avim


def inputs(width: int = 5, grid=GRID):
    draw = torch.Generator().manual_seed(1)
    visual = torch.randn(2, width, *grid, generator=draw, dtype=torch.float64)
    return visual, 3 * torch.randn(2, width, generator=draw, dtype=torch.float64)


def matrices(avim: AVIM, visual, audio):
    """Q, K and V ``(B, N, C)``, with the sound replicated to all positions before its layer, as the text says."""
    replicated = audio[:, None].expand(-1, visual[0, 0].numel(), -1)
    query, value = (layer(visual).flatten(2).transpose(1, 2) for layer in (avim.query, avim.value))
    return query, avim.key(replicated), value


def residual(avim: AVIM, visual, attended):
    return visual + avim.out(attended.transpose(1, 2).reshape(visual.shape))


def phi(x):
    return nn.functional.gelu(x) + 0.2


# AVIM


def test_the_quadratic_form_is_equation_1():
    avim, (visual, audio) = awake("quadratic"), inputs()
    query, key, value = matrices(avim, visual, audio)
    attended = torch.softmax(query @ key.transpose(1, 2) / N, dim=2) @ value
    torch.testing.assert_close(avim(visual, audio), residual(avim, visual, attended))


def test_the_linear_form_is_equations_3_and_4_over_n():
    avim, (visual, audio) = awake("linear"), inputs()
    query, key, value = matrices(avim, visual, audio)
    with_matrix = (phi(query) @ phi(key).transpose(1, 2)) @ value / N
    without = phi(query) @ (phi(key).transpose(1, 2) @ value) / N
    found = avim(visual, audio)
    torch.testing.assert_close(found, residual(avim, visual, with_matrix))
    torch.testing.assert_close(found, residual(avim, visual, without))


def test_phi_is_positive():
    x = torch.linspace(-6, 6, 10001)
    assert phi(x).min().item() == pytest.approx(0.030, abs=5e-4)


def test_the_softmax_of_one_sound_is_uniform():
    avim, (visual, audio) = awake("quadratic"), inputs()
    query, key, value = matrices(avim, visual, 100 * audio)
    weights = torch.softmax(query @ key.transpose(1, 2) / N, dim=2)
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / N))
    mean = value.mean(1, keepdim=True).expand_as(value)
    torch.testing.assert_close(avim(visual, 100 * audio), residual(avim, visual, mean))


def test_the_quadratic_form_is_deaf_and_the_linear_one_hears():
    visual, audio = inputs()
    change, gradient = {}, {}
    for form in ("quadratic", "linear"):
        avim = awake(form)
        sound = audio.clone().requires_grad_()
        found = avim(visual, sound)
        found.square().sum().backward()
        change[form] = (avim(visual, audio.flip(0)) - found).abs().max().item()
        gradient[form] = max(t.grad.abs().max().item() for t in (sound, avim.key.weight, avim.query.weight))
    assert change["quadratic"] < 1e-12
    assert gradient["quadratic"] < 1e-12
    assert change["linear"] > 0.1
    assert gradient["linear"] > 0.1


@pytest.mark.parametrize("form", ["linear", "quadratic"])
def test_an_avim_starts_as_the_identity(form):
    torch.manual_seed(0)
    visual, audio = torch.randn(2, 5, *GRID), torch.randn(2, 5)
    assert torch.equal(AVIM(5, form)(visual, audio), visual)


def test_a_form_that_is_none():
    with pytest.raises(ValueError, match=r"unknown form of AVIM 'linaer'; did you mean 'linear'"):
        AVIM(4, "linaer")


def test_the_work_of_the_linear_form_grows_with_n_and_of_the_quadratic_one_with_its_square():
    width, flops = 8, {}
    for form in ("linear", "quadratic"):
        for n in (64, 128, 256):
            avim = AVIM(width, form)
            # The fused attention is one operation, which the counter does not know on a CPU.
            with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
                avim(torch.randn(1, width, 2, 4, n // 8), torch.randn(1, width))
            flops[form, n] = counter.get_total_flops()
    layers, key = 3 * 2 * width**2, 2 * width**2  # Q, V and the last layer a position; the key once
    for n in (64, 128, 256):
        assert flops["linear", n] == layers * n + key
        assert flops["quadratic", n] - flops["linear", n] == 2 * 2 * width * n**2


def test_the_script_that_times_the_forms(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(HOME / "benchmarks" / "speed")
    import interaction

    path = tmp_path / "interaction.json"
    options = ["--width", "8", "--repeats", "1", "--json", str(path)]
    assert interaction.main(["--grids", "2x4x8", "2x8x16", *options]) == 0
    rows = json.loads(path.read_text())["measured"]
    assert [(row["form"], row["positions"]) for row in rows] == [(f, n) for n in (64, 256) for f in interaction.FORMS]
    largest = {(row["form"], row["positions"]): row["bytes"] for row in rows}
    assert [largest["quadratic, matrix", n] for n in (64, 256)] == [4 * n**2 for n in (64, 256)]
    for form in ("linear", "quadratic, fused"):
        assert [largest[form, n] for n in (64, 256)] == [4 * 8 * n for n in (64, 256)]
    with pytest.raises(SystemExit):
        interaction.main(["--grids", "2x4"])
    assert "expected three numbers each, such as 2x7x12" in capsys.readouterr().err


# CPC


def errors(cpc: CPC, levels, audio):
    """What every level is not foretold of, from the lowest to the highest."""
    low, middle, high = levels
    return (
        low - cpc.down1(middle, output_size=list(low.shape[2:])),
        middle - cpc.down2(high, output_size=list(middle.shape[2:])),
        high - cpc.down3(audio)[:, :, None, None, None],
    )


def energy(cpc: CPC, levels, audio):
    return sum(error.square().sum() for error in errors(cpc, levels, audio)) / 2


def plain_cpc(cpc: CPC, visual, audio, rate=0.1):
    """The loop with gradients from autograd; also the energies of each iteration: before it, and after each step."""
    gelu, energies = nn.functional.gelu, []
    low = visual.detach()
    for number in range(cpc.iterations):
        if number == 0 or cpc.state == "restarted":
            middle = gelu(cpc.up1(low))
            levels = [level.detach() for level in (low, middle, gelu(cpc.up2(middle)))]
        energies.append([energy(cpc, levels, audio).item()])
        for i in (2, 1, 0):
            levels[i].requires_grad_()
            (gradient,) = torch.autograd.grad(energy(cpc, levels, audio), levels[i])
            levels[i] = (levels[i] - rate * gradient).detach()
            energies[-1].append(energy(cpc, levels, audio).item())
        low = levels[0]
    return low, energies


@pytest.mark.parametrize("grid", [(2, 7, 12), (2, 2, 3), (4, 5, 6)])
@pytest.mark.parametrize("state", ["restarted", "kept"])
@pytest.mark.parametrize("iterations", [1, 3])
def test_every_step_of_cpc_is_autograds(grid, iterations, state):
    torch.manual_seed(0)
    cpc = CPC(4, iterations, state=state).double()
    visual, audio = inputs(4, grid)
    expected, _ = plain_cpc(cpc, visual, audio)
    torch.testing.assert_close(cpc(visual, audio), expected)


def test_kept_levels_bring_more_of_the_sound_to_the_feature():
    """One iteration is the same; from the second one on, what came from above stays, and comes further."""
    torch.manual_seed(0)
    cpc = CPC(8).double()
    visual, audio = inputs(8, (2, 4, 5))
    moved = {}
    for state in ("restarted", "kept"):
        for cpc.iterations in (1, 3):
            cpc.state = state
            moved[state, cpc.iterations] = (cpc(visual, audio) - cpc(visual, audio.flip(0))).norm().item()
    assert moved["kept", 1] == moved["restarted", 1]
    assert moved["kept", 3] > 1.5 * moved["restarted", 3]


def test_a_state_that_is_none():
    with pytest.raises(ValueError, match="unknown state of CPC 'keep'; did you mean 'kept'"):
        CPC(4, state="keep")


@pytest.mark.parametrize("seed", range(3))
def test_the_error_never_rises_over_a_step(seed):
    torch.manual_seed(seed)
    cpc = CPC(16, iterations=5).double()
    _, energies = plain_cpc(cpc, *inputs(16, (2, 7, 12)))
    assert all(after <= before for steps in energies for before, after in pairwise(steps))


@pytest.mark.parametrize("state", ["restarted", "kept"])
def test_the_errors_that_cpc_reads_out_are_those_of_the_plain_loop(state):
    torch.manual_seed(0)
    cpc = CPC(6, state=state).double()
    visual, audio = inputs(6, (2, 4, 5))
    found = cpc.errors(visual, audio)
    _, energies = plain_cpc(cpc, visual, audio)
    assert found.shape == (3, 2, len(visual))
    for (before, after), steps in zip(found.sum(-1).tolist(), energies, strict=True):
        assert before == pytest.approx(steps[0])
        assert after == pytest.approx(steps[-1])
    assert CPC(6, iterations=0).errors(visual.float(), audio.float()).shape == (0, 2, len(visual))


def test_the_error_of_a_trained_network_falls_with_every_iteration():
    torch.manual_seed(0)
    net = create_model("caspnet", **model_entry("caspnet").tiny, modality="av")
    shapes = window_shapes(net.spec)
    frames, audio = (torch.rand(2, *shape[1:]) for shape in shapes)
    truth = torch.rand(2, *net.spec.size)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(8):
        optimizer.zero_grad()
        F.mse_loss(net(frames, audio), truth).backward()
        optimizer.step()
    heard = []
    net.cpc.register_forward_pre_hook(lambda _, args: heard.append(args))
    with torch.no_grad():
        net.eval()(frames, audio)
        found = net.cpc.errors(*heard[0])
    assert (found[:, 1] < found[:, 0]).all(), "inference lowers it"
    assert (found[1:, 0] < found[:-1, 0]).all(), "so does each iteration"


def test_cpc_needs_no_gradients_to_run():
    torch.manual_seed(0)
    cpc = CPC(4)
    visual, audio = torch.randn(2, 4, 2, 3, 4), torch.randn(2, 4)
    with torch.inference_mode():
        found = cpc(visual, audio)
    torch.testing.assert_close(found, cpc(visual, audio))


def test_the_gradient_reaches_both_inputs_and_all_layers():
    torch.manual_seed(0)
    cpc = CPC(4)
    visual, audio = torch.randn(2, 4, 2, 3, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    cpc(visual, audio).square().sum().backward()
    assert visual.grad.any()
    assert audio.grad.any()
    assert [name for name, p in cpc.named_parameters() if not p.grad.any()] == []


def test_without_iterations_cpc_is_the_identity():
    visual = torch.randn(2, 4, 2, 3, 4)
    assert torch.equal(CPC(4, iterations=0)(visual, torch.randn(2, 4)), visual)


def test_cpc_has_the_parameters_that_are_expected():
    assert sum(p.numel() for p in CPC(256).parameters()) / 1e6 == pytest.approx(3.61, abs=0.005)
