"""Data sets to look at: sheets of frames, overlays, and the drawing that they share."""
