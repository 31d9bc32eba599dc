"""Commands that show what networks look at."""
