"""One stage of a recipe: what may be said of it, of which type and in which range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import Self

from avsal_bench.data.dataset import Validation, expand
from avsal_bench.data.teachers import Teacher
from avsal_bench.data.utterances.speech_commands import RELEASES
from avsal_bench.names import plain_name, safe_name, unknown
from avsal_bench.schema import Above0, AtLeast0, Count, Flag, Number, Share, Whole
from avsal_bench.training.optimising import check_optimizer, check_schedule

#: How a stage trains: :mod:`avsal_bench.training.building` has a module for each.
Training = Literal[
    "clips", "alternating", "every_frame", "mean_of_frames", "denoising", "two_task", "contrast", "words"
]


def _numbers(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """YAML 1.1 reads ``1e-4`` as text; make it the number that everyone means."""
    return {
        key: _numbers(value) if isinstance(value, Mapping) else float(value) if _is_number(value) else value
        for key, value in mapping.items()
    }


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance(float(value), float)
    except ValueError:
        return False


#: ``name`` and arguments of an optimizer, or of a schedule.
Optimizer = Annotated[Mapping[str, Any], AfterValidator(_numbers), AfterValidator(check_optimizer)]
Schedule = Annotated[Mapping[str, Any], AfterValidator(_numbers), AfterValidator(check_schedule)]
#: What an audio-visual network hears while it is trained and validated: as in a test under the condition of that name.
Hears = Literal["original", "muted"]
#: Keys of a stage that came when recipes, stages and records were out there: at their defaults they are not told, so
#: that what was made before them is still what it was.
LATE_KEYS = ("contrast", "hears", "stills", "utterances", "val_muted", "validation")
#: Names of stages, which become folders, and of networks and presets, which stand in records.
StageName = Annotated[str, AfterValidator(partial(safe_name, "stage"))]
ModelName = Annotated[str, AfterValidator(partial(plain_name, "model"))]
PresetName = Annotated[str, AfterValidator(partial(plain_name, "preset"))]
#: Names of data sets, with ``six`` spelled out.
Sets = Annotated[tuple[str, ...], AfterValidator(lambda names: tuple(expand(names)))]


@dataclass(frozen=True, config={"extra": "forbid"})
class Stage:
    """One stage of training; the next one starts from its weights.

    Args:
        name: of the stage.
        data: data sets whose training lists it runs on, together; ``six`` in a file stands for six of them.
        epochs: passes over the clips of every video; 0 for a network that is only put together of what it starts from.
        modality: ``job`` for that of the job; ``v`` for the visual branch alone; ``av``: only ``av`` jobs have it.
        batch_size: clips a batch, over all processes (``bench/machine.py`` tells how they share it).
        clips_per_video: in an epoch.
        clips_every: frames to a clip, in the place of ``clips_per_video``: a long video then has more clips.
        loss: weight of each term of ``training/losses.py``.
        optimizer: ``name`` (adamw | adam | sgd) and its arguments; ``lr_scale`` multiplies the rate of the parameters
            whose names start with a key of it, wildcards allowed.
        schedule: ``name`` (plateau | cosine | multistep | constant) and its arguments.
        training: ``clips``, ``alternating`` with stills in every other epoch, ``every_frame`` for the sum of the losses
            of all frames of a clip, ``mean_of_frames`` for their mean, ``denoising`` for a diffusion network,
            ``two_task``, ``contrast``, or ``words`` to tell words apart.
        contrast: fields of :class:`~avsal_bench.training.tasks.Contrast`.
        two_task: fields of :class:`~avsal_bench.training.tasks.TwoTask`.
        teacher: ``density``, or ``pseudo`` for the maps of :mod:`avsal_bench.data.teachers`, also to validate on.
        model: name of another network that the stage trains, such as an image encoder's; "" for the recipe's own. A
            stage goes on from the last one before it that trains the same network.
        options: of the network in this stage; of the recipe's own network, over those of the recipe.
        start: weights that parts of the network start from, ``{<part>: <name>}``. ``<name>`` is one of published
            weights, which ``avsal weights`` lists and which must be imported; or ``<stage>.<part>`` for a part of the
            network of an earlier stage, dots and all; ``<stage>.`` for the whole of it. An option of the recipe's
            network may stand in braces, such as ``{encoder}_kinetics400``.
        side: weight of the loss of side outputs; it falls in even steps to ``side_last`` in the last epoch.
        side_last: weight of that loss in the last epoch; the same as ``side`` for one that stays.
        hears: ``original``; or ``muted`` for one sample of silence in the place of every sound, in training and in
            validation, as in a test under that condition.
        auxiliary: weight of each loss that the network computes itself, such as MSPI's audio-visual one.
        accumulate: batches whose mean gradient makes one step.
        sync_batchnorm: whether batch norms see the clips of all processes, which needs GPUs, and not those of each.
        flip: probability of a horizontal flip of a clip.
        clip_gradient: largest norm of the gradient; None for no limit.
        val_fraction: of the training videos, set aside to choose the checkpoint.
        validation: ``set_aside``, or ``official`` for a set's own part where that plays the test here
            (:func:`~avsal_bench.data.setting_aside.fit_and_val`); such a set is not tested then.
        val_stride: every n-th frame of those is validated on.
        val_muted: whether validation also tells the CC with the sound muted, ``val/cc_muted``. It chooses nothing.
        stills: of ``training: alternating``: sets whose training images, each once, are every other epoch; without any,
            target frames of the clips are its stills. A network that does not see leaves them out.
        utterances: of ``training: words``, which has no other data: the release of Speech Commands
            (:mod:`avsal_bench.data.utterances.speech_commands`).
    """

    name: StageName
    data: Sets
    epochs: Whole
    modality: Literal["job", "v", "av", "a"] = "job"
    batch_size: Count = 8
    clips_per_video: Count = 1
    clips_every: Count | None = None
    loss: Mapping[str, Number] = field(default_factory=lambda: {"kl": 1.0})
    optimizer: Optimizer = field(default_factory=lambda: {"name": "adamw", "lr": 1e-4})
    schedule: Schedule = field(default_factory=lambda: {"name": "constant"})
    training: Training = "clips"
    two_task: Mapping[str, Any] = field(default_factory=dict)
    teacher: Teacher = "density"
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    side: AtLeast0 = 0.0
    side_last: AtLeast0 = 0.0
    auxiliary: Mapping[str, Number] = field(default_factory=dict)
    accumulate: Count = 1
    sync_batchnorm: Flag = False
    flip: Share = 0.5
    clip_gradient: Above0 | None = None
    val_fraction: Share = 0.1
    val_stride: Count = 16
    contrast: Mapping[str, Any] | None = None
    hears: Hears = "original"
    val_muted: Flag = False
    validation: Validation = "set_aside"
    stills: Sets = ()
    utterances: str = ""

    @model_validator(mode="after")
    def _words_have_utterances(self) -> Self:
        if (self.training == "words") != bool(self.utterances):
            raise ValueError(
                "training: words and utterances go together: name a release, such as utterances: speech_commands_v0.01"
            )
        if self.utterances and self.utterances not in RELEASES:
            raise ValueError(f"utterances: {unknown('release', self.utterances, RELEASES)}")
        if self.utterances and (self.data or self.modality != "a"):
            raise ValueError("training: words learns from utterances alone; say `data: []` and `modality: a`")
        return self

    def plain(self) -> dict[str, Any]:
        """As plain values, without late keys that say nothing."""
        usual = {f.name: f.default for f in fields(self)}
        return {key: one for key, one in asdict(self).items() if key not in LATE_KEYS or one != usual[key]}
