"""What is seen and looked at in the embedded set ``synth``: moving things, and the observers that watch them.

Coordinates are pixels, x to the right and y down, with (0, 0) the corner of the frame: the pixel of a point
is the floor of its coordinates. Frame k (from 0 in this file) shows the time ``k / fps`` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

Array = NDArray[np.float64]
Kind = Literal["disc", "square", "triangle", "cross"]
Category = Literal["timbre", "pulse", "offscreen", "silent", "spread"]

HEIGHT, WIDTH = 96, 144
OBSERVERS = 12
#: Colours of about one luminance (140 of 255), so that no kind stands out from the dark background.
COLOURS: dict[Kind, tuple[int, int, int]] = {
    "disc": (245, 95, 85),
    "square": (90, 150, 255),
    "triangle": (60, 190, 90),
    "cross": (180, 140, 30),
}
KINDS: tuple[Kind, ...] = tuple(COLOURS)
RADIUS = 9.0
SPEED = 14.0
GAP = 28.0
NOBODY = -1


@dataclass(frozen=True)
class Thing:
    """A thing that moves: its kind, RGB in 0..255, ``(T, 2)`` centres x, y and ``(T,)`` radii in pixels.

    The radius is that of the disc of equal area, whatever the shape.
    """

    kind: Kind
    colour: Array
    path: Array
    radius: Array


@dataclass(frozen=True)
class Scene:
    """The causes of one video: what is there, what sounds, what each observer attends to.

    Args:
        category: the kind of scene.
        fps: frames per second.
        background: ``(HEIGHT, WIDTH, 3)`` RGB in 0..255.
        things: three of them.
        sounding: ``(T,)`` index of the thing that sounds in each frame, or ``NOBODY``.
        attended: ``(OBSERVERS, T)`` index of the thing each observer attends to, before any lag.
        beats: times in seconds at which the sounding thing of a ``pulse`` scene is largest.
    """

    category: Category
    fps: float
    background: Array
    things: tuple[Thing, ...]
    sounding: NDArray[np.int64]
    attended: NDArray[np.int64]
    beats: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def frames(self) -> int:
        """T, the number of frames."""
        return len(self.sounding)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.fps

    @property
    def paths(self) -> Array:
        """``(things, T, 2)`` centres."""
        return np.stack([thing.path for thing in self.things])


def make_scene(rng: np.random.Generator, category: Category, frames: int, fps: float) -> Scene:
    """Draw a scene of ``frames`` frames."""
    if category == "timbre":
        return _timbre(rng, frames, fps)
    if category == "pulse":
        return _pulse(rng, frames, fps)
    if category == "spread":
        return _spread(rng, frames, fps)
    return _salient(rng, category, frames, fps)


def _timbre(rng: np.random.Generator, frames: int, fps: float) -> Scene:
    """Three equal things of different kinds that sound by turns; everyone attends to the one that sounds."""
    sounding = turns(rng, frames, fps, shortest=0.9, longest=1.6)
    things = _equal_things(rng, frames, fps)
    return Scene("timbre", fps, background(rng), things, sounding, np.tile(sounding, (OBSERVERS, 1)))


def _spread(rng: np.random.Generator, frames: int, fps: float) -> Scene:
    """Three equal things and no sound; each observer goes from one to the other in an order of their own."""
    attended = np.stack([turns(rng, frames, fps, shortest=0.6, longest=1.5) for _ in range(OBSERVERS)])
    nobody = np.full(frames, NOBODY)
    return Scene("spread", fps, background(rng), _equal_things(rng, frames, fps), nobody, attended)


def _salient(rng: np.random.Generator, category: Category, frames: int, fps: float) -> Scene:
    """Three things, one larger, brighter and faster; everyone attends to that one, whatever sounds."""
    chosen = int(rng.integers(3))
    boost = np.where(np.arange(3) == chosen, 1.5, 1.0)
    paths = wander(rng, frames, fps, SPEED * np.where(np.arange(3) == chosen, 2.0, 1.0))
    things = tuple(
        _thing(kind, path, RADIUS * b, shade=1.3 if b > 1 else 0.85)
        for kind, path, b in zip(_three_kinds(rng), paths, boost, strict=True)
    )
    attended = np.full((OBSERVERS, frames), chosen)
    return Scene(category, fps, background(rng), things, np.full(frames, NOBODY), attended)


def _pulse(rng: np.random.Generator, frames: int, fps: float) -> Scene:
    """Three alike discs that swell at rates of their own; the bursts of sound keep time with one of them."""
    chosen = int(rng.integers(3))
    # Apart by 0.4 Hz at the least, so that within two seconds only one disc is in step with the sound.
    rates = rng.permutation(np.array([1.6, 2.4, 3.2]) + rng.uniform(-0.2, 0.2, size=3))
    phases = rng.uniform(0, 1, size=3)
    times = np.arange(frames) / fps
    things = tuple(
        Thing("disc", np.full(3, 205.0), path, RADIUS * (1 + 0.28 * np.sin(2 * np.pi * (rate * times + phase))))
        for path, rate, phase in zip(wander(rng, frames, fps, np.full(3, SPEED)), rates, phases, strict=True)
    )
    beats = (np.arange(0, 4 * frames / fps) + 0.25 - phases[chosen]) / rates[chosen]
    beats = beats[(beats >= 0) & (beats < frames / fps)]
    sounding = np.full(frames, chosen)
    return Scene("pulse", fps, background(rng), things, sounding, np.tile(sounding, (OBSERVERS, 1)), beats)


def turns(rng: np.random.Generator, frames: int, fps: float, shortest: float, longest: float) -> NDArray[np.int64]:
    """Whose turn it is in each frame: ``(T,)`` of 0, 1, 2. A turn takes ``shortest`` to ``longest`` seconds."""
    whose = np.empty(frames, dtype=np.int64)
    start, current = 0, int(rng.integers(3))
    while start < frames:
        end = start + round(rng.uniform(shortest, longest) * fps)
        whose[start:end] = current
        start, current = end, (current + int(rng.integers(1, 3))) % 3
    return whose


def wander(rng: np.random.Generator, frames: int, fps: float, speeds: Array, tries: int = 600) -> Array:
    """Paths ``(things, T, 2)`` of given mean speeds (pixels a second) that keep ``GAP`` apart where they can.

    Of ``tries`` draws the first that keeps the gap is taken, else the one with the widest gap.
    """
    best, widest = np.empty(0), -1.0
    for _ in range(tries):
        paths = np.stack([_lissajous(rng, frames, fps, speed) for speed in speeds])
        between = np.linalg.norm(paths[[0, 0, 1]] - paths[[1, 2, 2]], axis=-1).min()
        if between > widest:
            best, widest = paths, float(between)
        if widest >= GAP:
            break
    return best


def _lissajous(rng: np.random.Generator, frames: int, fps: float, speed: float) -> Array:
    """One smooth path ``(T, 2)`` inside the frame."""
    room = np.array([WIDTH, HEIGHT]) / 2 - 16
    times = np.arange(frames)[:, None] / fps
    while True:
        path = np.sin(2 * np.pi * (rng.uniform(0.12, 0.3, size=2) * times + rng.uniform(0, 1, size=2)))
        path = path * (1.0, rng.uniform(0.3, 0.9))
        path *= speed / (np.linalg.norm(np.diff(path, axis=0), axis=1).mean() * fps)
        reach = np.ptp(path, axis=0) / 2
        if (reach < room).all():
            middle = (path.max(axis=0) + path.min(axis=0)) / 2
            centre = np.array([WIDTH, HEIGHT]) / 2 + rng.uniform(-1, 1, size=2) * (room - reach)
            return np.asarray(path - middle + centre)


def _three_kinds(rng: np.random.Generator) -> list[Kind]:
    return [KINDS[i] for i in rng.permutation(len(KINDS))[:3]]


def _thing(kind: Kind, path: Array, radius: float, shade: float = 1.0) -> Thing:
    colour = np.clip(np.array(COLOURS[kind]) * shade, 0, 255)
    return Thing(kind, colour, path, np.full(len(path), radius))


def _equal_things(rng: np.random.Generator, frames: int, fps: float) -> tuple[Thing, ...]:
    paths = wander(rng, frames, fps, np.full(3, SPEED))
    return tuple(_thing(kind, path, RADIUS) for kind, path in zip(_three_kinds(rng), paths, strict=True))


def background(rng: np.random.Generator) -> Array:
    """A dark gradient with soft blotches, ``(HEIGHT, WIDTH, 3)`` in 0..255."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    blotches = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), sigma=6, mode="wrap")
    grey = rng.uniform(45, 65) + 10 * (x * np.cos(angle) + y * np.sin(angle)) + 5 * blotches / blotches.std()
    return np.asarray(grey[..., None] * rng.uniform(0.85, 1.15, size=3))


def render(scene: Scene, k: int) -> NDArray[np.uint8]:
    """Frame ``k`` as ``(HEIGHT, WIDTH, 3)`` RGB."""
    image = scene.background.copy()
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for thing in scene.things:
        cover = _cover(thing.kind, x - thing.path[k, 0], y - thing.path[k, 1], thing.radius[k])[..., None]
        image += cover * (thing.colour - image)
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def _cover(kind: Kind, x: Array, y: Array, radius: float) -> Array:
    """Share of each pixel that a shape of area pi radius^2 covers, from the distance to its outline."""
    if kind == "disc":
        outside = np.hypot(x, y) - radius
    elif kind == "square":
        outside = np.maximum(abs(x), abs(y)) - 0.886 * radius
    elif kind == "triangle":
        outside = np.maximum(y, 0.866 * abs(x) - 0.5 * y) - 0.778 * radius
    else:
        longer, shorter = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
        outside = np.maximum(longer - 1.06 * radius, shorter - 0.48 * radius)
    return np.clip(0.5 - outside, 0.0, 1.0)


def simulate_gaze(rng: np.random.Generator, scene: Scene) -> Array:
    """Where each observer looks: ``(OBSERVERS, T, 2)`` x, y, rounded to a hundredth, inside the frame."""
    gaze = np.stack([_watch(rng, scene, attended) for attended in scene.attended])
    return np.clip(np.round(gaze, 2), 0, np.array([WIDTH, HEIGHT]) - 0.01)


def _watch(rng: np.random.Generator, scene: Scene, attended: NDArray[np.int64]) -> Array:
    """Gaze ``(T, 2)`` of one observer: first the centre, then the attended thing, late and with lapses."""
    frames = np.arange(scene.frames)
    late = int(np.ceil(rng.uniform(0.25, 0.4) * scene.fps))
    target = attended[np.maximum(frames - late, 0)]
    gaze = scene.paths[target, frames]
    for start, end in _lapses(rng, scene):
        other = scene.paths[(target[start] + rng.integers(1, 3)) % 3, start:end]
        gaze[start:end] = other if rng.random() < 0.5 else rng.uniform(0, (WIDTH, HEIGHT))
    gaze[: round(rng.uniform(0.3, 0.5) * scene.fps)] = (WIDTH / 2, HEIGHT / 2)
    return np.asarray(gaze + rng.normal(0, 1.0, size=2) + _tremor(rng, scene.frames))


def _lapses(rng: np.random.Generator, scene: Scene, share: float = 0.06) -> list[tuple[int, int]]:
    """Frames (start, end) in which an observer looks elsewhere: 0.3 to 0.6 s each, ``share`` of the time."""
    pause = 0.45 * (1 - share) / share
    lapses, start = [], rng.exponential(pause)
    while start < scene.seconds:
        end = start + rng.uniform(0.3, 0.6)
        lapses.append((int(start * scene.fps), min(int(end * scene.fps), scene.frames)))
        start = end + rng.exponential(pause)
    return lapses


def _tremor(rng: np.random.Generator, frames: int, sigma: float = 3.5, keep: float = 0.6) -> Array:
    """Fixation noise ``(T, 2)``, ``sigma`` pixels strong; ``keep`` of it lasts from a frame to the next."""
    fresh = rng.normal(0, sigma * np.sqrt(1 - keep**2), size=(frames, 2))
    fresh[0] /= np.sqrt(1 - keep**2)
    return np.asarray(lfilter([1], [1, -keep], fresh, axis=0))


def fixation_map(points: Array) -> NDArray[np.uint8]:
    """Binary map ``(HEIGHT, WIDTH)`` of gaze points ``(N, 2)``."""
    fixated = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    fixated[points[:, 1].astype(int), points[:, 0].astype(int)] = 1
    return fixated


def density_map(points: Array, sigma: float = 5.0) -> NDArray[np.uint8]:
    """Gaussian blur of gaze points ``(N, 2)``, scaled to a maximum of 255."""
    counts = np.zeros((HEIGHT, WIDTH))
    np.add.at(counts, (points[:, 1].astype(int), points[:, 0].astype(int)), 1.0)
    density = gaussian_filter(counts, sigma, mode="constant")
    return np.asarray(np.rint(255 * density / density.max()), dtype=np.uint8)
