"""How networks join picture and sound: the fusions of the papers, each of which others may try."""

from avsal_bench.models.fusion.alternatives import MBT, Addition, Bilinear, Concatenation, Multiplication
from avsal_bench.models.fusion.audio_visual import Agreement, TransformerFusion
from avsal_bench.models.fusion.bilinear import ChannelBilinear, SpatialBilinear
from avsal_bench.models.fusion.consistency import AVIM, CPC, ConsistencyFusion
from avsal_bench.models.fusion.ravf import RAVF, RetentionMaps

__all__ = [
    "AVIM",
    "CPC",
    "MBT",
    "RAVF",
    "Addition",
    "Agreement",
    "Bilinear",
    "ChannelBilinear",
    "Concatenation",
    "ConsistencyFusion",
    "Multiplication",
    "RetentionMaps",
    "SpatialBilinear",
    "TransformerFusion",
]
