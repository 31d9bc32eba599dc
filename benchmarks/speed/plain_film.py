"""A film scored by a plain script, written as the published ones are: every window is run alone, then maps are scored.

The network is eager, contiguous and float32. Each frame is read once and kept while a window holds it, as in the
scripts of ViNet and TASED-Net; data loaders such as STAViS's read all frames of every window again, which
``rereads`` does. Maps are written as 8-bit PNG. Afterwards they are read again and scored one by one in plain numpy
(:mod:`plain`), as STAViS's evaluation does it. Of this project it uses the network, which frames make a window, and the
sound of a window; pictures are decoded by Pillow and resized by torchvision, so that they are the suite's to the bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from plain import PLAIN, minmax, prepare
from scipy.io import loadmat
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import resized
from avsal_bench.data.places import NumberedFiles
from avsal_bench.data.windows import Window, window
from avsal_bench.models import Clips, Memory, Network, Place

#: What its time goes to.
PARTS = ("read", "sound", "network", "write", "score")

#: Seconds of a clock.
Clock = Callable[[], float]


class PlainScript:
    """Predicts and scores frames of one video, and keeps the time of each part.

    Args:
        net: in eval mode, on its device.
        video: of numbered pictures, with its ground truth.
        folder: where maps are written.
        clock: that gives seconds.
        rereads: whether each window reads all its frames.
    """

    def __init__(self, net: Network, video: Video, folder: Path, clock: Clock, rereads: bool = False) -> None:
        self.net, self.video, self.folder, self.clock, self.rereads = net, video, folder, clock, rereads
        self.device = next((p.device for p in net.parameters()), torch.device("cpu"))
        self.mean, self.std = (255 * torch.tensor(v).view(3, 1, 1) for v in (net.spec.mean, net.spec.std))
        self.seconds: dict[str, float] = defaultdict(float)
        self.frames: dict[int, Tensor] = {}
        self.walked, self.memory = 0, Memory()
        folder.mkdir(parents=True, exist_ok=True)
        with self._timed("truth"):
            fixated = [self._fixated(frame) for frame in range(1, video.n_frames + 1)]
            self.anywhere = np.any(fixated, axis=0)

    def predict(self, frame: int) -> Tensor:
        """The map ``(h, w)`` of a frame, written as a picture too."""
        spec = self.net.spec
        if spec.walk == "frames":
            return self._walk(frame)
        clip = window(frame, self.video.n_frames, *spec.form)
        with self._timed("read"):
            frames = self._clip(clip)
        with self._timed("sound"):
            audio = None if spec.audio is None else hear(self.video, clip, spec.audio)[None].to(self.device)
        with self._timed("network"), torch.inference_mode():
            saliency: Tensor = self.net.to_map(self.net(frames.to(self.device), audio))[0].float().cpu()
        with self._timed("write"):
            levels = (255 * minmax(saliency.double().numpy())).astype(np.uint8)
            Image.fromarray(levels).save(self.folder / f"{frame:05d}.png")
        return saliency

    def _walk(self, frame: int) -> Tensor:
        """The map of a frame of a network that goes by frames, once it has gone through those before."""
        spec = self.net.spec
        for n in range(self.walked + 1, frame + 1):
            clip = Window(n, (n,))
            with self._timed("read"):
                frames = self._clip(clip).to(self.device)
            with self._timed("sound"):
                audio = None if spec.audio is None else hear(self.video, clip, spec.audio)[None].to(self.device)
            with self._timed("network"), torch.inference_mode():
                clips = Clips.of(frames, [Place(self.video.key, clip.frames)])
                saliency: Tensor = self.net.to_map(self.net.predict(clips, audio, self.memory))[0].float().cpu()
        self.walked = frame
        with self._timed("write"):
            levels = (255 * minmax(saliency.double().numpy())).astype(np.uint8)
            Image.fromarray(levels).save(self.folder / f"{frame:05d}.png")
        return saliency

    def score(self, frame: int) -> dict[str, float]:
        """All metrics of a frame whose map was written."""
        with self._timed("score"):
            small = np.asarray(Image.open(self.folder / f"{frame:05d}.png"))
            density = np.asarray(Image.open(self.video.densities.path(frame)), np.float64)
            fixated = self._fixated(frame)
            saliency = prepare(small, density.shape)
            against: dict[str, tuple[Any, ...]] = {"NSS": (fixated,), "AUC-J": (fixated,)}
            against["sAUC"] = (fixated, self.anywhere & ~fixated)
            return {name: function(saliency, *against.get(name, (density,))) for name, function in PLAIN.items()}

    def seconds_a_frame(self, predicted: int) -> dict[str, float]:
        """Seconds of each part, for one of so many frames that were predicted and scored."""
        parts = {name: self.seconds[name] / predicted for name in PARTS}
        parts["score"] += self.seconds["truth"] / self.video.n_frames
        return parts

    def forget_times(self) -> None:
        """Begin anew, after a warm-up; the look at all fixation maps was made once, and counts."""
        self.seconds = defaultdict(float, truth=self.seconds["truth"])

    def _clip(self, clip: Window) -> Tensor:
        kept = {} if self.rereads else {n: self.frames[n] for n in clip.frames if n in self.frames}
        self.frames = kept | {n: self._frame(n) for n in sorted({*clip.frames} - kept.keys())}
        return torch.stack([self.frames[n] for n in clip.frames], dim=1)[None]

    def _frame(self, number: int) -> Tensor:
        assert isinstance(self.video.frames, NumberedFiles)
        picture = np.array(Image.open(self.video.frames.path(number)).convert("RGB"))
        spec = self.net.spec
        if spec.filter != "bilinear":
            return self._normalised(
                resized(torch.from_numpy(picture).permute(2, 0, 1), *spec.resizing[:2], spec.filter)
            )
        pixels = F.resize(torch.from_numpy(picture).permute(2, 0, 1), list(spec.size), antialias=True)
        return self._normalised(pixels)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels.float() - self.mean) / self.std

    def _fixated(self, frame: int) -> NDArray[np.bool_]:
        return np.asarray(loadmat(self.video.fixations.path(frame))["eyeMap"] > 0)

    @contextmanager
    def _timed(self, part: str):  # type: ignore[no-untyped-def]
        began = self.clock()
        yield
        self.seconds[part] += self.clock() - began
