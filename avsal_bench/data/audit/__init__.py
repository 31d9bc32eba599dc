"""`avsal data check`: what is wrong with a data set on the disk."""
