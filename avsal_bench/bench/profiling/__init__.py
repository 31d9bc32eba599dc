"""Where the time of a test and of a training goes: ``avsal bench MODEL --profile``."""
