"""Saliency of anyone's films, by a network that was trained here or by its authors."""
