"""The torchmetrics classes: means, collections, plots, Lightning, and the same scores for any number of processes."""

import json
import math
import pickle

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import distributed
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection

from avsal_bench import metrics as M
from avsal_bench.metrics import inputs

#: Each class, the function that it is the mean of, and the names of what both take.
CLASSES = {
    "CC": (M.cc, ("density",), (-1.0, 1.0)),
    "SIM": (M.sim, ("density",), (0.0, 1.0)),
    "KLDivergence": (M.kl_divergence, ("density",), (0.0, None)),
    "NSS": (M.nss, ("fixations",), (None, None)),
    "AUCJudd": (M.auc_judd, ("fixations",), (0.0, 1.0)),
    "ShuffledAUC": (M.shuffled_auc, ("fixations", "negatives"), (0.0, 1.0)),
    "InformationGain": (M.information_gain, ("fixations", "baseline"), (None, None)),
}
AREAS = ("AUCJudd", "ShuffledAUC")
N = 11


def frames(n=N) -> dict[str, torch.Tensor]:
    """Maps and their ground truth; in two frames nobody looked, and one density is empty."""
    generator = torch.Generator().manual_seed(0)
    pred, density, baseline = torch.rand(3, n, 8, 10, generator=generator)
    fixations, negatives = torch.rand(2, n, 8, 10, generator=generator) < 0.1
    fixations[2] = fixations[7] = False
    density[4] = 0.0
    return {"pred": pred, "density": density, "fixations": fixations, "negatives": negatives, "baseline": baseline}


FRAMES = frames()


def part(start, stop) -> dict[str, torch.Tensor]:
    return {name: value[start:stop] for name, value in FRAMES.items()}


def targets(name, batch) -> list[torch.Tensor]:
    return [batch[target] for target in CLASSES[name][1]]


def values_of(name) -> torch.Tensor:
    return CLASSES[name][0](FRAMES["pred"], *targets(name, FRAMES))


def filled(name, *stretches):
    metric = getattr(M, name)()
    for start, stop in stretches or ((0, 4), (4, 5), (5, N)):
        batch = part(start, stop)
        metric.update(batch["pred"], *targets(name, batch))
    return metric


@pytest.mark.parametrize("name", CLASSES)
def test_the_mean_of_what_is_defined(name):
    values = values_of(name)
    metric = filled(name)
    mean = metric.compute()
    assert mean.shape == ()
    assert mean.dtype == torch.float64
    assert mean.item() == pytest.approx(values.double().nanmean().item(), rel=1e-14)
    assert metric.undefined == values.isnan().sum() == (1 if "density" in CLASSES[name][1] else 2)
    assert (metric.plot_lower_bound, metric.plot_upper_bound) == CLASSES[name][2]
    assert metric.higher_is_better is (name != "KLDivergence")
    assert metric.is_differentiable is (name not in AREAS)
    assert metric.full_state_update is False


@pytest.mark.parametrize("name", CLASSES)
def test_reset_clone_pickle_merge_and_forward(name):
    expected = filled(name).compute()
    metric = filled(name, (0, 4), (4, 5))
    for copy in (metric.clone(), pickle.loads(pickle.dumps(metric))):
        copy.merge_state(filled(name, (5, N)))
        torch.testing.assert_close(copy.compute(), expected, rtol=1e-14, atol=0)
    batch = part(5, N)
    of_batch = metric(batch["pred"], *targets(name, batch))
    torch.testing.assert_close(of_batch, filled(name, (5, N)).compute(), rtol=1e-14, atol=0)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-14, atol=0)
    assert metric.undefined == filled(name).undefined
    assert not metric.state_dict()
    metric.persistent(True)
    loaded = getattr(M, name)()
    loaded.persistent(True)
    loaded.load_state_dict(metric.state_dict())
    assert loaded.undefined == metric.undefined
    metric.reset()
    assert metric.undefined == 0


def test_one_map_arrays_and_points():
    one = part(3, 4)
    points = one["fixations"][0].nonzero().flip(1)
    metric = M.NSS()
    metric.update(one["pred"][0].numpy(), points)
    metric.update(one["pred"].numpy(), [points.numpy()])
    metric.update(one["pred"].half(), one["fixations"].int())
    assert metric.compute().item() == pytest.approx(M.nss(one["pred"], one["fixations"]).item(), rel=1e-3)
    assert metric.undefined == 0


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_nothing_and_nothing_defined_have_no_mean():
    assert M.CC().compute().isnan()
    metric = filled("NSS", (2, 3), (7, 8))
    assert metric.compute().isnan()
    assert metric.undefined == 2


def test_what_does_not_fit_leaves_nothing():
    metric = M.NSS()
    with pytest.raises(ValueError, match="pred has shape"):
        metric.update(FRAMES["pred"], FRAMES["fixations"][1:])
    assert metric.compute().isnan()
    with pytest.raises(TypeError, match="negatives"):
        M.ShuffledAUC().update(FRAMES["pred"], FRAMES["fixations"])


@pytest.mark.parametrize("name", ["CC", "SIM", "KLDivergence", "NSS", "InformationGain"])
def test_forward_is_a_loss(name):
    batch = part(0, 6)  # with maps that have no score
    pred = batch["pred"].clone().requires_grad_()
    metric = getattr(M, name)()
    metric(pred, *targets(name, batch)).backward()
    assert pred.grad.isfinite().all()
    assert pred.grad[0].any()
    assert not metric.metric_state[f"sums_of_{name}"].requires_grad


# Collections.


def all_of() -> MetricCollection:
    return MetricCollection([getattr(M, name)() for name in CLASSES])


def test_a_collection_of_all_takes_targets_by_name():
    metrics = all_of()
    for start, stop in ((0, 4), (4, N)):
        metrics.update(**part(start, stop))
    result = metrics.compute()
    assert {name: value.item() for name, value in result.items()} == {
        name: filled(name, (0, 4), (4, N)).compute().item() for name in CLASSES
    }
    of_batch = all_of()(**part(4, N))
    assert of_batch.keys() == CLASSES.keys()
    of_densities = MetricCollection([M.CC(), M.SIM(), M.KLDivergence()])
    of_densities.update(FRAMES["pred"], FRAMES["density"])
    assert of_densities.compute()["CC"] == filled("CC", (0, N)).compute()


@pytest.mark.parametrize("first", [(2, 3), "perfect"])
def test_metrics_that_begin_alike_are_not_taken_for_one(first):
    """A collection shares states that are equal after its first batch: those of an undefined one, or a perfect one."""
    metrics = MetricCollection([M.CC(), M.SIM(), M.AUCJudd(), M.ShuffledAUC()])
    alike = part(*first) if first != "perfect" else part(0, 1)
    if first == "perfect":
        alike["pred"] = alike["density"] = alike["fixations"].float()
    metrics.update(**alike)
    metrics.update(**part(0, N))
    alone = {}
    for name in metrics:
        metric = getattr(M, name)()
        for batch in (alike, FRAMES):
            metric.update(batch["pred"], *targets(name, batch))
        alone[name] = metric.compute().item()
    assert {name: value.item() for name, value in metrics.compute().items()} == alone
    assert len(metrics.compute_groups) == 4


def test_plots():
    metric = filled("CC")
    figure, axes = metric.plot()
    assert axes.get_ylim()[0] <= -1
    assert axes.get_ylim()[1] >= 1
    assert figure is axes.figure
    _, axes = M.NSS().plot([torch.tensor(0.5), torch.tensor(1.0)])
    assert len(axes.lines) == 1


# Types and devices.


@pytest.mark.parametrize(
    "cast", [lambda m: m.half(), lambda m: m.to(torch.bfloat16), lambda m: m.double(), lambda m: m]
)
def test_sums_stay_float64_whatever_the_module_is_cast_to(cast):
    metric = filled("CC")
    expected = metric.clone().compute()
    holder = cast(torch.nn.ModuleDict({"metric": metric}))
    assert holder["metric"].compute() == expected
    holder["metric"].reset()
    assert holder["metric"].metric_state["sums_of_CC"].dtype == torch.float64
    metric.set_dtype(torch.float16)
    metric.update(FRAMES["pred"], FRAMES["density"])
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-14, atol=0)


def test_sums_are_float32_where_there_is_no_float64(monkeypatch):
    """As on an Apple GPU, for which the meta device stands in: it refuses float64 here."""
    metric = filled("CC")
    metric.compute()
    monkeypatch.setattr(inputs, "WITHOUT_FLOAT64", ("meta",))

    def move(tensor):
        assert tensor.dtype != torch.float64
        return tensor.to("meta")

    metric._apply(move)
    assert metric.metric_state["sums_of_CC"].dtype == torch.float32
    assert metric.metric_state["sums_of_CC"].is_meta
    metric.reset()
    assert metric.metric_state["sums_of_CC"].dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", CLASSES)
def test_a_gpu_gives_the_mean_of_a_cpu(name):
    metric = getattr(M, name)().cuda()
    batch = {key: value.cuda() for key, value in FRAMES.items()}
    metric.update(batch["pred"], *targets(name, batch))
    assert metric.compute().is_cuda
    assert metric.cpu().compute().item() == pytest.approx(filled(name).compute().item(), rel=1e-5)


# Lightning and processes.


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.scores = all_of().clone(prefix="val/")
        self.cc = M.CC()

    def validation_step(self, batch, index):
        pred = batch.pop("pred") * self.weight
        self.scores.update(pred, **batch)
        self.log_dict(self.scores)
        self.log("step", self.cc(pred, batch["density"]), batch_size=len(pred))
        self.log("cc", self.cc, on_epoch=True)


def test_lightning_logs_a_collection(tmp_path):
    items = [{name: value[i] for name, value in FRAMES.items()} for i in range(N)]
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    module = Module()
    for _ in range(2):  # it is reset after an epoch
        (logged,) = trainer.validate(module, DataLoader(items, batch_size=4), verbose=False)
        for name in CLASSES:
            expected = filled(name, (0, 4), (4, 8), (8, N)).compute().item()
            assert logged[f"val/{name}"] == pytest.approx(expected, rel=1e-6), name
        assert logged["cc"] == pytest.approx(logged["val/CC"], rel=1e-6)


#: Frames of each of two processes: unlike numbers, and none for one of them.
SHARES = {"uneven": ((0, 3), (3, N)), "one empty": ((0, 0), (0, N)), "both empty": ((0, 0), (0, 0))}


def means_of_a_share(rank, folder):
    """What one of two processes does: its share of the frames, and the means of all of them."""
    results = {}
    for kind, shares in SHARES.items():
        metrics = all_of()
        if shares[rank][0] < shares[rank][1]:
            metrics.update(**part(*shares[rank]))
        before = {name: metric.undefined for name, metric in metrics.items()}
        results[kind] = {name: value.item() for name, value in metrics.compute().items()}
        assert before == {name: metric.undefined for name, metric in metrics.items()}, "a process keeps its own share"
    assert distributed.get_world_size() == 2
    (folder / f"{rank}.json").write_text(json.dumps(results))


@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_give_the_means_of_one(two_processes, tmp_path):
    two_processes(means_of_a_share, tmp_path)
    for rank in range(2):
        results = json.loads((tmp_path / f"{rank}.json").read_text())
        for name in CLASSES:
            expected = filled(name, (0, N)).compute().item()
            assert results["uneven"][name] == pytest.approx(expected, rel=1e-14)
            assert results["one empty"][name] == expected
            assert math.isnan(results["both empty"][name])
