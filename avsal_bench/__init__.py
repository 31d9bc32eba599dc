"""A benchmark suite for audio-visual video saliency prediction."""
