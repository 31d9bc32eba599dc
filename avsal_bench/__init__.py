"""A benchmark suite for audio-visual video saliency prediction."""

#: Also that of the package: pyproject.toml reads it here.
__version__ = "0.1.0"
