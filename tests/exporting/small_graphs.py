"""Networks of a few numbers, one of each kind that is exported, and what wraps them."""

import torch
from torch import nn
from torch.nn import functional as F

from avsal_bench.audio.waveform import Waveform
from avsal_bench.models.base import Network
from avsal_bench.models.layers.recurrent.carried import carry
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule


class Seeing(nn.Module):
    """Looks at two frames."""

    logits = True

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(2, (6, 8))
        self.look = nn.Conv3d(3, 1, (2, 3, 3), padding=(0, 1, 1))

    def forward(self, frames):
        return self.look(frames)[:, 0, 0]


class Hearing(Seeing):
    """Looks at two frames, and hears them."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(2, (6, 8), audio=Waveform(2, sample_rate=1000))

    def forward(self, frames, audio):
        return self.look(frames)[:, 0, 0] + audio.mean((1, 2))[:, None, None]


class Walking(Network):
    """Knows the mean of all frames before, every second one of which counts more."""

    def __init__(self, forgets=False):
        super().__init__()
        self.spec = ClipSpec(3, (6, 8), step=2, walk="frames")
        self.look = nn.Conv2d(3, 2, 3, padding=1)
        self.forgets = forgets

    def advance(self, frames, state=None):
        seen = F.relu(self.look(frames))
        known = seen if state is None else seen + 0.5 * state[0]
        return known.sum(1), (torch.zeros_like(known) if self.forgets and state is not None else known,)

    def forward(self, frames, audio=None):
        state = None
        for frame in frames.unbind(2):
            output, state = self.advance(frame, state)
        return output

    def predict(self, clips, audio, memory):
        def go_on(frame, state):
            seen = F.relu(self.look(frame))
            known = seen if state is None else seen + 0.5 * state
            return known, known

        known = carry(clips.frames[:, :, 0], clips.places, 2, memory.seen.setdefault("walking", {}), go_on)
        return torch.cat(known)[clips.asked].sum(1)


class Choosing(Seeing):
    """Looks at values to decide what it does, which no file can hold."""

    def forward(self, frames):
        return super().forward(frames) * (2 if float(frames.mean().item()) > 0.1 else 1)


def predictor(net, sha256=None):
    torch.manual_seed(0)
    return Predictor(type(net).__name__.lower(), {}, SaliencyModule(net), "drawn at random", sha256)
