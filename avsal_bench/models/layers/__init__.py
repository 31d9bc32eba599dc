"""Blocks that several networks share."""

from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.convnext3d import ConvNeXt3D
from avsal_bench.models.layers.frame_memory import features_once
from avsal_bench.models.layers.lip import LIP
from avsal_bench.models.layers.multi_scale import MS, Gather, RegulatorGate
from avsal_bench.models.layers.netvlad import NetVLAD
from avsal_bench.models.layers.recurrent.conv_gru import ConvGRU
from avsal_bench.models.layers.recurrent.conv_lstm import ConvLSTM
from avsal_bench.models.layers.resample import halve, upsample

__all__ = [
    "ASPP",
    "LIP",
    "MS",
    "ConvGRU",
    "ConvLSTM",
    "ConvNeXt3D",
    "Gather",
    "NetVLAD",
    "RegulatorGate",
    "features_once",
    "halve",
    "upsample",
]
