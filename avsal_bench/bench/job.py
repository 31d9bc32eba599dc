"""A job, and its words on the command line: written for another process, and read there. No heavy import."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from avsal_bench.files import fingerprint
from avsal_bench.names import network_name, own_preset
from avsal_bench.records import SOUNDS
from avsal_bench.typed import above0, fold, named, seed, size, whole, word

if TYPE_CHECKING:
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.spec import Sound
    from avsal_bench.training.own_data import OwnData
    from avsal_bench.training.recipe import Recipe

#: Half of the observers against the other half: planned and recorded like a network.
HUMAN = "human_infinite"


@dataclass(frozen=True)
class Job:
    """What is trained once, and tested on every set of its recipe, or on some of them.

    ``datasets`` and ``sounds`` only choose which records are made now; without ``sounds`` an audio-visual network is
    tested under those of its recipe. They are no part of the recipe, nor of what a record says, so the others can be
    made another day from the same weights. ``own`` are the words of the command line that put data of one's own in the
    place of the preset's; see :func:`own_options`. ``precision`` is what the test computes in where that is not
    float32, such as ``bf16``: its records and results lie beside those in float32, of the same weights. ``decode`` is
    ``gpu`` where a GPU decodes the pictures of trainings: these are others than those of the CPU's decoder.
    ``train_only`` is a job that is done when its last stage is trained: it tests nothing, and has no record.
    """

    model: str
    modality: str
    fold: int
    seed: int
    preset: str
    protocol: str
    overrides: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    sounds: tuple[Sound, ...] = ()
    own: tuple[str, ...] = ()
    precision: str = ""
    decode: str = ""
    train_only: bool = False

    @property
    def network(self) -> str:
        """Name in file names and tables."""
        return network_name(self.model, self.modality)

    @property
    def name(self) -> str:
        """Name of the job."""
        precision = f"-{self.precision}" if self.precision else ""
        return f"{self.network}-fold{self.fold}-seed{self.seed}{precision}"

    @property
    def key(self) -> str:
        """Name of its files: that of the job, and a fingerprint of all that makes it, whatever is tested now."""
        return f"{self.name}-{fingerprint({'arguments': replace(self, datasets=(), sounds=()).arguments()})[:8]}"

    @property
    def preset_name(self) -> str:
        """Name of the preset of its recipe, as tables have it: with data of one's own it is another one."""
        if not self.own:
            return self.preset
        return own_preset(self.preset, self.own[self.own.index("--train") + 1].split(","))

    def recipe(self, space: Workspace) -> Recipe:
        """The resolved recipe."""
        from avsal_bench.training.recipe import load_recipe  # which knows the losses, and so torch
        from avsal_bench.training.recipe_folder import recipe_folder

        return load_recipe(recipe_folder(self.model), self.model, self.preset, self.overrides, own_data(self.own))

    def arguments(self) -> list[str]:
        """Words of ``avsal run`` for this job, which :func:`job_options` read; its machine says the precision."""
        words = [self.model, "--fold", str(self.fold), "--seed", str(self.seed), "--preset", self.preset]
        words += ["--protocol", self.protocol]
        words += ["--modality", self.modality] if self.modality else []
        words += ["--datasets", ",".join(self.datasets)] if self.datasets else []
        words += ["--sound", ",".join(self.sounds)] if self.sounds else []
        words += ["--decode", self.decode] if self.decode else []
        words += ["--train-only"] if self.train_only else []
        words += self.own
        return words + [word for override in self.overrides for word in ("--set", override)]


def job_options(parser: argparse.ArgumentParser) -> None:
    """Add what names one job."""
    parser.add_argument("model", metavar="MODEL", help="network; `avsal list` names them")
    parser.add_argument("--modality", default="", help="v, av or a; by default the richest the network has")
    parser.add_argument("--fold", type=fold, default=1, metavar="K", help="of the lists (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="of weights and random draws (default: %(default)s)")
    parser.add_argument("--train-only", action="store_true", help="train all stages, and test nothing")


def recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add what one job and a whole plan are asked for alike."""
    parser.add_argument("--preset", type=word, help="of the recipe (default: paper with real data, else smoke)")
    parser.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override the recipe, such as stages.audiovisual.epochs=2",
    )
    parser.add_argument(
        "--datasets", type=named, default=[], help="only these of the sets that the recipe tests, such as diem,avad"
    )
    text = (
        "what decodes JPEG in trainings; gpu is for those that wait for reading. Prepared frames, PNG and video files "
        "are read as usual. Its pixels differ by rounding, so it is another training, and records say so. It needs a "
        "GPU, and was not run on one yet (default: %(default)s; docs/speed.md)"
    )
    parser.add_argument("--decode", choices=["cpu", "gpu"], default="cpu", help=text)
    sound_option(parser, "test audio-visual networks with these sounds, not those of their recipes")
    own_options(parser)


def decode_of(args: argparse.Namespace) -> str:
    """What ``--decode`` says, as :class:`Job` has it."""
    return "" if args.decode == "cpu" else str(args.decode)


#: Options of data of one's own, and how their values are written.
_OWN: dict[str, Callable[[Any], str]] = {
    "train": ",".join,
    "test": ",".join,
    "frames": str,
    "size": lambda size: "x".join(map(str, size)),
    "epochs": str,
    "batch_size": str,
    "lr": repr,
    "clips": str,
}


def own_options(parser: argparse.ArgumentParser) -> None:
    """Add what puts data of one's own in the place of a preset's: the fields of ``training/own_data.py``."""
    group = parser.add_argument_group("training on your own data (docs/tutorials/add_data.md)")
    text = "train every stage on these sets, such as one that your dataset.yaml describes"
    group.add_argument("--train", type=named, metavar="SETS", help=text)
    group.add_argument("--test", type=named, metavar="SETS", help="test on these sets (default: those of --train)")
    group.add_argument("--frames", type=whole(1), metavar="N", help="frames of a clip (default: of the preset)")
    group.add_argument("--size", type=size, metavar="HxW", help="of frames, such as 128x192 (default: of the preset)")
    group.add_argument("--epochs", type=whole(1), metavar="N", help="of each stage (default: of the preset)")
    group.add_argument("--batch-size", type=whole(1), metavar="N", help="clips a batch (default: of the preset)")
    group.add_argument("--lr", type=above0, metavar="RATE", help="learning rate (default: of the preset)")
    group.add_argument(
        "--clips", type=whole(1), metavar="N", help="of each video in an epoch (default: the preset's, at least 12)"
    )


def own_words(args: argparse.Namespace) -> tuple[str, ...]:
    """The words of :func:`own_options` that were given, as another process reads them; none without ``--train``.

    Raises:
        ValueError: for one of the others without ``--train``, and an unknown data set; it suggests the nearest one.
    """
    given = {name: value for name in _OWN if (value := getattr(args, name, None)) is not None}
    if given and "train" not in given:
        name = next(iter(given)).replace("_", "-")
        way = "--datasets says which sets are tested" if name == "test" else "else change the recipe with --set"
        raise ValueError(f"--{name} goes with --train, which names the data sets to train on; {way}")
    if given:
        from avsal_bench.data.dataset import expand

        given |= {name: expand(given[name]) for name in ("train", "test") if name in given}
    return tuple(word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", _OWN[name](value)))


def own_data(words: Sequence[str]) -> OwnData | None:
    """What the words of :func:`own_words` say; None for none."""
    if not words:
        return None
    from avsal_bench.training.own_data import OwnData

    parser = argparse.ArgumentParser(add_help=False)
    own_options(parser)
    given = vars(parser.parse_args(list(words)))
    train = tuple(given.pop("train"))
    return OwnData(train, tuple(given.pop("test") or train), **given)


def sound_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option that names what networks hear in a test."""
    parser.add_argument("--sound", type=named, default=[], metavar="NAMES", help=f"{text}: {','.join(SOUNDS)}")
