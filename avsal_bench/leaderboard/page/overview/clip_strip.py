"""The strip of clips: moments of synthetic videos that may be shown, with maps of a network that hears, and muted."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib.resources import files

from avsal_bench.leaderboard.known_facts import FactTable

#: What is heard and looked at in each kind of scene of ``synth``, in a few words.
KINDS = {
    "timbre": "Each shape has a tone of its own; people look at the one that sounds.",
    "pulse": "A shape pulses with its sound; people look at it.",
    "offscreen": "Music from elsewhere; the sound must not matter.",
    "silent": "No sound at all.",
}


@dataclass(frozen=True)
class Clip:
    """One clip: its moments one below the other in one picture, which is given as an address with the data inside."""

    video: str
    says: str
    heard: float
    muted: float
    width: int
    height: int
    picture: str
    alt: str


@dataclass(frozen=True)
class ClipStrip:
    """The clips, whose maps are in them, and its CC over all so many test videos."""

    network: str
    preset: str
    seed: int
    videos: int
    heard: float
    muted: float
    clips: tuple[Clip, ...]


def clip_strip(facts: FactTable) -> ClipStrip:
    """The clips of the package, as ``docs/draw_clips.py`` drew them and ``assets/clips.json`` tells."""
    folder = files(__name__.rpartition(".overview")[0]) / "assets"
    told = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    title = facts.network(told["network"]).title
    clips = []
    for one in told["clips"]:
        data = base64.b64encode((folder / f"clip_{one['video']}.webp").read_bytes()).decode()
        alt = (
            f"{one['video']}, three pictures side by side: a frame with the points people looked at; {title}'s map "
            f"with the true sound, CC {one['heard']:.3f} over the video; and its map muted, CC {one['muted']:.3f}."
        )
        size = one["width"], one["height"] * one["moments"]
        picture = f"data:image/webp;base64,{data}"
        clips.append(Clip(one["video"], KINDS[one["kind"]], one["heard"], one["muted"], *size, picture, alt))
    means = told["means"]
    return ClipStrip(title, told["preset"], told["seed"], told["videos"], means["heard"], means["muted"], tuple(clips))
