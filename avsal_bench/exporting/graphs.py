"""What goes into an exported file: a network between the bytes of frames and the saliency map that the suite scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avsal_bench.models.base import Network
from avsal_bench.text import many
from avsal_bench.training.module import SaliencyModule


class Value(NamedTuple):
    """What goes in or comes out, under a name."""

    name: str
    shape: tuple[int, ...]
    """Without the first axis, which is that of the batch."""
    kind: str
    """``uint8`` or ``float32``."""
    meaning: str
    """In a sentence, with axes, range and order."""


class Graph(nn.Module):
    """Frames as bytes in, saliency maps out; normalisation and ``to_map`` are inside.

    Args:
        module: that runs the network in the suite; it shares its network with the graph.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: SaliencyModule) -> None:
        super().__init__()
        self.net: Network = module.net
        self.register_buffer("mean", module.mean.detach().clone())
        self.register_buffer("std", module.std.detach().clone())

    def normalised(self, frames: Tensor) -> Tensor:
        """Frames ``(B, T, H, W, 3)`` uint8 as the network takes them, ``(B, 3, T, H, W)`` float32."""
        return ((frames.permute(0, 4, 1, 2, 3).float() - self.mean) / self.std).contiguous()

    def map_of(self, output: Tensor) -> Tensor:
        """The saliency map ``(B, h, w)`` float32 of an output."""
        return self.net.to_map(output.float())


class FramesGraph(Graph):
    """The graph of a network that sees alone."""

    def forward(self, frames: Tensor) -> Tensor:
        """``(B, T, H, W, 3)`` uint8 RGB to ``(B, h, w)``."""
        return self.map_of(self.net(self.normalised(frames), None))


class SoundGraph(Graph):
    """The graph of a network that hears."""

    def forward(self, frames: Tensor, sound: Tensor) -> Tensor:
        """``(B, T, H, W, 3)`` uint8 RGB, and the sound ``(B, ...)`` as the front end gives it, to ``(B, h, w)``."""
        return self.map_of(self.net(self.normalised(frames), sound))


class StepGraph(Graph):
    """The graph of a network that goes by frames: one frame further, with the state that it carries."""

    def forward(self, frame: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """``(B, H, W, 3)`` uint8 RGB and the state before it, to the map ``(B, h, w)`` and the state after it."""
        output, after = self.net.advance(self.normalised(frame[:, None])[:, :, 0], state)
        return self.map_of(output), *after


def graph_of(module: SaliencyModule) -> Graph:
    """The graph of a network, in eval mode.

    Raises:
        ValueError: for one that needs what no file can bring: labels of a test, or a state that it does not hand out.
    """
    net = module.net
    name = type(net).__name__
    if net.observes:
        raise ValueError(f"{name} is made of the maps of a training list, and has no map of a clip to export")
    if net.switched_by_labels:
        raise ValueError(f"{name} is switched by the labels of a test, which a film does not have; export its network")
    if net.spec.walk != "frames":
        return (FramesGraph if net.spec.audio is None else SoundGraph)(module).eval()
    if type(net).advance is Network.advance or net.spec.audio is not None:
        raise ValueError(
            f"{name} goes through videos by frames (walk of its spec), and an exported file leaves its state to the "
            "caller: define `advance(frames, state)` in its class, for frames without sound"
        )
    return StepGraph(module).eval()


def first_state(graph: Graph, batch: int) -> tuple[Tensor, ...]:
    """The state ``(B, ...)`` at the start of a sequence, zeros; nothing of a network without a state."""
    if not isinstance(graph, StepGraph):
        return ()
    spec = graph.net.spec
    with torch.no_grad():
        _, after = graph.net.advance(graph.mean.new_zeros(batch, 3, *spec.size))
    return tuple(torch.zeros_like(one) for one in after)


def inputs_of(graph: Graph, map_size: Sequence[int]) -> tuple[list[Value], list[Value]]:
    """What goes in and what comes out, in order.

    Args:
        graph: of the network.
        map_size: (height, width) of its maps.
    """
    net, spec = graph.net, graph.net.spec
    height, width = spec.size
    pixels = "RGB from 0 to 255, resized to height and width as `resizing` says"
    saliency = Value("saliency", (map_size[0], map_size[1]), "float32", f"(batch, height, width), {_range(net)}")
    if isinstance(graph, StepGraph):
        state = [tuple(one.shape[1:]) for one in first_state(graph, 1)]
        told = f"what the network knows of the frames {spec.step} and more before"
        before = [Value(f"state_{n}", shape, "float32", f"{told}; zeros at the start") for n, shape in enumerate(state)]
        after = [
            Value(f"next_state_{n}", shape, "float32", "the state after this frame") for n, shape in enumerate(state)
        ]
        frame = Value("frame", (height, width, 3), "uint8", f"(batch, height, width, channel), {pixels}")
        return [frame, *before], [saliency, *after]
    order = f"{many(spec.frames, 'frame')}, {spec.step} apart, the oldest first"
    frames = Value(
        "frames",
        (spec.frames, height, width, 3),
        "uint8",
        f"(batch, time, height, width, channel), {pixels}; {order}",
    )
    if spec.audio is None:
        return [frames], [saliency]
    shape = tuple(spec.audio(torch.zeros(1)).shape)
    sound = Value("sound", shape, "float32", "the sound of these frames, as the front end of `sound` gives it")
    return [frames, sound], [saliency]


def _range(net: Network) -> str:
    if net.log_density:
        return "a density: it sums to 1"
    return "from 0 to 1, the sigmoid of the output" if net.logits else "not negative, in the network's own unit"
