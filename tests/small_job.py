"""A training of seconds: ACLNet, which has no batch norms, and whose steps are those of the recipe in any parts."""

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.stages import trainings

#: ACLNet has no batch norms. With SGD rounding stays rounding; Adam divides by gradients that may be near zero.
SMALL = (
    "network.size=[64, 96]",
    "network.lstm_dropout=0",
    "clips_per_video=5",
    "batch_size=4",
    "accumulate=2",
    "val_fraction=0.15",
    "val_stride=4",
    "optimizer={name: sgd, lr: 1.0e-3, momentum: 0.9}",
    "stages.dhf1k.epochs=3",
)
ONE = Machine(devices=1, logger=("csv",))


def job(*more):
    return Job("aclnet", "v", 1, 0, "smoke", "stavis", (*SMALL, *more))


def folder_of(one, space):
    return trainings(one, one.recipe(space), space)[-1].folder


def command(space, one, *words):
    folders = {"synth-root": space.synth_root, "runs": space.runs, "leaderboard": space.leaderboard}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    return ["run", *one.arguments(), *options, "--workers", "0", *words]
