"""Data sets to look at: sheets of frames, overlays, and the drawing that they share."""

from avsal_bench.data.pictures.show import contact_sheet, find_video, overlay_video, write_overlay

__all__ = ["contact_sheet", "find_video", "overlay_video", "write_overlay"]
