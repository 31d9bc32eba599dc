"""What is heard in the embedded set ``synth``: a voice for each kind of thing, bursts, music, silence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from avsal_bench.data.synth.scenes import Array, Kind, Scene

SAMPLE_RATE = 22050
#: Root mean square of a voice, of full scale 1.
LOUDNESS = 0.12


def soundtrack(rng: np.random.Generator, scene: Scene) -> NDArray[np.float32]:
    """The mono sound of a scene: ``(round(T / fps * SAMPLE_RATE),)`` samples in [-1, 1]."""
    times = np.arange(round(scene.seconds * SAMPLE_RATE)) / SAMPLE_RATE
    if scene.category == "silent":
        # One video in three is digital zero: a front end that divides by the loudness must bear it.
        return np.asarray(rng.choice([0.0, 3e-4, 1e-3]) * rng.standard_normal(len(times)), dtype=np.float32)
    heard = {"timbre": _by_turns, "pulse": _bursts, "offscreen": _off_screen}[scene.category](rng, times, scene)
    hiss = LOUDNESS * 10 ** rng.uniform(-2.0, -1.2) * rng.standard_normal(len(times))
    return np.clip(heard + hiss, -1, 1).astype(np.float32)


def _by_turns(rng: np.random.Generator, times: Array, scene: Scene) -> Array:
    """Each thing's voice while it sounds, faded over 10 ms at the change."""
    frame = np.minimum((times * scene.fps).astype(int), scene.frames - 1)
    fade = round(0.01 * SAMPLE_RATE)
    heard = np.zeros(len(times))
    for i, thing in enumerate(scene.things):
        on = (scene.sounding[frame] == i).astype(float)
        heard += np.convolve(on, np.full(fade, 1 / fade), mode="same") * voice(rng, thing.kind, times)
    return heard


def voice(rng: np.random.Generator, kind: Kind, times: Array) -> Array:
    """The sound of a kind of thing at ``times`` in seconds; pitch and loudness differ a little by draw."""
    pitch = rng.uniform(0.97, 1.03)
    sound = VOICES[kind](rng, times * pitch)
    return np.asarray(LOUDNESS * rng.uniform(0.85, 1.15) * sound / np.sqrt(np.mean(sound**2)))


def _buzz(rng: np.random.Generator, times: Array) -> Array:
    """A low sawtooth: 180 Hz and its harmonics up to 1.4 kHz."""
    phase = 2 * np.pi * 180 * times + rng.uniform(0, 2 * np.pi)
    return np.asarray(sum(np.sin(n * phase) / n for n in range(1, 9)))


def _whistle(rng: np.random.Generator, times: Array) -> Array:
    """A pure tone of 900 Hz with a vibrato of 6 Hz, 18 Hz to either side."""
    vibrato = 3.0 * np.sin(2 * np.pi * 6 * times + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.sin(2 * np.pi * 900 * times + vibrato))


def _rustle(rng: np.random.Generator, times: Array) -> Array:
    """Noise of 3 to 5 kHz that trembles 14 times a second."""
    band = sosfilt(butter(6, (3000, 5000), "bandpass", fs=SAMPLE_RATE, output="sos"), rng.standard_normal(len(times)))
    return np.asarray(band * (1 + 0.8 * np.sin(2 * np.pi * 14 * times)))


def _bell(rng: np.random.Generator, times: Array) -> Array:
    """Inharmonic partials from 2 kHz up, struck six times a second."""
    since = (times + rng.uniform(0, 1 / 6)) % (1 / 6)
    partials = ((1.0, 1.0), (1.19, 0.5), (2.76, 0.25))
    return np.asarray(sum(a * np.sin(2 * np.pi * 2000 * r * since) * np.exp(-since * 14 * r) for r, a in partials))


VOICES: dict[Kind, Callable[[np.random.Generator, Array], Array]] = {
    "disc": _buzz,
    "square": _whistle,
    "triangle": _rustle,
    "cross": _bell,
}


def _bursts(rng: np.random.Generator, times: Array, scene: Scene) -> Array:
    """A tone of 60 ms with a click at its start, at every beat."""
    heard = np.zeros(len(times))
    tone = rng.uniform(500, 800)
    for beat in scene.beats:
        since = times - beat
        on = (since >= 0) & (since < 0.06)
        click = np.exp(-since[on] / 0.002) * rng.standard_normal(on.sum())
        heard[on] += 0.4 * np.sin(2 * np.pi * tone * since[on]) * np.hanning(on.sum()) + 0.5 * click
    return heard


def _off_screen(rng: np.random.Generator, times: Array, scene: Scene) -> Array:
    """Music or a narrator, that belongs to nothing on screen."""
    sound = _music(rng, times) if rng.random() < 0.5 else _narration(rng, times)
    return np.asarray(LOUDNESS * sound / np.sqrt(np.mean(sound**2)))


def _music(rng: np.random.Generator, times: Array) -> Array:
    """A chord of three soft tones every 0.8 s, roots from one octave."""
    heard, root = np.zeros(len(times)), rng.uniform(200, 260)
    steps = rng.choice([0, 2, 4, 5, 7, 9], size=int(times[-1] / 0.8) + 1)
    chord, since = (times / 0.8).astype(int), times % 0.8
    for interval in (0, 4, 7):
        pitch = (root * 2 ** ((steps + interval) / 12))[chord]
        heard += np.sin(2 * np.pi * pitch * since) + 0.3 * np.sin(4 * np.pi * pitch * since)
    return heard * np.minimum(since / 0.03, 1) * np.exp(-1.5 * since)


def _narration(rng: np.random.Generator, times: Array) -> Array:
    """Breathy syllables, about four a second: a pulse train of 110 Hz and noise through vowel formants."""
    rate, syllable = rng.uniform(3.5, 4.5), np.zeros(len(times))
    source = np.diff(np.floor(times * rng.uniform(95, 130)), prepend=0) * 6 + 0.15 * rng.standard_normal(len(times))
    which = (times * rate).astype(int)
    for n in range(which[-1] + 1):
        part = source * (which == n)
        for formant in (rng.uniform(350, 800), rng.uniform(1000, 2200)):
            pole = np.exp(-np.pi * 90 / SAMPLE_RATE + 2j * np.pi * formant / SAMPLE_RATE)
            syllable += lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], part)
    return np.asarray(syllable * np.sin(np.pi * ((times * rate) % 1)) ** 0.7)
