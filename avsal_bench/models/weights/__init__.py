"""Published weights: which there are, files opened safely and loaded strictly, and the store of imported ones.

Their files are imported by themselves: to list weights takes no torch, to open them does.
"""
