"""Samples of single observers, in one form; and what turns published gaze files into it."""
