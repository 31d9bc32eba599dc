"""ACLNet, the attentive CNN-LSTM (aclnet2018, CVPR 2018; TPAMI 2019): VGG-16, an attention map, and a ConvLSTM.

A reading of the authors' Keras code, which other repositories hold copies of. Every frame goes through VGG-16; a
small hourglass sees in the features X where a still picture draws the eye, M; X (1 + M) goes through one ConvLSTM; a
1x1 convolution gives the map of each frame. The network predicts all of its frames, and ``forward`` returns the last.

Decisions:

1. The clip has the authors' 5 frames and the target is the last. At test time, and to validate, ``streaming`` carries
   the state of the LSTM from the first frame of a video to its last, as the authors do; training starts at the clip.
2. The losses are weighed as in the code, 10 KL - 2 CC - NSS, not as in the paper (KL - 0.1 CC - 0.1 NSS).
3. An epoch is one pass over the training videos; the authors' number of steps is not known.
4. The attention learns from the maps of the videos: the authors teach it with still images, in every other step.
5. ``normalisation="torchvision"`` goes with torchvision's VGG-16, to train from. ``"keras"`` is the authors', for
   their weights.

And where the project differs:

6. Frames are resized to the size of the clip. The authors keep the aspect and fill up with black.
7. The loss is that of the target frame, whose ground truth alone a clip brings: the authors sum over all frames.
8. The loss of the attention is a side loss, which falls to 0 in the last epoch; theirs weighs as much as the map's.
9. A frame without ground truth has no loss; the authors leave out those whose map stays below 0.1.
10. Dropout hides the same values from all four gates; Keras draws for each gate.

Faults of the published scripts, and what becomes of them:

- The means of red and blue change places. ``normalisation="keras"`` keeps this, as the weights were trained with it.

The authors divide a map by its maximum before the loss, and before it is saved: none of the losses, and no score,
depends on that.

Their weights, ``ACL.h5``, are in Keras's own format, which is not opened here. Write its arrays into a state dict with
``torch.save``, as float32 and in Keras's shapes, and import that with ``avsal weights import --as aclnet``. Names are
``<layer>.kernel``, ``<layer>.recurrent_kernel`` and ``<layer>.bias``. Layers are ``block1_conv1`` to ``block5_conv3``,
``conv2d_1`` to ``conv2d_5`` (the attention, from its input on), ``conv_lst_m2d_1`` and ``conv2d_6`` (the map), as
Keras numbers them in a fresh session, whatever wraps them in the file.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.backbones.vgg16 import VGG16
from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.recurrent.carried import Carried, carry
from avsal_bench.models.layers.recurrent.conv_lstm import ConvLSTM, State
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec, Walk

Normalisation = Literal["keras", "torchvision"]

#: Mean and deviation of RGB in [0, 1]. Keras's means of BGR in 0..255, 103.939, 116.779 and 123.68, should meet blue,
#: green and red; the authors take them off an array that is still RGB.
_STATISTICS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "keras": ((103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255, 1 / 255, 1 / 255)),
    "torchvision": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}

_WEIGHTS = PublishedWeights(
    "aclnet",
    "ACL.h5",
    "ACLNet, on which of its sets is not stated",
    "Google Drive link in the README of wenguanwang/DHF1K",
    "not stated",
    {"modality": "v"},
    form="Keras's HDF5, which models/visual/aclnet.py says how to convert; the file was not opened",
    trained_on=("imagenet", "unknown"),
)

#: Our names of the authors' layers. Those of the trunk are the places of its convolutions.
_LAYERS = {"conv_lst_m2d_1": "lstm.input", "conv2d_6": "head"}
_LAYERS |= {f"conv2d_{i}": f"attention.{place}" for i, place in enumerate((1, 3, 6, 8, 10), start=1)}
_BLOCKS = {1: (0, 2), 2: (5, 7), 3: (10, 12, 14), 4: (17, 19, 21), 5: (24, 26, 28)}
_LAYERS |= {
    f"block{block}_conv{i}": f"vgg.features.{place}"
    for block, places in _BLOCKS.items()
    for i, place in enumerate(places, start=1)
}


@register_model(
    "aclnet",
    title="ACLNet",
    paper="aclnet2018",
    modalities=("v",),
    code="wenguanwang/DHF1K",
    code_licence="not stated",
    tiny={"frames": 3, "size": (64, 96), "width": 0.125},
    weights=(_WEIGHTS,),
)
class ACLNet(Network):
    """The whole network.

    Args:
        modality: ``v``; there is no other.
        frames: T, 1 or more; 5 is published.
        size: (height, width) of the frames, multiples of 32; the maps have half of it.
        width: multiplier of the channels.
        attention: whether the features are weighed by 1 + M.
        attention_loss: whether M is a side output; without effect when there is no attention.
        lstm_dropout: of the input of the LSTM, in training.
        normalisation: of the frames, ``keras`` or ``torchvision``; see decision 5.
        streaming: whether the network goes through a video by frames, and carries the state of the LSTM; else each
            window is a clip by itself.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        frames: int = 5,
        size: tuple[int, int] = (256, 320),
        width: float = 1.0,
        attention: bool = True,
        attention_loss: bool = True,
        lstm_dropout: float = 0.4,
        normalisation: Normalisation = "keras",
        streaming: bool = True,
    ) -> None:
        super().__init__()
        if frames < 1:
            raise ValueError(f"aclnet takes 1 frame or more; got {frames}")
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(f"aclnet takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")
        if not 0 <= lstm_dropout < 1:
            raise ValueError(f"lstm_dropout is in [0, 1); got {lstm_dropout}")
        if normalisation not in _STATISTICS:
            raise ValueError(f"normalisation is one of {', '.join(_STATISTICS)}; got {normalisation!r}")
        mean, std = _STATISTICS[normalisation]
        walk: Walk = "frames" if streaming else "windows"
        self.spec = ClipSpec(frames, (size[0], size[1]), mean, std, target="last", walk=walk)
        self.attention_loss = attention_loss

        self.vgg = VGG16(width)
        self.attention = _hourglass(self.vgg.channels, width) if attention else None
        filters = scale_channels(256, width)
        self.lstm = ConvLSTM(self.vgg.channels, filters, lstm_dropout)
        self.head = nn.Conv2d(filters, 1, 1)
        for layer in (self.head, *(self.attention or ())):
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the saliency of the last, ``(B, H/2, W/2)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        return self.outputs(frames, audio).main

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """As ``forward``; the side output is M of the last frame, ``(B, H/4, W/4)`` in [0, 1]."""
        self.check_input(frames, audio)
        features, attention = self._look(frames)
        saliency = self._decode(self.lstm(features)[0])[:, -1]
        if attention is None or not self.attention_loss:
            return Outputs(saliency)
        return Outputs(saliency, (_enlarge(attention[:, -1], 2)[:, 0],))

    def maps(self, frames: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The maps of all frames of a clip of any length.

        Args:
            frames: ``(B, 3, T, H, W)``.
            state: of the LSTM after the frame before; None at the start of a video.

        Returns:
            The saliency ``(B, T, H/2, W/2)`` in [0, 1], and the state after the last frame.
        """
        hidden, state = self.lstm(self._look(frames)[0], state)
        return self._decode(hidden), state

    def advance(self, frames: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See :meth:`Network.advance`."""
        maps, after = self.maps(frames[:, :, None], None if state is None else State(*state))
        return maps[:, 0], tuple(after)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`.

        Raises:
            ValueError: if the clip is not the one of the spec; and, with ``streaming``, naming the video and the
                frame, for a frame that is neither the first nor next to the one before.
        """
        self.check_clips(clips)
        if self.spec.walk == "windows":
            return self(clips.frames, audio)  # type: ignore[no-any-return]
        return clips.once("maps", lambda: self._walk(clips, memory.seen.setdefault("aclnet", {})))

    def _walk(self, clips: Clips, kept: dict[tuple[str, int], Carried]) -> Tensor:
        """The maps ``(B, H/2, W/2)`` that are asked for of frames, each seen after the one before."""
        features = self._look(clips.frames)[0]
        hidden = carry(features, clips.places, 1, kept, self.lstm)
        return self._decode(torch.cat(hidden)[clips.asked])[:, 0]

    def _look(self, frames: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features X (1 + M), ``(B, T, C, H/8, W/8)``, and M, ``(B, T, 1, H/8, W/8)``; X and None without attention."""
        batch, time = frames.shape[0], frames.shape[2]
        features: Tensor = self.vgg(frames.transpose(1, 2).flatten(0, 1))
        attention = None
        if self.attention is not None:
            attention = _enlarge(self.attention(features), 4)
            features = features * (1 + attention)
            attention = attention.reshape(batch, time, *attention.shape[1:])
        return features.reshape(batch, time, *features.shape[1:]), attention

    def _decode(self, hidden: Tensor) -> Tensor:
        """The saliency ``(B, T, 4h, 4w)`` of what the LSTM knows after each frame, ``(B, T, F, h, w)``."""
        saliency = _enlarge(torch.sigmoid(self.head(hidden.flatten(0, 1))), 4)
        return saliency.reshape(*hidden.shape[:2], *saliency.shape[2:])

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`, and the top of this file for the keys."""
        layer, _, kind = key.rpartition(".")
        if layer not in _LAYERS or kind not in ("kernel", "recurrent_kernel", "bias"):
            return key, value
        name = _LAYERS[layer]
        if kind == "bias":
            return f"{name}.bias", value
        kernel = value.permute(3, 2, 0, 1)
        if layer == "block1_conv1":
            kernel = kernel.flip(1)  # it takes BGR
        return f"{'lstm.recurrent' if kind == 'recurrent_kernel' else name}.weight", kernel


def _hourglass(inputs: int, width: float) -> nn.Sequential:
    """The attention: M of ``(B, inputs, h, w)``, a quarter of its size, ``(B, 1, h/4, w/4)`` in [0, 1]."""
    narrow, wide = scale_channels(64, width), scale_channels(128, width)

    def step(channels: int) -> tuple[nn.Module, ...]:
        squeeze, look = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, wide, 3, padding=1)
        return nn.MaxPool2d(2), squeeze, nn.ReLU(inplace=True), look, nn.ReLU(inplace=True)

    return nn.Sequential(*step(inputs), *step(wide), nn.Conv2d(wide, 1, 1), nn.Sigmoid())


def _enlarge(maps: Tensor, times: int) -> Tensor:
    """Maps ``(B, 1, h, w)`` with every pixel repeated along both sides."""
    return F.interpolate(maps, scale_factor=times, mode="nearest")
