"""Hearing of networks that were not trained here: weights of anyone, and maps that anyone predicted."""
