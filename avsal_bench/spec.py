"""What a network takes, and what one batch holds: the contract between the data side and the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from torch import Tensor

    from avsal_bench.audio.waveform import AudioFrontEnd

__all__ = [
    "KINETICS_MEAN",
    "KINETICS_STD",
    "Batch",
    "ClipForm",
    "ClipSpec",
    "Filter",
    "Modality",
    "Sound",
    "Start",
    "Target",
    "Walk",
    "WindowBatch",
]

Modality = Literal["v", "av", "a"]

#: Which frame of the video a clip predicts: its last one, the one in the middle (index ``T // 2``), or the one that
#: lies so many frames of the video after the first one of the clip.
Target = Literal["last", "middle"] | int

#: How the first frames of a video get their window where the target is the last frame: from the clip that starts there,
#: run backwards, or with the first frame repeated in front.
Start = Literal["reverse", "repeat"]

#: How frames are resized: by triangles, by Keys's cubics, or by sinc windows of three lobes.
Filter = Literal["bilinear", "bicubic", "lanczos"]

#: How a network goes through a video at test time: by ``windows``, each of which is a clip by itself; or by ``frames``,
#: one after the other from the first one on, with a state that it carries along.
Walk = Literal["windows", "frames"]

#: What a network hears at test time: the true sound, silence, the sound of another video, of one that is as loud and of
#: the same kind, the true sound at another time, or noise as loud as it; :mod:`avsal_bench.data.clips.sounds` has the
#: rules.
Sound = Literal["original", "muted", "swapped", "matched", "shifted", "noise"]

#: Pixels of the windows that a processor predicts at a time where nobody says, one of 32 frames of 224x384; and the
#: most windows.
PIXELS_AT_A_TIME, MOST_AT_A_TIME = 32 * 224 * 384, 16

#: Mean and deviation of RGB in [0, 1] that torchvision's Kinetics-400 video weights were trained with
#: (pytorch/vision, ``VideoClassification`` presets).
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


class ClipForm(NamedTuple):
    """Which frames of a video make a clip: what :func:`avsal_bench.data.windows.window` goes by."""

    frames: int
    target: Target = "last"
    start: Start = "reverse"
    step: int = 1
    backwards: bool = False

    @property
    def span(self) -> int:
        """Frames of the video from the first frame of a clip to its last one."""
        return (self.frames - 1) * self.step

    @property
    def before(self) -> int:
        """Frames of the video from the first frame of a clip to the one that it predicts.

        >>> [ClipForm(32, target, step=2).before for target in ("last", "middle", 31)]
        [62, 32, 31]
        """
        if self.target == "last":
            return self.span
        return self.frames // 2 * self.step if self.target == "middle" else self.target

    @property
    def reach(self) -> int:
        """Frames of the video from the first frame of a clip to its last one, or the predicted one if that is later."""
        return max(self.span, self.before)


@dataclass(frozen=True)
class ClipSpec:
    """The clip that a network takes: how many frames, how large, how normalised, and with what sound.

    Args:
        frames: T, how many frames are in a clip.
        size: (height, width) in pixels that every frame is resized to.
        mean: of each RGB channel, for values in [0, 1].
        std: deviation of each RGB channel, for values in [0, 1].
        target: which frame the network predicts: ``last`` or ``middle`` of the clip, or the one so many frames of the
            video after the first one of the clip, which the clip itself may do without.
        audio: the front end that turns an excerpt of the waveform into the network's tensor, or None for
            a network without sound.
        start: how the first frames of a video get their window; see :data:`Start`. Only a ``last`` target has a use
            for it.
        antialias: whether frames are filtered as they are made smaller (Pillow's bilinear resize); without, each
            pixel comes from four of the frame's (OpenCV's), or of 16 by ``bicubic``.
        step: from one frame of a clip to the next, in frames of the video; 1 for consecutive ones.
        walk: how the network goes through a video at test time; see :data:`Walk`. By ``frames``, it is given each frame
            of a video once and in order. With a ``step`` of n these are n sequences that take turns, of the frames o,
            o + n, o + 2n, ..., each with a state of its own. What the fields above say is true of clips to train on.
        pictures: where a network looks at frames of several sizes, the (height, width) of each: a frame of the clip is
            then that frame at all these sizes, each in the middle of its rows, one below the other, with black beside.
            ``size`` is that of the whole.
        backwards: whether each window at test time is that of the video played backwards, with its sound (mspi2024,
            Fig. 9). A network that goes by frames cannot.
        filter: how frames are resized. ``lanczos``, and ``bicubic`` with ``antialias``, are Pillow's, bit for bit;
            ``bicubic`` without has OpenCV's cubics (a = -0.75), and may differ from it by the rounding of a level.

    Raises:
        ValueError: for a value that is out of its range; it names the field.
    """

    frames: int
    size: tuple[int, int]
    mean: tuple[float, float, float] = KINETICS_MEAN
    std: tuple[float, float, float] = KINETICS_STD
    target: Target = "last"
    audio: AudioFrontEnd | None = None
    start: Start = "reverse"
    antialias: bool = True
    step: int = 1
    walk: Walk = "windows"
    pictures: tuple[tuple[int, int], ...] = ()
    filter: Filter = "bilinear"
    backwards: bool = False

    def __post_init__(self) -> None:
        if not _is_whole(self.frames):
            raise ValueError(f"frames: expected how many frames are in a clip, from 1, got {self.frames!r}")
        if not isinstance(self.size, tuple | list) or len(self.size) != 2 or not all(map(_is_whole, self.size)):
            raise ValueError(f"size: expected (height, width) in pixels, such as (64, 96), got {self.size!r}")
        object.__setattr__(self, "size", tuple(self.size))
        for name, low in (("mean", None), ("std", 0.0)):
            given = getattr(self, name)
            if not isinstance(given, tuple | list) or len(given) != 3 or not all(_is_number(x, low) for x in given):
                above = "" if low is None else ", each above 0"
                raise ValueError(f"{name}: expected three numbers, of red, green and blue{above}; got {given!r}")
            object.__setattr__(self, name, tuple(given))
        if not _is_whole(self.step):
            raise ValueError(f"step: expected how many frames of the video further the next one is, got {self.step!r}")
        if self.target not in ("last", "middle") and not _is_whole(self.target, 0):
            raise ValueError(f"target: expected last, middle or a number of frames from 0, got {self.target!r}")
        if self.start not in get_args(Start):
            raise ValueError(f"start: expected {' or '.join(get_args(Start))}, got {self.start!r}")
        if self.walk not in get_args(Walk):
            raise ValueError(f"walk: expected {' or '.join(get_args(Walk))}, got {self.walk!r}")
        if not isinstance(self.antialias, bool):
            raise ValueError(f"antialias: expected True or False, got {self.antialias!r}")
        if self.filter not in get_args(Filter):
            raise ValueError(f"filter: expected {', '.join(get_args(Filter))}, got {self.filter!r}")
        if self.walk == "frames" and self.form.before != self.form.span:
            raise ValueError(
                f"target: a network that goes by frames (walk) predicts the last of those it saw, got {self.target!r}; "
                "leave it at 'last', or walk at 'windows'"
            )
        if self.backwards and self.walk == "frames":
            raise ValueError(
                "backwards: a network that goes by frames (walk) carries its state from the first one; leave it False"
            )
        if self.filter == "lanczos" and not self.antialias:
            raise ValueError("filter: lanczos always filters what is made smaller; leave antialias at True")
        if self.pictures != ():
            object.__setattr__(self, "pictures", _pairs(self.pictures))
            wide = max(width for _, width in self.pictures)
            whole = sum(height for height, _ in self.pictures), wide
            if self.size != whole or any((wide - width) % 2 for _, width in self.pictures):
                raise ValueError(
                    f"pictures: expected some of {self.size} together, one below the other, with as much beside them "
                    f"on the left as on the right; got {self.pictures}"
                )

    @property
    def form(self) -> ClipForm:
        """Which frames of a video make a clip."""
        return ClipForm(self.frames, self.target, self.start, self.step, self.backwards)

    @property
    def target_index(self) -> int:
        """Which frame of a clip is the one that it predicts, from 0.

        Raises:
            ValueError: where a clip does not have it.
        """
        index, rest = divmod(self.form.before, self.step)
        if rest or index >= self.frames:
            raise ValueError(
                f"a clip (frames={self.frames}, step={self.step}) does not have the frame that it predicts, "
                f"{self.form.before} after its first"
            )
        return index

    @property
    def plain_frames(self) -> bool:
        """Whether frames are resized as the prepared form holds them: bilinear, antialiased, and to one size."""
        return self.antialias and self.filter == "bilinear" and not self.pictures

    @property
    def resizing(self) -> tuple[tuple[int, int], bool, tuple[tuple[int, int], ...], Filter]:
        """How frames get their size: the last arguments of what reads them."""
        return self.size, self.antialias, self.pictures, self.filter

    @property
    def window_frames(self) -> int:
        """How many frames a window has at test time: T, or one for a network that goes by frames."""
        return 1 if self.walk == "frames" else self.frames

    def windows_at_a_time(self, device: str) -> int:
        """How many windows, or frames of a network that goes by frames, are predicted at a time where nobody says.

        As many as pay.

        On a processor, a batch of large windows takes memory and no less time than one after the other; small ones wait
        for Python. A GPU wants more at a time.

        Args:
            device: its kind, ``cpu`` or ``cuda``.

        >>> [ClipSpec(32, (224, 384)).windows_at_a_time(device) for device in ("cpu", "cuda")]
        [1, 8]
        >>> ClipSpec(16, (64, 96)).windows_at_a_time("cpu")
        16
        """
        height, width = self.size
        times = 1 if device == "cpu" else 8
        return max(1, min(MOST_AT_A_TIME, times * PIXELS_AT_A_TIME // (self.window_frames * height * width)))


def _pairs(pictures: object) -> tuple[tuple[int, int], ...]:
    """Sizes as they are kept."""
    sizes = pictures if isinstance(pictures, tuple | list) else ()
    pairs = all(isinstance(one, tuple | list) and len(one) == 2 for one in sizes)
    if not sizes or not pairs or not all(_is_whole(side) for one in sizes for side in one):
        raise ValueError(
            f"pictures: expected sizes (height, width) in pixels, such as ((64, 96), (32, 64)); got {pictures!r}"
        )
    return tuple((height, width) for height, width in sizes)


def _is_whole(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object, low: float | None) -> bool:
    return isinstance(value, int | float) and abs(value) < float("inf") and (low is None or value > low)


class Clip(TypedDict):
    """What a batch has beside its frames. ``B`` clips of ``T`` frames; ``h, w`` the size of the clip.

    The ground truth is at the size of the clip in training and validation, and absent where a protocol scores: it
    reads it from the disk at its own size.
    """

    audio: Tensor | None
    """``(B, ...)`` float32 as the front end gives it; None for a network without sound."""
    others: NotRequired[Tensor]
    """``(B, S, ...)`` float32, what else is heard with these frames: S further sounds; absent where none is wanted."""
    label: NotRequired[Tensor]
    """``(B,)`` bool, whether the sound belongs to what people look at in the target frame; absent where nobody asks."""
    density: Tensor | None
    """``(B, h, w)`` float32 in [0, 1], the ground-truth saliency map of the target frame."""
    fixated: Tensor | None
    """``(B, h, w)`` bool, pixels of the target frame that were fixated; None where no loss asks for them."""
    dataset: list[str]
    """Name of the data set, by item."""
    video: list[str]
    """Name of the video, by item."""
    frame: list[int]
    """Number of the target frame, from 1, by item."""
    window: list[tuple[int, ...]]
    """Numbers of the window's ``T`` frames, from 1, in the order of the clip, by item."""


class Batch(Clip):
    """Clips to train on, whole ones."""

    frames: Tensor
    """``(B, 3, T, h, w)`` uint8, RGB, not normalised: a quarter of the bytes of float32 on the way."""
    densities: NotRequired[Tensor]
    """``(B, T, h, w)``, the maps of all frames of the clip; only where a training asks for them."""
    all_fixated: NotRequired[Tensor]
    """``(B, T, h, w)`` bool, pixels that were fixated in each of these frames; only where their loss asks for them."""


class WindowBatch(Clip):
    """Windows of one video at test time, with each of their frames once.

    Where a network goes by frames, there is a row of ``index`` and of ``audio`` for each of W frames that follow each
    other, and ``walked`` says which; all other entries are of the B of them whose map is asked for, which may be none.
    """

    pool: Tensor
    """``(F, 3, h, w)`` uint8, RGB, not normalised: frames of the video, on the device."""
    index: Tensor
    """``(B, T)`` int64, on the device: which frame of ``pool`` each frame of a window is."""
    walked: NotRequired[list[tuple[str, int, bool]]]
    """Where a network goes by frames, for each of them the key of its video, its number, and whether its map is asked
    for."""
