"""DeepVS (deepvs2018, ECCV 2018): OM-CNN, which sees objects and their motion, and two convolutional LSTMs, 2C-LSTM.

A reading of the authors' TensorFlow 1 code, remega/OMCNN_2CLSTM at 5428720: ``OMCNN_2CLSTM.py`` (O below),
``BasicNet.py`` (B), ``BasicConvLSTMCell.py`` (L) and ``TestDemo.py`` (T). Names and shapes of all layers are also those
of the index of their checkpoint, which lies in the repository. There is no output of theirs to compare with.

A frame goes through a tiny YOLO, whose features at five depths meet at 1/16 of the frame. They give a coarse map, which
weighs what a FlowNet sees in the frame and the one five later. Both are fused, and go through the two LSTMs.

Decisions, each with the lines that it reads; 4 to 7 are in :mod:`avsal_bench.models.visual.om_cnn`:

1. A window has 21 frames and predicts the 16th, from 16 pairs of frames that lie 5 apart (O 170-187). With ``segments``
   the state starts anew at frames 1, 17, 33 ... of a video, as in T 90-106; else 15 frames before the target.
2. The demo never predicts the last frames of a video (T 90). Here the last frame is repeated for the motion.
3. Frames are RGB in [-1, 1], resized to 448x448 as OpenCV does, without antialiasing (T 33-36).
8. Gates are (W (m x) + b)/k + (U (m h))/k, k the part of values that the masks m keep, 1/4 (O 22-23, L 230-245). One
   mask a gate is drawn for all frames of a clip (O 171-187). The paper makes the middle likelier to be kept; by how
   much is not in the code, and masks here keep all places alike.
9. Outside of training the demo means to use neither masks nor k, but k stands in the graph before it is set to 1
   (T 67-69), so its gates are four times W x + b + U h. ``gates="demo"`` does that. ``gates="mean"``, the default, is
   the mean of the gates in training, W x + b/k + U h, which is what the weights were trained for.
10. U was never trained: L 292 returns before U joins the list of what is, and the index of the checkpoint has no
    moments of Adam for it, while it has some for W and b. Here U is trained as all else is.
11. The LSTMs are trained on the features of an OM-CNN that stays as it is (O 43-44). ``recurrent=False`` is that
    OM-CNN, for the stage before. Its training is not in the code: its map comes from a head of the same form as that
    behind the LSTMs, and the coarse map is a side output.

Faults of the published scripts, and what becomes of them:

- The matrices from state to state of both LSTMs were never trained, and are the random numbers that they began with.
  Here they are trained; with the authors' weights they are as theirs.
- The demo sets the scale of dropout to 1 after the graph is built with 1/4, so all that enters its gates is four times
  what it means. Only ``gates="demo"`` does so.
- The demo writes no map of the last frames of a film. Here the last frame stands in for the later one.
- The centre mask is zero in the first corner and not in the others. This is kept, as the weights were trained with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.models.visual.om_cnn import OMCNN, map_of, scaled
from avsal_bench.spec import ClipSpec

Gates = Literal["mean", "demo"]

_WEIGHTS = PublishedWeights(
    "deepvs_ledov",
    "deepvs_ledov.pt",
    "OM-CNN and 2C-LSTM, LEDOV; the authors' LSTMconv_prefinal_loss05_dp075_075MC100-200000",
    "Google Drive and Baidu links in the README of remega/OMCNN_2CLSTM",
    "MIT by the README; no licence file",
    {"modality": "v"},
    form="made of a TensorFlow checkpoint (docs/deepvs.md), whose index has names and shapes; the file was not opened",
    trained_on=("ledov/train",),
)

#: Parts of ours by the names of the authors' layers.
_PARTS = (
    (r"conv(1|3|5|7|9|11|13|14|15)", r"cnn.objectness.layers.conv\1.0"),
    (r"conv_(9|11|15)_2", r"cnn.objectness.squeezed.\1.0"),
    (r"conv_(19|20|21|22)", r"cnn.coarse.conv\1.0"),
    (r"deconv_23", "cnn.coarse.map.0"),
    (r"deconv_24", "cnn.coarse.map.2"),
    (r"FNconv([1-6](_1)?)", r"cnn.motion.layers.\1.0"),
    (r"FNDownconv_([3-6]_1)", r"cnn.motion.squeezed.\1.0"),
    (r"Lastconv_([1-4])", r"cnn.fusion.conv\1.0"),
    (r"fc16", "cnn.objectness.cells.0"),
    (r"fc17", "cnn.objectness.cells.2"),
    (r"fc18", "cnn.objectness.cells.4"),
    (r"lstm_layer1i([1-4])", r"lstm.0.input.\1"),
    (r"lstm_layer2i([1-4])", r"lstm.1.input.\1"),
    (r"lstm_layer1h([1-4])", r"lstm.0.recurrent.\1"),
    (r"lstm_layer2h([1-4])", r"lstm.1.recurrent.\1"),
    (r"deconv", "head.0"),
    (r"deconv2", "head.2"),
)
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
#: What a checkpoint of theirs holds that has no effect on the maps; see also decision 7.
_WITHOUT_EFFECT = r"Variable|beta[12]_power|.*/Adam(_1)?|inference/(deconv2|deconv_24)/biases"


class State(NamedTuple):
    """What an LSTM knows after a frame: ``(B, C, h, w)`` each."""

    hidden: Tensor
    cell: Tensor


class _Seen(NamedTuple):
    """The last frame of a video that was predicted, and the states of both LSTMs after it."""

    frame: int
    states: tuple[State, ...]


@register_model(
    "deepvs",
    title="DeepVS",
    paper="deepvs2018",
    modalities=("v",),
    code="remega/OMCNN_2CLSTM",
    code_licence="MIT by the README; no licence file",
    tiny={"steps": 3, "gap": 2, "size": (64, 128), "width": 0.0625},
    variants={"demo": {"gates": "demo"}},
    weights=(_WEIGHTS,),
)
class DeepVS(Network):
    """The whole network.

    Args:
        modality: ``v``; there is no other.
        steps: of the LSTMs from zeros to the target frame; 16 is published.
        gap: frames from one to the other of the pair that motion is seen in; 5 is published.
        size: (height, width) of the frames, multiples of 64; the maps have a quarter of it.
        width: multiplier of the channels.
        dropout: part of the values that training hides from a gate; see decision 8.
        gates: outside of training, ``mean`` or ``demo``; see decision 9.
        segments: whether :meth:`predict` starts anew every ``steps`` frames; else each window is a clip by itself.
        recurrent: False for the OM-CNN alone, whose clip is a frame and the one ``gap`` later.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        steps: int = 16,
        gap: int = 5,
        size: tuple[int, int] = (448, 448),
        width: float = 1.0,
        dropout: float = 0.75,
        gates: Gates = "mean",
        segments: bool = True,
        recurrent: bool = True,
    ) -> None:
        super().__init__()
        if steps < 1 or gap < 1:
            raise ValueError(f"deepvs takes 1 step or more and a gap of 1 frame or more; got {steps} and {gap}")
        if any(side < 64 or side % 64 for side in size):
            raise ValueError(f"deepvs takes a height and a width of 64, 128, 192 ... pixels; got {tuple(size)}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is in [0, 1); got {dropout}")
        if gates not in ("mean", "demo"):
            raise ValueError(f"gates is mean or demo; got {gates!r}")
        self.steps, self.gap, self.segments, self.recurrent = steps, gap, segments, recurrent
        frames, target, step = (steps + gap, steps - 1, 1) if recurrent else (2, 0, gap)
        half = (0.5, 0.5, 0.5)
        self.spec = ClipSpec(frames, (size[0], size[1]), half, half, target=target, antialias=False, step=step)
        self.cnn = OMCNN(size, width)
        self.lstm = nn.ModuleList(_LSTM(self.cnn.channels, dropout, gates) for _ in range(2 * recurrent))
        self.head = map_of(self.cnn.channels)
        if recurrent:
            self.frozen = ("cnn",)
            self.freeze()

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the saliency of the target, ``(B, H/4, W/4)`` from 0 to 1.

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        return self.outputs(frames, audio).main

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """As ``forward``; the side output of the OM-CNN alone is its coarse map, ``(B, H/4, W/4)`` from 0 to 1."""
        self.check_input(frames, audio)
        features, coarse = self._see(frames)
        if not self.recurrent:
            return Outputs(self._decode(features)[:, 0], (coarse[:, 0],))
        return Outputs(self._decode(self._remember(features)[0][:, -1:])[:, 0])

    def every_frame(self, frames: Tensor, audio: Tensor | None = None) -> tuple[Tensor, ...]:
        """The saliency of the first ``steps`` frames of a clip, ``(B, steps, H/4, W/4)`` from 0 to 1.

        Raises:
            TypeError: for the OM-CNN alone.
            ValueError: if the clip is not the one of the spec.
        """
        if not self.recurrent:
            raise TypeError("the OM-CNN of deepvs predicts the target frame alone; build it with recurrent=True")
        self.check_input(frames, audio)
        return (self._decode(self._remember(self._see(frames)[0])[0]),)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`. With ``segments`` the LSTMs run over each frame once.

        A window holds its segment up to the target, so frames may be left out, and come in any order.
        """
        if not (self.segments and self.recurrent):
            return self(clips.frames, audio)  # type: ignore[no-any-return]
        self.check_clips(clips)
        return clips.once("maps", lambda: self._in_segments(clips, memory.seen.setdefault("deepvs", {})))

    def _in_segments(self, clips: Clips, memory: dict[str, _Seen]) -> Tensor:
        """The maps ``(B, H/4, W/4)`` of target frames, each seen after those before it in its segment."""
        at = self.steps - 1
        targets = [(place.video, place.frames[at]) for place in clips.places]
        last = {video: seen.frame for video, seen in memory.items()}
        # How many frames of each window are to be seen, up to the target: those after the one seen last, if it is
        # in the same segment.
        counts = []
        for video, target in targets:
            done = (target - 1) % self.steps + 1
            ahead = target - last.get(video, 0)
            counts.append(ahead if 0 < ahead < done else done)
            last[video] = target
        pairs = [
            ((place.video, place.frames[i]), (place.video, place.frames[i + self.gap]))
            for place, count in zip(clips.places, counts, strict=True)
            for i in range(at - count + 1, at + 1)
        ]
        features, _ = self.cnn(*(clips.single(keys) for keys in zip(*pairs, strict=True)))
        hidden = []
        for (video, target), own in zip(targets, features.split(counts), strict=True):
            goes_on = len(own) <= (target - 1) % self.steps
            after, states = self._remember(own[None], memory[video].states if goes_on else None)
            memory[video] = _Seen(target, states)
            hidden.append(after[:, -1:])
        for video in memory.keys() - {video for video, _ in targets}:
            del memory[video]
        return self._decode(torch.cat(hidden))[:, 0]

    def _see(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(B, t, C, H/16, W/16)`` and coarse maps ``(B, t, H/4, W/4)`` of the t pairs of a clip."""
        pairs = self.steps if self.recurrent else 1
        one, other = (part.transpose(1, 2).flatten(0, 1) for part in (frames[:, :, :pairs], frames[:, :, -pairs:]))
        features, coarse = self.cnn(one, other)
        return features.unflatten(0, (-1, pairs)), coarse.unflatten(0, (-1, pairs))

    def _remember(self, features: Tensor, states: tuple[State, ...] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """What the second LSTM gives after each frame, ``(B, t, C, h, w)``, and the states after the last."""
        after = []
        for i, lstm in enumerate(self.lstm):
            features, state = lstm(features, states[i] if states else None)
            after.append(state)
        return features, tuple(after)

    def _decode(self, hidden: Tensor) -> Tensor:
        """The saliency ``(B, t, 4h, 4w)`` of ``(B, t, C, h, w)``, each map from 0 to 1."""
        maps = scaled(self.head(hidden.flatten(0, 1)))[:, 0]
        return torch.unflatten(maps, 0, hidden.shape[:2])

    def load_visual(self, state: Mapping[str, Tensor]) -> None:
        """Load the OM-CNN from the state dict of one that was trained alone; LSTMs and head stay as they are.

        Raises:
            ValueError: if an entry of it is missing or another is there; they are listed.
        """
        own = {key for key in self.state_dict() if key.startswith("cnn.")}
        given = {key: value for key, value in state.items() if not key.startswith("head.")}
        missing, unexpected = sorted(own - given.keys()), sorted(given.keys() - own)
        if missing or unexpected:
            raise ValueError(
                f"expected the state dict of DeepVS with recurrent=False; missing: {', '.join(missing) or 'none'}; "
                f"unexpected: {', '.join(unexpected) or 'none'}"
            )
        self.load_state_dict(given, strict=False)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`; keys and shapes are those of the TensorFlow checkpoint."""
        if re.fullmatch(_WITHOUT_EFFECT, key):
            return None
        layer, _, kind = key.removeprefix("inference/").partition("/")
        norm = _NORM.get(kind.removeprefix("batch_normalization/"))
        if norm and layer.startswith("conv"):
            return f"cnn.objectness.layers.{layer}.1.{norm}", value
        ours = next((found.expand(part) for name, part in _PARTS if (found := re.fullmatch(name, layer))), None)
        if ours is None or kind not in ("weights", "biases"):
            return key, value
        if kind == "biases":
            return f"{ours}.bias", value
        return f"{ours}.weight", value.permute(3, 2, 0, 1) if value.dim() == 4 else value.T


class _LSTM(nn.Module):
    """A convolutional LSTM without peepholes, with as many channels inside. Its gates are i, j, f and o, 1 to 4.

    Args:
        channels: C.
        dropout: part of the values that training hides from a gate, the same ones in all frames of a clip.
        gates: see decision 9.
    """

    def __init__(self, channels: int, dropout: float, gates: Gates) -> None:
        super().__init__()
        self.kept, self.gates = 1 - dropout, gates
        self.input, self.recurrent = (
            nn.ModuleDict({str(i): nn.Conv2d(channels, channels, 3, padding=1, bias=bias) for i in range(1, 5)})
            for bias in (True, False)
        )
        for conv in (*self.input.values(), *self.recurrent.values()):
            nn.init.xavier_uniform_(conv.weight)  # type: ignore[arg-type]
        for conv in self.input.values():
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over ``(B, T, C, h, w)``: the hidden state after each frame, of this shape, and the state at the end."""
        seen = [
            torch.unflatten(self._seen(conv, (x * mask).flatten(0, 1)), 0, x.shape[:2]).unbind(1)
            for conv, mask in zip(self.input.values(), self._masks(x), strict=True)
        ]
        masks = self._masks(x)[:, :, 0]
        scale = 1 / self.kept if self.training or self.gates == "demo" else 1.0
        state = state or State(torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0]))
        hidden = []
        for step in zip(*seen, strict=True):
            i, j, f, o = (
                part + scale * conv(state.hidden * mask)
                for part, conv, mask in zip(step, self.recurrent.values(), masks, strict=True)
            )
            cell = state.cell * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
            state = State(torch.tanh(cell) * torch.sigmoid(o), cell)
            hidden.append(state.hidden)
        return torch.stack(hidden, 1), state

    def _masks(self, x: Tensor) -> Tensor:
        """A mask of each gate while training, ``(4, B, 1, C, h, w)`` of 0 and 1; else ones that stand for all."""
        if not self.training:
            return x.new_ones(4, 1, 1, 1, 1, 1)
        return torch.bernoulli(x.new_full((4, *x[:, :1].shape), self.kept))

    def _seen(self, conv: nn.Module, x: Tensor) -> Tensor:
        """The part of a gate that comes from its input ``(N, C, h, w)``."""
        found: Tensor = conv(x)
        if self.training or self.gates == "demo":
            return found / self.kept
        assert isinstance(conv.bias, Tensor)
        return found + (1 / self.kept - 1) * conv.bias[:, None, None]
