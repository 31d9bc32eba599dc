"""Where time goes, told by the parts of a program themselves; needs Python alone."""
