"""Saliency of anyone's films, or of a part of a data set, by a network that was trained here or by its authors.

A folder of maps, films of maps, or an mp4 with the maps laid over the frames. Every frame gets a map, from the window
that a test would give it; maps go to the disk batch by batch, so that no video is too long. Films of maps are packed
for an evaluation server.
"""

from avsal_bench.prediction.film_folder import predict_films
from avsal_bench.prediction.films import check_sound, open_film
from avsal_bench.prediction.maps_folder import predict_folder
from avsal_bench.prediction.packing import check_predictions, pack
from avsal_bench.prediction.predicting import Running, predict_maps, predict_overlay
from avsal_bench.prediction.predictor import Predictor, find_predictor, from_file, from_store

__all__ = [
    "Predictor",
    "Running",
    "check_predictions",
    "check_sound",
    "find_predictor",
    "from_file",
    "from_store",
    "open_film",
    "pack",
    "predict_films",
    "predict_folder",
    "predict_maps",
    "predict_overlay",
]
