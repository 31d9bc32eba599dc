"""From videos to batches: which clip comes when, what is heard in it, and the LightningDataModules."""

from avsal_bench.data.clips.datamodule import SaliencyDataModule, Windows, collate
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler, VideoBatches, clip_counts
from avsal_bench.data.clips.sounds import hear, partners
from avsal_bench.data.clips.tagged import TagDataModule, TaggedBatch

__all__ = [
    "ClipRequest",
    "ClipSampler",
    "SaliencyDataModule",
    "TagDataModule",
    "TaggedBatch",
    "VideoBatches",
    "Windows",
    "clip_counts",
    "collate",
    "hear",
    "partners",
]
