"""STANet's sound switch: whether a sound belongs to a picture (guotaowang/STANet, SoundSwitch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avsal_bench.models.backbones.resnext import ResNeXt101
from avsal_bench.models.backbones.vggsound import VGGSound

#: Length of the vectors of the picture, of the sound, and of both together.
_EMBEDDING = 128


class SoundSwitch(nn.Module):
    """A vector of the picture and one of the sound meet in a bilinear layer; two logits come out.

    Args:
        width: multiplier of the picture's channels.
        audio_width: multiplier of the sound's.
        blocks: of the picture's trunk; see :class:`ResNeXt101`.
    """

    def __init__(
        self, width: float = 1.0, audio_width: float = 1.0, blocks: tuple[int, int, int, int] = (3, 4, 23, 3)
    ) -> None:
        super().__init__()
        self.trunk_picture = ResNeXt101(width, blocks)
        self.trunk_sound = VGGSound(audio_width)
        self.picture = nn.Linear(self.trunk_picture.channels[-1], _EMBEDDING)
        self.sound = nn.Linear(self.trunk_sound.channels, _EMBEDDING)
        self.both = nn.Bilinear(_EMBEDDING, _EMBEDDING, _EMBEDDING)
        self.head = nn.Linear(_EMBEDDING, 2)

    def forward(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Map frames ``(B, 3, H, W)`` and spectrograms ``(B, 1, 257, t)`` to logits ``(B, 2)`` of "no" and "yes"."""
        return self._meet(*self._embed(frames, sound))

    def decide(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Whether each sound belongs to its frame, ``(B,)`` bool: where the logit of "yes" is above 0."""
        opened: Tensor = self(frames, sound)[:, 1] > 0
        return opened

    def pair_loss(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Mean cross entropy of pairs that belong together, and of each frame with the sound of the item before it.

        Raises:
            ValueError: for a batch of one, in which no other sound is.
        """
        if len(frames) < 2:
            raise ValueError(
                "a sound switch learns from the sounds of other videos: train it with a batch of 2 or more"
            )
        seen, heard = self._embed(frames, sound)
        logits = torch.cat([self._meet(seen, heard), self._meet(seen, heard.roll(1, 0))])
        belongs = torch.arange(2, device=logits.device).flip(0).repeat_interleave(len(frames))
        return nn.functional.cross_entropy(logits, belongs)

    def _embed(self, frames: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.trunk_picture(frames)[-1].mean((2, 3))
        return self.picture(seen), self.sound(self.trunk_sound(sound))

    def _meet(self, seen: Tensor, heard: Tensor) -> Tensor:
        logits: Tensor = self.head(self.both(heard, seen))
        return logits
