"""What decodes the pictures of a training: the CPU, or a GPU where that is asked for."""

from __future__ import annotations

import torch


def check_decoding(decode: str) -> None:
    """Nothing, where this machine can decode as a training asks for.

    Args:
        decode: as of :class:`~avsal_bench.bench.job.Job`.

    Raises:
        ValueError: for a GPU where there is none.
    """
    if decode and not torch.cuda.is_available():
        raise ValueError(
            "--decode gpu needs a GPU that decodes JPEG, and this machine has none that torch can use; leave it out, "
            "and the CPU decodes"
        )
