"""A live picture, and what pictures come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.windows import Window
from avsal_bench.spec import ClipSpec

#: Seconds that reading may be behind before pictures are passed over.
LATE = 1.0
#: A jump of time stamps by so many seconds is a new start of the stream.
JUMP = 10.0


class Picture(NamedTuple):
    """A picture that came."""

    number: int
    """From 1, of all that the source had: those that are left out count."""
    pixels: Tensor
    """``(3, H, W)`` uint8 RGB."""
    second: float
    """In the time of the source, from its first picture on."""
    came: float
    """When it was there, by the clock of the source: what is late is late from then on."""
    hear: Callable[[], Tensor] | None = None
    """Makes what a network hears with it, as its front end gives it; None where the source is asked."""
    lacks: bool = False
    """Whether some of that sound had not come in time, and is silence."""


class Source(Protocol):
    """What pictures come from, once.

    Attributes:
        name: as it is printed.
        fps: pictures a second, as it announces them.
        damaged: packets that could not be decoded so far.
        clock: seconds from some start.
    """

    name: str
    fps: float
    damaged: int
    clock: Callable[[], float]

    def pictures(self) -> Iterator[Picture]:
        """The pictures as they come; closing the iterator closes the source."""

    def listen(self, spec: ClipSpec, network: str) -> None:
        """Give each picture on from now on when the sound that is heard with it has sounded.

        Args:
            spec: of the network.
            network: its name, for errors.

        Raises:
            ValueError: where there is no sound to hear, with what to do about it.
        """

    def heard(self, clip: Window, front_end: AudioFrontEnd, muted: bool) -> Tensor:
        """What is heard with a clip, through a front end."""
