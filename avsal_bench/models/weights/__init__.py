"""Published weights: files opened safely and loaded strictly, and the store of those that were imported."""
