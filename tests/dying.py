"""A task for `Workers`, apart from tests: a process of theirs imports no more than this."""

import os


def die(task):
    if task == 0:
        os._exit(1)
    raise ValueError("bad file x.png")
