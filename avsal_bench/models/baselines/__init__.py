"""What needs no training, or nearly none: the baselines that bound every table, and the classical models."""
