"""Classifiers of audio-visual consistency (scdl2022): does the sound belong to the picture?"""

from avsal_bench.models.correspondence.avenet import AVENet
from avsal_bench.models.correspondence.avid import AVIDClassifier
from avsal_bench.models.correspondence.classifier import Classifier
from avsal_bench.models.correspondence.l3net import L3Net

__all__ = ["AVENet", "AVIDClassifier", "Classifier", "L3Net"]
