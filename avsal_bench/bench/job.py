"""A job, and its words on the command line: written for another process, and read there. No heavy import."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from avsal_bench.files import fingerprint
from avsal_bench.records import SOUNDS, network_name
from avsal_bench.typed import named, seed, word

if TYPE_CHECKING:
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.spec import Sound
    from avsal_bench.training.recipe import Recipe

#: Half of the observers against the other half: planned and recorded like a network.
HUMAN = "human_infinite"


@dataclass(frozen=True)
class Job:
    """What is trained once, and tested on every set of its recipe, or on some of them.

    ``datasets`` and ``sounds`` only choose which records are made now; without ``sounds`` an audio-visual network is
    tested under those of its recipe. They are no part of the recipe, nor of what a record says, so the others can be
    made another day from the same weights.
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

    @property
    def network(self) -> str:
        """Name in file names and tables."""
        return network_name(self.model, self.modality)

    @property
    def name(self) -> str:
        """Name of the job."""
        return f"{self.network}-fold{self.fold}-seed{self.seed}"

    @property
    def key(self) -> str:
        """Name of its files: that of the job, and a fingerprint of all that makes it, whatever is tested now."""
        return f"{self.name}-{fingerprint({'arguments': replace(self, datasets=(), sounds=()).arguments()})[:8]}"

    def recipe(self, space: Workspace) -> Recipe:
        """The resolved recipe."""
        from avsal_bench.training.recipe import load_recipe  # which knows the losses, and so torch
        from avsal_bench.training.recipe_folder import recipe_folder

        return load_recipe(recipe_folder(self.model), self.model, self.preset, self.overrides)

    def arguments(self) -> list[str]:
        """Words of ``avsal run`` for this job, which :func:`job_options` read."""
        words = [self.model, "--fold", str(self.fold), "--seed", str(self.seed), "--preset", self.preset]
        words += ["--protocol", self.protocol]
        words += ["--modality", self.modality] if self.modality else []
        words += ["--datasets", ",".join(self.datasets)] if self.datasets else []
        words += ["--sound", ",".join(self.sounds)] if self.sounds else []
        return words + [word for override in self.overrides for word in ("--set", override)]


def job_options(parser: argparse.ArgumentParser) -> None:
    """Add what names one job."""
    parser.add_argument("model", metavar="MODEL", help="network; `avsal list` names them")
    parser.add_argument("--modality", default="", help="v, av or a; by default the richest the network has")
    parser.add_argument("--fold", type=int, default=1, choices=[1, 2, 3], help="of the lists (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="of weights and random draws (default: %(default)s)")


def recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add what one job and a whole plan are asked for alike."""
    parser.add_argument("--preset", type=word, help="of the recipe (default: paper with real data, else smoke)")
    parser.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override the recipe, such as stages.visual.epochs=2",
    )
    parser.add_argument(
        "--datasets", type=named, default=[], help="only these of the sets that the recipe tests, such as diem,avad"
    )
    sound_option(parser, "test audio-visual networks with these sounds, not those of their recipes")


def sound_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option that names what networks hear in a test."""
    parser.add_argument("--sound", type=named, default=[], metavar="NAMES", help=f"{text}: {','.join(SOUNDS)}")
