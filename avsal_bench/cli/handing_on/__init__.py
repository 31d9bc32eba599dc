"""Commands that hand a network on to other programs."""
