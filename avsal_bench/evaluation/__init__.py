"""From maps to scores: protocols, the ground truth, and what reads the maps of a submission.

:class:`~avsal_bench.evaluation.score_videos.ScoreVideos`, a callback of Lightning, is imported by its own name.
"""

from avsal_bench.evaluation.contextual import Contextual, contextual_of_halves, contextual_of_maps
from avsal_bench.evaluation.inspection import Inspection, inspect
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.observers import Half, Halving, score_halves
from avsal_bench.evaluation.pairing import VideoMaps, find_maps
from avsal_bench.evaluation.protocol import PROTOCOLS, Protocol, prepare, protocol, single_choices
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
    "prepare",
    "protocol",
    "read_map",
    "score_frames",
    "score_halves",
    "single_choices",
]
