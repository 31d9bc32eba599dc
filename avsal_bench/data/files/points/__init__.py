"""Files with the points of all frames of a video, in the forms in which sets come."""
