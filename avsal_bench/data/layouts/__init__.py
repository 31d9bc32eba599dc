"""How data sets lie on the disk: a layout turns a root into videos."""

from avsal_bench.data.layouts.described import DescribedLayout, described_sets
from avsal_bench.data.layouts.dhf1k_layouts import dhf1k_layout, extracted_layout
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.data.layouts.lists import ListedVideo, find_list, read_fold_list
from avsal_bench.data.layouts.stills import cat2000_layout, mit1003_layout, salicon_layout, synth_stills_layout
from avsal_bench.data.layouts.videos import stavis_layout

__all__ = [
    "DescribedLayout",
    "ListedVideo",
    "cat2000_layout",
    "described_sets",
    "dhf1k_layout",
    "extracted_layout",
    "find_list",
    "listed_frames",
    "mit1003_layout",
    "read_fold_list",
    "salicon_layout",
    "stavis_layout",
    "synth_stills_layout",
]
