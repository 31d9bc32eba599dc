"""A network of one's own: the smallest one that sees, hears and learns. Copy it, and put your layers in.

    avsal bench my_network --plugin my_network.py

trains and tests it on the embedded data, in seconds, and puts it on the leaderboard beside the baselines.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avsal_bench.audio import frame_span
from avsal_bench.models import Network, register_model
from avsal_bench.spec import ClipSpec

__version__ = "0.1"


# 1. What the network hears. The data side asks which samples belong to a clip (`span`), reads them as mono sound in
#    [-1, 1], and calls the front end. avsal_bench.audio has spectrograms ready to use; this is one of your own.
@dataclass(frozen=True)
class Loudness:
    """How loud each of a number of equal parts of the clip is."""

    parts: int = 8
    sample_rate: int = 16000

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """The samples from the first to the last frame of the clip."""
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Decibels ``(parts,)`` of an excerpt ``(n,)``, from -1 for silence to 0. No sound comes as one sample of 0."""
        power = nn.functional.adaptive_avg_pool1d(excerpt.square()[None], self.parts)[0]
        return power.clamp_min(1e-8).log10() / 8


# 2. The network. The name is what you type and what stands in tables; `modalities` are the forms that it comes in.
@register_model("my_network", paper="", modalities=("v", "av"), tiny={"frames": 4, "size": (32, 48), "width": 4})
class MyNetwork(Network):
    """Three convolutions over space and time; the sound says how much each feature counts."""

    # forward returns logits; to_map() then takes their sigmoid. Without this line it must return a map, 0 and above.
    logits = True
    # Parameters of the audio-visual form alone: it starts from a trained `v` form, and all others must fit.
    audio_only = ("hearing.",)

    def __init__(
        self, modality: str = "av", frames: int = 8, size: tuple[int, int] = (96, 128), width: int = 16
    ) -> None:
        super().__init__()
        # What one clip is. Nothing else tells the data side what to read.
        self.spec = ClipSpec(frames, tuple(size), target="last", audio=Loudness(frames) if modality == "av" else None)
        self.seeing = nn.Sequential(
            nn.Conv3d(3, width, (1, 5, 5), (1, 2, 2), (0, 2, 2)),
            nn.ReLU(),
            nn.Conv3d(width, 2 * width, 3, (1, 2, 2), 1),
            nn.ReLU(),
            nn.Conv3d(2 * width, 2 * width, (frames, 3, 3), 1, (0, 1, 1)),  # all frames become one
            nn.ReLU(),
        )
        self.hearing = nn.Linear(frames, 2 * width) if modality == "av" else None
        self.score = nn.Conv2d(2 * width, 1, 1)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Logits ``(B, h, w)`` of the last frame.

        Args:
            frames: ``(B, 3, T, H, W)`` float32, normalised as the spec says.
            audio: ``(B, T)`` as :class:`Loudness` gives it; None for modality ``v``.
        """
        self.check_input(frames, audio)
        features = self.seeing(frames)[:, :, 0]
        if self.hearing is not None:
            features = features * 2 * torch.sigmoid(self.hearing(audio))[..., None, None]
        return self.score(features)[:, 0]  # smaller than a frame: the protocol brings it to the size of the truth
