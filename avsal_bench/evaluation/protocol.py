"""Protocols: every choice between a network's map and a score, under a name that each record carries.

Published scores of the same maps differ by protocol more than networks differ from each other; docs/protocols.md has
the table. A new protocol is one entry of :data:`PROTOCOLS`, or of a plug-in (:func:`register_protocol`); a choice that
no field can say yet is a new field or step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from avsal_bench.evaluation.steps import (
    Blur,
    Clip,
    EightBit,
    Halve,
    Jpeg,
    Levels,
    MinMax,
    Resize,
    ResizeLog,
    Step,
    Stretch,
)
from avsal_bench.plugins import enter, find, load_plugins
from avsal_bench.record_metrics import CROWDSAL, areas_above_1
from avsal_bench.records import METRICS, Averaging

if TYPE_CHECKING:
    import torch
    from torch import Tensor


#: Name of the package, whose own code is in every fingerprint of scores.
OWN = __name__.partition(".")[0]


@dataclass(frozen=True)
class Protocol:
    """How maps become scores, step by step.

    Args:
        name: of the protocol.
        source: whose code it follows, and where that is silent.
        saving: what the authors' inference code does to a network's map before it writes the file. Maps that come in
            8 bits are such files already, and skip it.
        scoring: what their evaluation code does to the map it reads, scaled to [0, 1] if in 8 bits. At the end
            MATLAB's bicubic ``imresize`` brings the map to the size of the ground truth, where it has another.
        negatives: of the shuffled AUC. ``video``: what is fixated in any frame of the video, less what is fixated
            in the frame itself. ``dataset``: what is fixated in ten frames of the test list, drawn once for each
            video by its name; a frame's own fixations stay.
        empty: SIM and KL where a map is zero everywhere. ``mit``: as in the MIT code, both are 0 where the ground truth
            is, which lowers a video's mean of them, and SIM is 0 and KL some 25 to 30 where the prediction is;
            ``nan``: not defined.
        blank: maps that are the same everywhere, and so say nothing. ``left out``: of the means of the metrics that
            have no score there, which raises them where the worst maps are such. ``chance``: such a frame counts as
            much as guessing does: CC and NSS 0, AUC-J and sAUC 1/2, SIM and KL of equal weights for all pixels. What
            the ground truth leaves undefined is left out.
        averaging: what is averaged first, see :data:`avsal_bench.records.Averaging`. In each metric a frame counts
            where that metric is defined.
        script_audio: whether a network that is tested here hears what the authors' test script gives it, where that
            is more or less than it was trained on (``Network.script_audio``). Maps from the disk are as they are.
        metrics: names of further metrics, such as those of plug-ins, that are scored beside the six of every record.
        formulas: of the metrics. ``mit``: those of the MIT code. ``crowdsal``: CC, NSS, AUC-J and SIM as the script of
            the challenges computes them: points count as often as they are listed, predictions and ground truth come to
            the steps in the levels of their files, and the ground truth is stretched too. That script has no sAUC and
            no KL: they are those of the MIT code on the same maps.
    """

    name: str
    source: str
    saving: tuple[Step, ...] = ()
    scoring: tuple[Step, ...] = ()
    negatives: Literal["video", "dataset"] = "video"
    empty: Literal["mit", "nan"] = "mit"
    blank: Literal["left out", "chance"] = "left out"
    averaging: Averaging = "videos"
    script_audio: bool = False
    # Out of its repr, which is a part of fingerprints: what was made without further metrics stays valid.
    metrics: tuple[str, ...] = field(default=(), repr=False)
    formulas: Literal["mit", "crowdsal"] = field(default="mit", repr=False)

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """Names of all metrics that are scored, the six first."""
        return (*METRICS, *self.metrics)

    def outside(self) -> list[object]:
        """Functions and classes of plug-ins that decide its scores."""
        from avsal_bench.metrics.further import further_metric  # here, as it needs torch

        parts = [*(further_metric(name).function for name in self.metrics), *map(type, (*self.saving, *self.scoring))]
        return [part for part in parts if str(getattr(part, "__module__", "")).partition(".")[0] != OWN]


_STAVIS = Protocol(
    name="stavis",
    source="atsiami/STAViS test_sal.py and eval_code/, as they really compute; PNG where they save JPEG",
    saving=(EightBit("down"),),
    scoring=(Clip(), MinMax(), Blur(sigma=2.0, kernel=13, border="symmetric")),
)

PROTOCOLS = {
    entry.name: entry
    for entry in (
        _STAVIS,
        replace(_STAVIS, name="stavis-chance", source="as stavis, but constant maps count as chance", blank="chance"),
        Protocol(
            name="vinet",
            source="samyak0210/ViNet generate_result.py and eval_diem.m, its average over videos",
            saving=(Resize("bilinear"), Blur(sigma=2.0, kernel=11, border="reflect"), EightBit("half_up")),
        ),
        Protocol(
            name="vinet-v2",
            source="ViNet-Saliency/vinet_v2 ViNet_S_inferences_metrics.py, which has no sAUC and counts undefined as 0",
            saving=(Resize("bilinear"), Blur(sigma=2.0, kernel=11, border="reflect")),
            averaging="frames",
        ),
        Protocol(
            name="mspi",
            source="oraclefina/MSPI inference.py; its evaluation names the metrics only, the rest is as in stavis",
            saving=(
                Blur(sigma=2.0, kernel=11, border="reflect", log=True),
                Resize("bilinear", (480, 640)),
                EightBit("nearest"),
                Jpeg(95),
            ),
            script_audio=True,
        ),
        Protocol(
            name="dave",
            source="hrtavakoli/DAVE for the maps; the evaluation of DHF1K, which dave2019, section 4.2, points to",
            saving=(EightBit("down"), Resize("lanczos", (480, 640)), Jpeg(75)),
            negatives="dataset",
            averaging="frames",
        ),
        Protocol(
            name="dhf1k",
            source="wenguanwang/DHF1K code_for_Metrics; maps are handed in as 8-bit files",
            saving=(EightBit("down"),),
            negatives="dataset",
            averaging="frames",
        ),
        Protocol(
            name="tasednet",
            source="MichiganCOG/TASED-Net run_example.py for the maps; they are handed in to the evaluation of DHF1K",
            saving=(Levels(), Blur(sigma=7.0, kernel=57, border="symmetric"), EightBit("down", low="zero")),
            negatives="dataset",
            averaging="frames",
        ),
        Protocol(
            name="unisal",
            source="rdroste/unisal for the maps and the average over videos; its metrics are others",
            saving=(ResizeLog(), EightBit("down", low="zero")),
            negatives="dataset",
        ),
        Protocol(
            name="hypersal",
            source="MinglangQiao/Sports_saliency for the maps; no evaluation is published, the rest is as in vinet",
            saving=(Halve(), Blur(sigma=2.0, kernel=11, border="reflect"), EightBit("half_up")),
        ),
        Protocol(
            name="crowdsal",
            source="msu-video-group/CrowdSAL bench.py, which NTIRE 2026 shares; averages as AViMoS (AIM 2024) has them",
            scoring=(Stretch(), Resize("opencv")),
            empty="nan",
            metrics=("AUC-J-mit",),
            formulas="crowdsal",
        ),
        Protocol(
            name="raw",
            source="the metrics of cvzoya/saliency on the maps as they are",
            empty="nan",
        ),
    )
}

#: Those whose further metrics, if any, are there for sure.
_OF_THE_PACKAGE = frozenset(PROTOCOLS)


def protocol(name: str) -> Protocol:
    """The protocol of that name, of the package or of a plug-in.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one. Also for one with a metric that nobody registered.
    """
    found = find("protocol", name, PROTOCOLS)
    if found.metrics and name not in _OF_THE_PACKAGE:
        from avsal_bench.metrics.further import further_metric  # here, as it needs torch

        for metric in found.metrics:
            further_metric(metric)
    return found


def register_protocol(rules: Protocol) -> Protocol:
    """Enter a protocol under its name.

    Raises:
        ValueError: for a name that is taken, a metric that stands in it twice or in every record anyhow, and formulas
            of ``crowdsal`` under a name that does not say so.
    """
    if twice := [metric for metric in rules.metrics if metric in METRICS or rules.metrics.count(metric) > 1]:
        raise ValueError(f"protocol {rules.name}: metric {twice[0]} is scored already; leave it out of `metrics`")
    if rules.formulas == "crowdsal" and not areas_above_1(rules.name):
        raise ValueError(
            f"protocol {rules.name}: by the formulas of crowdsal AUC-J may be above 1, which records may say under "
            f"names that begin with {CROWDSAL}- only; call it {CROWDSAL}-{rules.name}"
        )
    enter("protocol", rules.name, rules, PROTOCOLS, own=__file__ if rules.name in PROTOCOLS else "")
    return rules


def list_protocols() -> list[str]:
    """Names of all protocols, those of plug-ins last."""
    load_plugins()
    return list(PROTOCOLS)


def single_choices(base: Protocol) -> dict[str, Protocol]:
    """Protocols that differ from ``base`` in one choice each, by what that choice is.

    For ``avsal protocols --choices``, which tells how far each choice moves a score.
    """
    exact = tuple(step for step in base.saving if not isinstance(step, EightBit | Jpeg))
    eight_bit = tuple(step for step in base.saving if not isinstance(step, Jpeg))
    full_size = [
        part for step in base.scoring for part in ((Resize("matlab"), step) if isinstance(step, Blur) else (step,))
    ]
    resized = any(isinstance(step, Resize) for step in base.scoring)
    changed = {
        "not stored in 8 bits": replace(base, saving=exact),
        "8 bits rounded": replace(base, saving=_each(base.saving, EightBit, EightBit("nearest"))),
        "stored as JPEG, quality 75": replace(base, saving=(*eight_bit, Jpeg(75)) if exact != eight_bit else exact),
        "no blur": replace(base, saving=_each(base.saving, Blur), scoring=_each(base.scoring, Blur)),
        "blur of sigma 7": replace(base, saving=_wide(base.saving), scoring=_wide(base.scoring)),
        "blur at the ground truth's size": replace(base, scoring=tuple(full_size)),
        "bilinear resize": replace(base, scoring=(*base.scoring, *([] if resized else [Resize("bilinear")]))),
        "bicubic resize": replace(base, scoring=_each(base.scoring, Resize, Resize("matlab"))),
        "formulas of the MIT code": replace(base, formulas="mit"),
        "negatives of the whole set": replace(base, negatives="dataset"),
        "negatives of the same video": replace(base, negatives="video"),
        "empty maps undefined": replace(base, empty="nan"),
        "constant maps as chance": replace(base, blank="chance"),
        "mean over all frames": replace(base, averaging="frames"),
        "mean over videos": replace(base, averaging="videos"),
    }
    return {choice: replace(other, name=choice) for choice, other in changed.items() if other != base}


def _each(steps: tuple[Step, ...], kind: type[Step], *instead: Step) -> tuple[Step, ...]:
    """Steps with others, or none, in the place of each of one kind."""
    return tuple(part for step in steps for part in (instead if isinstance(step, kind) else (step,)))


def _wide(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps with each blur at sigma 7."""
    return tuple(replace(step, sigma=7.0, kernel=43) if isinstance(step, Blur) else step for step in steps)


def require_finite(maps: Tensor, where: Sequence[str] = ()) -> None:
    """Check that predictions ``(B, h, w)`` hold no NaN and no infinity.

    Raises:
        ValueError: naming the first that does, from ``where`` or by its place in the batch.
    """
    if not maps.is_floating_point():
        return
    require_finite_flags(maps.isfinite().all(-1).all(-1).cpu(), where)


def require_finite_flags(finite: Tensor, where: Sequence[str] = ()) -> None:
    """:func:`require_finite`, told for each prediction whether it is so, ``(B,)`` bool on the CPU."""
    if not finite.all():
        bad = int(finite.logical_not().nonzero()[0])
        name = where[bad] if where else f"map {bad}"
        raise ValueError(f"{name}: the predicted map holds NaN or infinity; has the network diverged?")


def prepare(maps: Tensor, size: tuple[int, int], protocol: Protocol, dtype: torch.dtype | None = None) -> Tensor:
    """Predictions ``(B, h, w)``, uint8, uint16 or floating, made ready for the metrics: ``(B, *size)`` of a type.

    Those in uint16 are levels too, of 65535 and not stored in 8 bits. A map that the protocol gives no score is NaN
    throughout. The type is float64 where none is given.
    """
    import torch  # here: protocols are listed without it

    from avsal_bench.metrics.arithmetic.stretched import in_levels
    from avsal_bench.metrics.resize import imresize

    dtype = dtype or torch.float64
    if maps.dtype == torch.uint16 and protocol.formulas == "mit":
        maps = maps.float() / 65535
    if maps.dtype not in (torch.uint8, torch.uint16):
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        for step in protocol.saving:
            maps = step(maps, size)
    if protocol.formulas == "crowdsal":
        maps = in_levels(maps).to(dtype)
    else:
        maps = maps.to(dtype) / 255 if maps.dtype == torch.uint8 else maps.to(dtype)
    for step in protocol.scoring:
        maps = step(maps, size)
    return imresize(maps, size)


def prepare_truth(densities: Tensor, protocol: Protocol) -> Tensor:
    """Ground-truth maps ``(B, H, W)`` as they are stored, made ready for the metrics: float64."""
    import torch

    from avsal_bench.metrics.arithmetic.stretched import in_levels, stretch

    return stretch(in_levels(densities)) if protocol.formulas == "crowdsal" else densities.to(torch.float64)
