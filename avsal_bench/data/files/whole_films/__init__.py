"""What holds all frames of a video in one file: films, films of maps and their prepared form, lists of points."""
