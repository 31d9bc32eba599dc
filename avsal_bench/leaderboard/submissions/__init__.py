"""Records that are handed in: which files are looked at, what is wrong, how rows would stand, and their publication.

They may come from anyone. Nothing of them is run, and nothing but regular files is opened.
"""
