"""How fast the videos of a tree run, and where their sound is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from avsal_bench.data.describing.clusters import Cluster
from avsal_bench.data.describing.inside import near_rate, rate_of, seconds_of, track_in
from avsal_bench.data.describing.told import SetFound
from avsal_bench.text import many

#: Rates that are the same up to the last digits of a file.
SAME = 1e-4


def find_sound(root: Path, one: SetFound, cluster: Cluster | None) -> None:
    """Find sound files, or the tracks of video files."""
    if one.stills:
        return
    frames = one.chosen.get("frames")
    if cluster is not None:
        one.sound = True
        one.chosen["sound"] = cluster
        one.silent = sorted(set(one.names) - cluster.names)
        one.say("sound", cluster.pattern, "odd" if one.silent else "sure", many(len(cluster.names), "video"))
        _say_silent(one)
    elif frames is not None and frames.kind == "video":
        files = {name: root / single.file for (_, name), single in sorted(frames.singles.items())}
        mute = [name for name, path in files.items() if not track_in(path)]
        one.sound = len(mute) < len(files)
        if one.sound:
            one.silent = mute
            one.say("sound", "true", "sure", "the tracks of the video files")
            _say_silent(one)
        else:
            one.say("sound", "false", "sure", f"{len(mute)} of {len(files)} video files have no track")
    else:
        one.say("sound", "false", "likely", "no sound files; the set is read as one without sound")


def _say_silent(one: SetFound) -> None:
    if one.silent:
        names = ", ".join(one.silent[:3]) + (" and more" if len(one.silent) > 3 else "")
        why = "they have no sound: networks that hear are given zeros; bring their sound, and take them out here"
        one.say("silent", names, "likely", why)


def find_rate(root: Path, one: SetFound) -> None:
    """Find frames a second of each video."""
    if one.stills or one.listed_rates:
        return
    frames, sound = one.chosen.get("frames"), one.chosen.get("sound")
    if frames is not None and frames.kind == "video":
        rates = {name: rate for (_, name), single in frames.singles.items() if (rate := rate_of(root / single.file))}
        _take(one, rates, "sure", "the video files")
    elif sound is not None:
        _take(one, _by_sound(root, one, sound), "likely", "frames over seconds of sound")
    if not one.rates:
        one.rates = {"": 30.0}
        one.say("fps", "30", "not found", "no video file and no sound says it; 30 stands there until you know better")


def _by_sound(root: Path, one: SetFound, sound: Cluster) -> dict[str, float]:
    """Frames over the seconds that they take, where that is a rate that there is."""
    part = one.chosen.get("frames") or one.chosen.get("maps")
    rates: dict[str, float] = {}
    for (_, name), series in part.series.items() if part else ():
        single = next((s for (_, other), s in sound.singles.items() if other == name), None)
        seconds = seconds_of(root / single.file) if single else None
        if seconds and (rate := near_rate(series.count / seconds)):
            rates[name] = rate
    return rates


def _take(one: SetFound, rates: dict[str, float], sure: str, why: str) -> None:
    if not rates:
        return
    usual, times = Counter(round(rate, 6) for rate in rates.values()).most_common(1)[0]
    odd = {name: round(rate, 6) for name, rate in rates.items() if abs(rate / usual - 1) > SAME}
    unknown = len(one.names) - len(rates)
    more = f"; of {many(unknown, 'video')} not known" if unknown > 0 else ""
    if odd:
        one.rates = {name: odd.get(name, usual) for name in one.names}
        told = f"{usual:g} ({many(times, 'video')}), {len(odd)} others"
        one.say("fps", told, "likely" if more else sure, why + more)
    else:
        one.rates = {"": usual}
        one.say("fps", f"{usual:g}", "likely" if more else sure, why + more)
