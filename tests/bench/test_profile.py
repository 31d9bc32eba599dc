"""``avsal bench MODEL --profile``: where the time of a test and a training goes, and what is left behind: nothing."""

import time

import pytest
import torch
from small_job import SMALL
from tiny_networks import create_tiny
from torch import nn

from avsal_bench.bench.computing.compiling import can_compile
from avsal_bench.bench.fit import channels_last
from avsal_bench.bench.profiling.advice import profile_text
from avsal_bench.bench.profiling.profile import Profile
from avsal_bench.bench.profiling.watching import Spent
from avsal_bench.cli.app import main
from avsal_bench.timing import stopwatch
from avsal_bench.timing.stopwatch import Stopwatch, measuring, timed

# The stopwatch.


def test_what_is_done_within_something_is_taken_off_it(monkeypatch):
    clock = iter([0.0, 1.0, 4.0, 4.5, 6.0])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = Stopwatch()
    watch.start("reading")
    watch.start("copying")
    watch.stop()
    watch.stop()
    assert watch.seconds == {"reading": 1.5, "copying": 3.0}


def test_a_lap_counts_anew(monkeypatch):
    clock = iter([0.0, 2.0, 5.0])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = Stopwatch()
    watch.start("network")
    assert watch.lap() == {"network": 2.0}
    assert watch.lap() == {"network": 3.0}


def test_a_gpu_is_waited_for_where_a_part_begins_and_ends():
    waits = []
    watch = Stopwatch(lambda: waits.append(1))
    with measuring(watch), timed("network"):
        assert len(waits) == 1
    assert len(waits) == 2


def test_nothing_is_measured_while_nobody_holds_a_watch():
    watch = Stopwatch()
    with timed("reading"):
        pass
    with measuring(watch):
        pass
    with timed("reading"):
        pass
    assert watch.seconds == {}
    assert timed("a") is timed("b"), "no object is made"
    began = time.process_time()
    for _ in range(10_000):
        with timed("reading"):
            pass
    assert time.process_time() - began < 0.5


def test_a_part_that_fails_ends_too():
    watch = Stopwatch()
    with measuring(watch):
        with pytest.raises(KeyError), timed("reading"):
            raise KeyError
        with timed("network"):
            pass
    assert set(watch.seconds) == {"reading", "network"}
    assert watch._doing == []


# The text.


def profile(seconds, **fields):
    usual = {
        "title": "test of vinet_av on diem",
        "spent": Spent(seconds, 10, 80),
        "item": "window",
        "device": "CPU, 2 threads",
        "prepared": (3, 20),
        "size": (224, 384),
        "workers": 0,
        "precision": "32-true",
        "learns": True,
        "compiles": False,
        "kept_maps": False,
    }
    return Profile(**{**usual, **fields})


def test_shares_are_of_all_and_parts_have_an_order():
    text = profile_text(profile({"network": 6.0, "reading": 2.0, "scoring": 0.0}))
    lines = text.splitlines()
    assert lines[0] == "test of vinet_av on diem: 10 batches, 80 windows; CPU, 2 threads, 32-true, 0 workers"
    assert [line.split()[0] for line in lines[2:6]] == ["reading", "network", "scoring", "all"]
    assert lines[3].split()[1:4] == ["75.00", "75.0", "%"]
    assert lines[6] == "10 windows a second"


@pytest.mark.parametrize(
    ("seconds", "fields", "told"),
    [
        (
            {"reading": 4.1, "network": 5.9},
            {},
            "reading takes 41 %: prepare the data (`avsal data prepare --size 224x384`",
        ),
        ({"reading": 4.1, "network": 5.9}, {"workers": 0, "prepared": (20, 20)}, "add processes that read (--workers"),
        ({"reading": 4.1, "network": 5.9}, {"workers": 999, "prepared": (20, 20)}, "a faster disk"),
        ({"copying": 2.0, "network": 8.0}, {"device": "NVIDIA H200"}, "copying takes 20 %: larger batches"),
        ({"scoring": 5.0, "network": 5.0}, {}, "scoring takes 50 %: it grows with the size of the ground truth"),
        ({"scoring": 5.0, "network": 5.0}, {"device": "NVIDIA H200"}, "while the GPU makes the next maps"),
        ({"writing": 5.0, "network": 5.0}, {"kept_maps": True}, "leave out --keep-maps"),
        ({"writing": 5.0, "network": 5.0}, {}, "writing takes 50 %: a picture of each video is drawn"),
        ({"optimiser": 5.0, "forward": 5.0}, {"item": "clip"}, "optimiser takes 50 %: larger batches"),
        ({"network": 9.0, "reading": 1.0}, {"device": "NVIDIA H200"}, "--precision bf16 computes in 16 bits"),
        ({"network": 9.0, "reading": 1.0}, {"precision": "bf16-mixed"}, "a GPU gains most"),
        (
            {"network": 9.0, "reading": 1.0},
            {"precision": "bf16-mixed", "device": "NVIDIA H200"},
            "nothing of the machine is left to turn on",
        ),
        ({"network": 9.0}, {"compiles": True, "device": "NVIDIA H200"}, "--compile may gain some"),
        ({"network": 9.0}, {"learns": False}, "what should take long; a GPU gains most"),
        ({"forward": 4.0, "backward": 4.0, "reading": 1.0}, {"item": "clip"}, "no part stands out"),
    ],
)
def test_advice_is_of_what_takes_long(seconds, fields, told):
    assert told in profile_text(profile(seconds, **fields))


def test_what_shares_between_windows_is_not_told_to_compile():
    assert [can_compile(create_tiny(name, "v"), predicts=True) for name in ("stavis", "tinyhd")] == [False, True]
    assert can_compile(create_tiny("stavis", "v"))


def test_weights_with_channels_last_are_the_same_weights():
    net = nn.Sequential(nn.Conv3d(2, 3, 3), nn.Flatten(2), nn.Conv1d(3, 4, 1), nn.Conv2d(1, 2, 3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    channels_last(net)
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


# The command.


@pytest.fixture
def ask(synth_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def asked(*words):
        code = main(["bench", *words, "--synth-root", str(synth_root), "--workers", "0"])
        return code, *capsys.readouterr()

    return asked


def small(*more):
    return [word for one in (*SMALL, *more) for word in ("--set", one)]


def test_a_network_is_profiled_and_nothing_is_left(ask, tmp_path):
    code, out, _ = ask("aclnet", "--profile", "--profile-batches", "2", "--preset", "smoke", *small())
    assert code == 0
    test, training = out.strip().split("\n\n")
    assert test.startswith("test of aclnet_v on synth: 2 batches, 22 windows; CPU")
    assert training.startswith("training of aclnet_v, stage dhf1k: 1 batch, 4 clips; CPU")
    for text, parts in (
        (test, ("reading", "copying", "network", "scoring", "writing", "other")),
        (training, ("reading", "copying", "forward", "backward", "optimiser", "other")),
    ):
        rows = [line.split() for line in text.splitlines() if " % " in line and "takes" not in line]
        assert [row[0] for row in rows] == [*parts]
        assert sum(float(row[2]) for row in rows) == pytest.approx(100, abs=0.4)
    assert not list(tmp_path.rglob("*.json")), "no record, no result, no digests"
    assert not list(tmp_path.rglob("*.ckpt"))
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_baseline_has_a_test_alone_in_float32_and_no_baselines_beside_it(ask, monkeypatch):
    monkeypatch.setattr("avsal_bench.bench.computing.precision.cpu_has_bf16", lambda: True)
    code, out, _ = ask("centre", "--profile", "--profile-batches", "1", "--preset", "smoke", "--precision", "bf16")
    assert ", 32-true, " in out.splitlines()[0]
    assert code == 0
    assert out.count("test of ") == 1
    assert "centre is not trained by its recipe, so there is no training to time" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["human_infinite", "--profile"], "human_infinite is made of observers and not of a network"),
        (["aclnet", "--profile-batches", "3"], "--profile-batches 3 goes with --profile"),
        (["aclnet", "--profile", "--launcher", "slurm"], "--profile times this machine; leave out --launcher slurm"),
        (["aclnett", "--profile"], "did you mean 'aclnet'"),
        (["aclnet", "--profile", "--precision", "fp8"], "unknown precision 'fp8'"),
        (["--profile"], "name a network"),
    ],
)
def test_what_cannot_be_profiled_is_told(ask, words, told):
    code, _, err = ask(*words, "--preset", "smoke")
    assert code == 2
    assert told in err


def test_batches_are_a_number(ask):
    with pytest.raises(SystemExit):
        ask("aclnet", "--profile", "--profile-batches", "0")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dave", "stanet", "stavis"])
def test_every_way_of_training_is_profiled(ask, name):
    code, out, err = ask(name, "--profile", "--profile-batches", "1", "--preset", "smoke")
    assert code == 0, err
    assert "training of" in out
    for part in ("forward", "backward", "optimiser"):
        assert f"\n{part} " in out
