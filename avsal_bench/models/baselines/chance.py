"""Chance: a map that knows nothing. In expectation NSS and CC are 0 and sAUC 0.5.

Its SIM is far above 0, and AUC-J of a frame with n fixations is 0.5 + 1/(2(n + 1)): few are flattered.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: (height, width) of the maps: a network does not know the size of a video, and the protocol brings them to it.
GRID = (240, 320)


@register_model("chance", title="Chance", paper="")
class Chance(Network):
    """Independent uniform values, drawn anew for every frame, and the same ones each time that the frame is tested.

    The draw starts from a hash of the set, the video and the frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spec = ClipSpec(frames=1, size=(32, 32))

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Give ``(B, 240, 320)`` in [0, 1): one draw for every item, as it is not known where they come from."""
        return noise("").to(frames.device).expand(frames.shape[0], -1, -1)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """Give ``(B, 240, 320)`` in [0, 1), one draw a place."""
        return torch.stack([noise(f"{place.video} {place.frames[0]}") for place in clips.places]).to(clips.device)


def noise(name: str) -> Tensor:
    """Uniform values ``(240, 320)`` in [0, 1), drawn on the processor from a hash of a name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    return torch.rand(GRID, generator=torch.Generator().manual_seed(seed))
