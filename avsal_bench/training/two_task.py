"""Joint training of a network and of the classifier that switches its sound (scdl2022, section V)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.avc import AVC
from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.tasks import TwoTask


class TwoTaskModule(SaliencyModule):
    """Trains an AVC-aware network: ``(1 - rho) L_cls + rho L_avsd`` (Eq. 3).

    The classifier decides from the first step whether an item of the batch uses its sound (Eq. 2), always about the
    item's own sound. It learns from the labels; or weakly, from pairs that are made within the batch: half of the
    items hear the sound of an item of another video, and the answer there is no. The pairs are drawn from the random
    numbers of the epoch, so a resumed run draws them again.

    The checkpoint is chosen by the saliency loss of the switched output, as everywhere. A network that is switched by
    labels is trained with ``avc: predicted`` and tested with ``avc: labels``.

    Args:
        two_task: fields of :class:`TwoTask`.

    The others are those of :class:`~avsal_bench.training.module.SaliencyModule`.

    Raises:
        ValueError: for a network without a switch, or switched by labels, and as :class:`TwoTask`.
    """

    net: AVC

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any],
        loss: Mapping[str, float],
        optimizer: Mapping[str, Any],
        schedule: Mapping[str, Any],
        seed: int = 0,
        side: float = 0.0,
        auxiliary: Mapping[str, float] | None = None,
        two_task: Mapping[str, Any] | None = None,
        side_last: float = 0.0,
    ) -> None:
        super().__init__(model, options, loss, optimizer, schedule, seed, side, auxiliary, side_last)
        self.two_task = TwoTask.from_plain(two_task or {})
        if not isinstance(self.net, AVC) or self.net.classifier is None:
            raise ValueError(f"training: two_task is for avc with modality av; {model} has no classifier to train")
        if self.net.switched_by_labels:
            raise ValueError(
                "avc: labels switches at test time; train with `options: {avc: predicted}` in the stage, and "
                "`two_task: {teacher_forcing: true}` where the labels are to switch in training"
            )
        if self.two_task.avsd_loss == "kl":
            self.loss = {"kl": 1.0}

    def training_loss(self, batch: Batch) -> Tensor:
        """Both losses of a batch, weighed.

        Raises:
            ValueError: for a batch without labels where they are asked for, or of a single clip where pairs are.
        """
        audio = batch["audio"]
        assert audio is not None, "an av network hears"
        assert self.net.classifier is not None, "__init__ looked"
        frames, how = self.normalised(batch), self.two_task
        seen, heard = self.net.embed(frames, audio)
        logits = self.net.classifier.judge(seen, heard)
        use_audio = logits.detach() >= 0 if self.net.avc == "predicted" else torch.ones_like(logits, dtype=torch.bool)
        if how.supervision == "labels":
            labels = self._labels(batch)
            if how.teacher_forcing:
                use_audio = labels
            consistency = binary_loss(logits, labels)
        else:
            partner = partners(batch).to(logits.device)
            truth = partner == torch.arange(len(partner), device=partner.device)
            consistency = binary_loss(self.net.classifier.judge(seen, heard[partner]), truth)
        saliency = self.output_loss(self.net(frames, audio, use_audio), batch)[0]
        if self._trainer is not None:  # a batch may be looked at without one
            self.log("train/use_audio", use_audio.float().mean(), on_step=True, on_epoch=False)
        # A way that no item of the batch goes has no gradient, and several processes wait for all.
        idle = sum(parameter.sum() * 0 for parameter in self.net.parameters() if parameter.requires_grad)
        return (1 - how.rho) * consistency + how.rho * saliency + idle

    def _labels(self, batch: Batch) -> Tensor:
        labels = batch.get("label")
        if labels is None:
            raise ValueError("supervision: labels needs batches with labels of the target frames; they have none")
        return labels.bool()


def binary_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of logits ``(B,)`` against ``(B,)`` bool, a mean over the batch."""
    return F.binary_cross_entropy_with_logits(logits.float(), truth.float())


def partners(batch: Batch) -> Tensor:
    """Whose sound each item hears, ``(B,)``: half of the items, drawn at random, that of an item of another video.

    An item without another video in its batch keeps its own sound: so do all, where chance draws clips of one video
    alone. Of an odd number the larger half does.

    Raises:
        ValueError: for a batch of one, which never has another video.
    """
    keys = list(zip(batch["dataset"], batch["video"], strict=True))
    if len(keys) < 2:
        raise ValueError(
            "supervision: weak pairs the sounds of several videos, and each process has a single clip at a time; "
            "make batch_size larger, or --clips-a-device"
        )
    partner = torch.arange(len(keys))
    for i in torch.randperm(len(keys))[: len(keys) // 2].tolist():
        others = [j for j, key in enumerate(keys) if key != keys[i]]
        if others:
            partner[i] = others[int(torch.randint(len(others), ()))]
    return partner
