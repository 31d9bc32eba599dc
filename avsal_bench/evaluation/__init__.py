"""From maps to scores: protocols, the ground truth, and what reads the maps of a submission.

Each name is imported when it is asked for: protocols are listed without torch.
:class:`~avsal_bench.evaluation.score_videos.ScoreVideos`, a callback of Lightning, and the function ``protocol``, whose
file has its name, are imported from their files.
"""

from typing import TYPE_CHECKING

from avsal_bench.lazy import lazily

if TYPE_CHECKING:
    from avsal_bench.evaluation.contextual import Contextual, contextual_of_halves, contextual_of_maps
    from avsal_bench.evaluation.inspection import Inspection, inspect
    from avsal_bench.evaluation.maps import read_map
    from avsal_bench.evaluation.observers import Half, Halving, score_halves
    from avsal_bench.evaluation.pairing import VideoMaps, find_maps
    from avsal_bench.evaluation.protocol import (
        PROTOCOLS,
        Protocol,
        list_protocols,
        prepare,
        register_protocol,
        single_choices,
    )
    from avsal_bench.evaluation.score import Results, VideoScorer, score_frames
    from avsal_bench.evaluation.truth import Truth

__all__ = [
    "PROTOCOLS",
    "Contextual",
    "Half",
    "Halving",
    "Inspection",
    "Protocol",
    "Results",
    "Truth",
    "VideoMaps",
    "VideoScorer",
    "contextual_of_halves",
    "contextual_of_maps",
    "find_maps",
    "inspect",
    "list_protocols",
    "prepare",
    "read_map",
    "register_protocol",
    "score_frames",
    "score_halves",
    "single_choices",
]

if not TYPE_CHECKING:
    _HOMES = {
        "contextual": ("Contextual", "contextual_of_halves", "contextual_of_maps"),
        "inspection": ("Inspection", "inspect"),
        "maps": ("read_map",),
        "observers": ("Half", "Halving", "score_halves"),
        "pairing": ("VideoMaps", "find_maps"),
        "protocol": ("PROTOCOLS", "Protocol", "list_protocols", "prepare", "register_protocol", "single_choices"),
        "score": ("Results", "VideoScorer", "score_frames"),
        "truth": ("Truth",),
    }
    __getattr__, __dir__ = lazily(
        __name__, {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}
    )
