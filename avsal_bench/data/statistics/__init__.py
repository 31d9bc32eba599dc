"""Data sets in numbers."""
