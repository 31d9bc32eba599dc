"""Recipes for data of one's own: what ``--train`` and the options beside it make of a preset, as another preset.

The rules, for the published training (``paper``) and the small one (``smoke``) alike:

- Every stage trains on the sets of ``train``, one on stills too: its network looks at single frames of the videos.
  The networks are tested on ``test``.
- A recipe that has fewer than :data:`CLIPS` clips of each video in an epoch, for sets of hundreds, has so many; of
  stills, one.
- Three folds where one of the sets has three; else one, as the others would be the same again.
- ``epochs``, ``batch_size``, ``lr`` and ``clips`` hold for every stage. With ``epochs`` a schedule of milestones, which
  are those of another length, becomes a cosine with a short rise, as in the smoke presets.
- ``frames`` and ``size`` hold for every network that takes them, and must be taken by the one that is tested.
- Batch norms follow what they see as fast as PyTorch's do (:data:`BN_MOMENTUM`), where the network lets that be chosen:
  in some hundred steps the running statistics of the published 0.001 stay where they began.
- Losses, optimisers, augmentation, and what stages start from stay those of the preset.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avsal_bench.data.dataset import common_folds, dataset
from avsal_bench.models import model_entry
from avsal_bench.names import own_preset

#: Clips of a video in an epoch.
CLIPS = 12
#: Momentum of running statistics.
BN_MOMENTUM = 0.1
#: In the place of milestones.
SCHEDULE = {"name": "cosine", "warmup": 0.05}
#: Of a stage that names none.
OPTIMIZER = {"name": "adamw"}


@dataclass(frozen=True)
class OwnData:
    """Which data a network is trained and tested on in the place of its recipe's, and how.

    Args:
        train: names of data sets, at least one.
        test: names of data sets; by default those of ``train``.
        frames: of a clip.
        size: height and width of frames.
        epochs: of each stage.
        batch_size: clips a batch.
        lr: learning rate.
        clips: of each video in an epoch.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    frames: int | None = None
    size: tuple[int, int] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    clips: int | None = None

    def preset(self, base: str) -> str:
        """Name of the preset that is made of another.

        >>> OwnData(("mine",), ("mine",)).preset("paper")
        'paper-on-mine'
        """
        return own_preset(base, self.train)

    def changes(self, model: str, plain: Mapping[str, Any]) -> dict[str, Any]:
        """What changes in a recipe, in the form of a preset.

        Args:
            model: the network.
            plain: its recipe as the file has it, with the preset put in.

        Raises:
            ValueError: for a recipe that trains nothing, an option that the network does not take, and stills.
        """
        stages = {name: dict(stage) for name, stage in (plain.get("stages") or {}).items() if stage is not None}
        if not stages:
            raise ValueError(f"--train {','.join(self.train)}: {model} trains nothing here; test it with --datasets")
        sets = [*self.train, *self.test]
        found: dict[str, Any] = {
            "stages": {name: self._stage(plain, stage) for name, stage in stages.items()},
            "test": list(self.test),
            "folds": list(common_folds(sets)) if any(dataset(name).folds for name in sets) else [1],
        }
        if network := self._options(model, plain.get("network") or {}, must=True):
            found["network"] = network
        return found

    def _stage(self, plain: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**plain, **stage}
        words = whole.get("training") == "words"  # of an encoder of sound, on no data set
        own: dict[str, Any] = {} if words else {"data": list(self.train)}
        own |= {"stills": []} if whole.get("stills") else {}  # of a set that nobody asked for
        of_recipe = whole.get("clips_per_video", 1) if whole.get("clips_every") is None else CLIPS
        if not words and (self.clips is not None or (isinstance(of_recipe, int) and of_recipe < CLIPS)):
            stills = all(dataset(name).stills for name in self.train)
            own["clips_per_video"] = self.clips or (1 if stills else CLIPS)
            own |= {"clips_every": None} if whole.get("clips_every") is not None else {}
        trains = whole.get("epochs") != 0  # else it only puts networks together
        own |= {"epochs": self.epochs} if self.epochs is not None and trains else {}
        own |= {"batch_size": self.batch_size} if self.batch_size is not None else {}
        own |= {"optimizer": {**(whole.get("optimizer") or OPTIMIZER), "lr": self.lr}} if self.lr is not None else {}
        if self.epochs is not None and (whole.get("schedule") or {}).get("name") == "multistep":
            own["schedule"] = dict(SCHEDULE)
        if (other := stage.get("model")) and (options := self._options(other, stage.get("options") or {}, must=False)):
            own["options"] = options
        return own

    def _options(self, model: str, given: Mapping[str, Any], must: bool) -> dict[str, Any]:
        """``frames``, ``size`` and the momentum of batch norms as options of a network, or of the one inside it.

        Raises:
            ValueError: for one that it does not take, where it must.
        """
        asked: dict[str, Any] = {"frames": self.frames, "size": None if self.size is None else list(self.size)}
        asked = {name: value for name, value in asked.items() if value is not None}
        takes = options_of(model)
        found = {name: value for name, value in asked.items() if name in takes}
        if "bn_momentum" in takes and "bn_momentum" not in given:
            found["bn_momentum"] = BN_MOMENTUM
        left = {name: value for name, value in asked.items() if name not in takes}
        if "network_options" in takes:  # a network around another one
            inner = str(given.get("network", takes["network"].default))
            found["network_options"] = self._options(inner, given.get("network_options") or {}, must)
        elif left and must:
            name, value = next(iter(left.items()))
            told = "x".join(map(str, value)) if isinstance(value, list) else value
            raise ValueError(f"--{name} {told}: the {name} of {model} cannot be chosen; leave it out")
        return found


def options_of(model: str) -> Mapping[str, inspect.Parameter]:
    """The options of a network by their names.

    Raises:
        ValueError: for an unknown network.
    """
    return inspect.signature(model_entry(model).build).parameters
