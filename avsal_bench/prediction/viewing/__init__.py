"""Films to look at and listen to, side by side, in a folder that opens from the disk."""
