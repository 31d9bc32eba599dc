"""Scores of single frames, packed beside a record, and what can be told from them. No torch."""
