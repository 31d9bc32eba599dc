"""The clip of a live picture, the first picture that has one, and how far beyond a picture its sound is heard."""

from __future__ import annotations

import sys
from pathlib import Path

from avsal_bench.audio.correspondence import TwoSounds
from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.sound_files import heard_frames, span_of
from avsal_bench.data.places import NumberedFiles
from avsal_bench.data.windows import Window, window
from avsal_bench.spec import ClipSpec

#: Frames a second of a source that does not tell.
USUAL_RATE = 25.0
#: Samples of a sound that goes on: more than any window asks for.
ENDLESS = 2**48
#: What is live, for the rules of windows and sounds: a video that does not end.
LIVE = Video("live", "live", sys.maxsize, USUAL_RATE, NumberedFiles(Path(), "", 5, ""), None, None)


def clip_of(spec: ClipSpec, number: int) -> Window:
    """The clip that predicts a picture, from 1, when it is the newest there is."""
    return Window(number, (number,)) if spec.walk == "frames" else window(number, number, *spec.form)


def first_frame(spec: ClipSpec, hears: bool) -> int:
    """The number of the first picture that gets a map, from 1.

    A network whose clips repeat the first frame in front begins at once; for the others, tests run the first clip
    backwards, which takes frames that are not there yet: they begin when a clip is full. So do those that hear frames
    which come later (HyperSal's first windows), when these are there.

    Args:
        spec: of the network.
        hears: whether it is given sound.
    """
    once = spec.walk == "frames" or spec.start == "repeat" or spec.target != "last"
    first = 1 if once else spec.form.span + 1
    if hears and spec.audio is not None:
        while heard_frames(LIVE, clip_of(spec, first), spec.audio).last > first:
            first += 1
    return first


def sound_ends(video: Video, spec: ClipSpec, number: int) -> float:
    """The second at which the sound ends that is heard with a picture, from 1; 0 where nothing is heard."""
    if spec.audio is None:
        return 0.0
    clip = clip_of(spec, number)
    if isinstance(spec.audio, TwoSounds):
        parts: list[tuple[AudioFrontEnd, Window]] = [
            (spec.audio.clip, clip),
            (spec.audio.target, Window(number, (number,))),
        ]
    else:
        parts = [(spec.audio, clip)]
    return max(span_of(video, one, front_end, ENDLESS)[1] / front_end.sample_rate for front_end, one in parts)


def frames_ahead(spec: ClipSpec) -> float:
    """How many frames beyond the moment at which a picture is shown its sound is heard, at 25 a second.

    The half frame that a picture's own sound goes on for counts; 0 where nothing is heard.
    """
    number = 100 * (spec.form.reach + 1)  # amid the film
    return max(0.0, sound_ends(LIVE, spec, number) * USUAL_RATE - (number - 1))
