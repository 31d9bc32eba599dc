"""The frames of batches, whether they come as whole clips or as lists of shared frames."""

import torch


def frames_of(batch) -> torch.Tensor:
    """All frames ``(B, 3, T, h, w)`` uint8 of a batch."""
    if "frames" in batch:
        return batch["frames"]
    return batch["pool"][batch["index"]].transpose(1, 2)
