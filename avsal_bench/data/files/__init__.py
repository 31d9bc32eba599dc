"""What opens files: pictures, video files, sound, fixations, the prepared form; and what looks for them.

Its modules are imported by themselves: who reads pictures needs none of the libraries of sound.
"""
