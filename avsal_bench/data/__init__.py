"""The data side: what lies on the disk, which frames make a clip, and the LightningDataModule that reads them.

Importing this package registers all data sets. It is cheap: no torch.
"""

from avsal_bench.data import sets
from avsal_bench.data.dataset import (
    SIX,
    DataSet,
    Facts,
    Layout,
    Video,
    dataset,
    expand,
    list_datasets,
    present_root,
    register_dataset,
    resolve_name,
    use_root,
)
from avsal_bench.data.places import FaceFiles, NamedFiles, NumberedFiles, OneFile, PaintedMaps, PointsFile, VideoFile

__all__ = [
    "SIX",
    "DataSet",
    "FaceFiles",
    "Facts",
    "Layout",
    "NamedFiles",
    "NumberedFiles",
    "OneFile",
    "PaintedMaps",
    "PointsFile",
    "Video",
    "VideoFile",
    "dataset",
    "expand",
    "list_datasets",
    "present_root",
    "register_dataset",
    "resolve_name",
    "sets",
    "use_root",
]
