"""Draw the pictures of docs/windows.md, by the rule of ``data.windows``: ``python docs/draw_windows.py``."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from avsal_bench.data.windows import steps, window

SIZE, GAP, LEFT = 44, 6, 150
INK, GREY, SEEN, PREDICTED = "#334", "#c9ccd6", "#8fb4ff", "#ff8a50"
STYLE = f'font-family="sans-serif" font-size="14" fill="{INK}"'


def box(x: int, y: int, colour: str, words: object) -> str:
    """A frame with a word in it."""
    return (
        f'<rect x="{x}" y="{y}" width="{SIZE}" height="30" rx="4" fill="{colour}"/>'
        f'<text x="{x + SIZE // 2}" y="{y + 20}" text-anchor="middle" {STYLE}>{words}</text>'
    )


def text(x: int, y: int, words: str, anchor: str = "start", weight: str = "normal") -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" {STYLE}>{words}</text>'


def page(width: int, height: int, title: str, parts: list[str]) -> str:
    """A picture with a white ground, which dark pages need."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def windows(n: int = 10, t: int = 4) -> str:
    """A video of ten frames, and the clips of four frames that predict some of them."""
    rows = [
        ("last", 7, "frame 7", "the frames that end there"),
        ("last", 2, "frame 2", "reverse window: time runs back, sound too"),
        ("middle", 7, "frame 7", "the frame stands in the middle"),
        ("middle", 1, "frame 1", "frame 1 is repeated before the start"),
    ]
    parts = [text(16, 30, "the video", weight="bold")]
    parts += [box(LEFT + (k - 1) * (SIZE + GAP), 10, GREY, k) for k in range(1, n + 1)]
    y = 62
    for target, frame, name, words in rows:
        if (target, frame) in {("last", 7), ("middle", 7)}:
            shown = "target is the last frame (ViNet, TASED-Net, AVRSP, MSPI)"
            if target == "middle":
                shown = "target is the middle frame (STAViS, CASP-Net, STANet)"
            parts.append(text(16, y + 12, shown, weight="bold"))
            y += 28
        clip = window(frame, n, t, target)  # type: ignore[arg-type]
        parts.append(text(16, y + 20, name))
        for i, k in enumerate(clip.frames):
            predicted = k == frame and (target != "middle" or i == t // 2)
            parts.append(box(LEFT + i * (SIZE + GAP), y, PREDICTED if predicted else SEEN, k))
        parts.append(text(LEFT + t * (SIZE + GAP) + 12, y + 20, words))
        y += 44
    parts.append(
        text(16, y + 18, "Clips of 4 frames, in the order that the network sees. Orange: the frame that is predicted.")
    )
    return page(LEFT + n * (SIZE + GAP) + 16, y + 34, "Windows that predict a frame", parts)


def walk(n: int = 10, t: int = 4, asked: tuple[int, ...] = (3, 6, 9)) -> str:
    """A video that a network goes through frame by frame, with steps of 1 and 2."""
    seen = [frame for one in steps(asked, n, t, size=4, walk="frames") for frame in one.fresh]
    parts, y = [text(16, 30, "the video", weight="bold")], 62
    parts += [box(LEFT + (k - 1) * (SIZE + GAP), 10, GREY, k) for k in range(1, n + 1)]
    for step, words in ((1, "step 1: one sequence, and its state"), (2, "step 2: two sequences take turns")):
        parts.append(text(16, y + 12, words, weight="bold"))
        y += 28
        for first in range(1, step + 1):
            mine = [frame for frame in seen if (frame - first) % step == 0]
            places = {frame: LEFT + (frame - 1) * (SIZE + GAP) for frame in mine}
            for before, after in pairwise(mine):
                ends = f'x1="{places[before] + SIZE}" x2="{places[after]}" y1="{y + 15}" y2="{y + 15}"'
                parts.append(f'<line {ends} stroke="{INK}" stroke-width="2"/>')
            parts += [box(x, y, PREDICTED if frame in asked else SEEN, frame) for frame, x in places.items()]
            y += 44
    parts.append(text(16, y + 18, "Each frame is seen once, in order, up to the last map that is asked for (orange)."))
    return page(LEFT + n * (SIZE + GAP) + 16, y + 34, "A network that goes by frames", parts)


def folds() -> str:
    """Which videos train, choose the checkpoint and test in each fold."""
    colours = {"train": SEEN, "held out": "#b9e3a5", "test": PREDICTED}
    parts = []
    for fold in range(3):
        y = 14 + fold * 46
        parts.append(text(16, y + 20, f"fold {fold + 1}", weight="bold"))
        for third in range(3):
            x = 90 + third * 190
            if third == fold:
                parts.append(f'<rect x="{x}" y="{y}" width="184" height="30" rx="4" fill="{colours["test"]}"/>')
                parts.append(text(x + 92, y + 20, "test list", "middle"))
                continue
            parts.append(f'<rect x="{x}" y="{y}" width="150" height="30" rx="4" fill="{colours["train"]}"/>')
            parts.append(text(x + 75, y + 20, "training list", "middle"))
            parts.append(f'<rect x="{x + 152}" y="{y}" width="32" height="30" rx="4" fill="{colours["held out"]}"/>')
    parts.append(f'<rect x="90" y="158" width="32" height="18" rx="4" fill="{colours["held out"]}"/>')
    parts.append(text(130, 172, "whole training videos set aside: they choose the checkpoint"))
    parts.append(text(90, 200, "DIEM and DHF1K have one split, used in every fold."))
    return page(680, 214, "Folds", parts)


if __name__ == "__main__":
    folder = Path(__file__).parent
    (folder / "windows.svg").write_text(windows(), encoding="utf-8")
    (folder / "walk.svg").write_text(walk(), encoding="utf-8")
    (folder / "folds.svg").write_text(folds(), encoding="utf-8")
