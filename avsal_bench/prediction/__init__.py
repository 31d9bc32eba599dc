"""Saliency of anyone's films, by a network that was trained here or by its authors.

A folder of maps, or an mp4 with the maps laid over the frames. Every frame gets a map, from the window that a test
would give it; maps go to the disk batch by batch, so that no video is too long.
"""

from avsal_bench.prediction.films import check_sound, open_film
from avsal_bench.prediction.maps_folder import predict_folder
from avsal_bench.prediction.predicting import Running, predict_maps, predict_overlay
from avsal_bench.prediction.predictor import Predictor, find_predictor, from_file, from_store

__all__ = [
    "Predictor",
    "Running",
    "check_sound",
    "find_predictor",
    "from_file",
    "from_store",
    "open_film",
    "predict_folder",
    "predict_maps",
    "predict_overlay",
]
