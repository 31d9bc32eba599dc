"""Measure what docs/dhf1k.md says of the form of DHF1K's maps, and write it there: ``python docs/dhf1k_forms.py FOLDER``.

The folder holds the raw gaze of video 002 (``dhf1k_002/gaze/P??_Trail002.txt``), and frames of video 0601 as released
(``dhf1k_0601/maps`` and ``dhf1k_0601/fixation``).
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from avsal_bench.data.audit.grids import grid_share
from avsal_bench.data.gaze.dhf1k_maps import Viewer, density_map, fixation_map, read_viewer
from avsal_bench.files import write_atomically

PAGE = Path(__file__).with_name("dhf1k.md")
BEGIN, END = "<!-- forms: begin -->", "<!-- forms: end -->"
#: Frames of video 002, and of how many one is taken where density maps are compared.
FRAMES, EVERY = 783, 10


def viewers_of(folder: Path) -> list[Viewer]:
    """The viewers of video 002."""
    return [read_viewer(path, path.name[:3], FRAMES) for path in sorted(folder.glob("P*_Trail002.txt"))]


def measured(real: Path) -> str:
    """The part of the page between its marks."""
    viewers = viewers_of(real / "dhf1k_002" / "gaze")
    pictures = sorted((real / "dhf1k_0601" / "fixation").glob("*.png"))
    if not viewers or not pictures:
        raise FileNotFoundError(
            f"{real}: needs dhf1k_002/gaze and dhf1k_0601/fixation; name the folder that holds them"
        )
    released = [np.asarray(Image.open(path)) > 0 for path in pictures]
    pairs, grids = (
        [fixation_map(viewers, n, form=form) for n in range(1, FRAMES + 1)] for form in ("pairs", "as_published")
    )
    rows = [
        f"| {what} | {np.mean([one.sum() for one in maps]):.0f} | {100 * grid_share(maps):.1f} % |"
        for what, maps in (
            (f"0601 as released, {len(released)} frames", released),
            (f"002 from raw gaze, rows x columns (`as-published`), {FRAMES} frames", grids),
            (f"002 from raw gaze, samples (`pairs`), {FRAMES} frames", pairs),
        )
    ]
    samples = sum(len(viewer.frame) for viewer in viewers) / FRAMES
    most = {
        form: np.mean([_most(viewers, n, form) for n in range(1, FRAMES + 1)]) for form in ("pairs", "as_published")
    }
    same = [_differing(real / "dhf1k_0601", path.name) for path in pictures]
    some = range(0, FRAMES, EVERY)
    whole = [_cc(density_map(pairs[n]), density_map(grids[n], "as_published")) for n in some]
    form = [_cc(density_map(pairs[n]), density_map(grids[n])) for n in some]
    shift = [_cc(density_map(grids[n]), density_map(grids[n], "as_published")) for n in some]
    return f"""
| maps | fixated pixels a frame | of a full grid |
| --- | --- | --- |
{chr(10).join(rows)}

002 has {samples:.0f} samples of fixations a frame, of {len(viewers)} viewers; several share a pixel. In the grids the viewer with most pixels has
{100 * most["as_published"]:.0f} % of a frame's, and in the pairs {100 * most["pairs"]:.0f} %: a viewer whose eyes moved counts more.

Of the {len(same)} released density maps of 0601 the rule below gives {sum(not n for n in same)} to the last bit, from the released fixation maps. On 002 the density maps of
the two forms correlate with {np.mean(whole):.3f} on average of every {EVERY}th frame, with {min(whole):.3f} in the one where they differ most; {np.mean(form):.3f} by the
grids alone, {np.mean(shift):.3f} by the two pixels alone.
"""


def _most(viewers: list[Viewer], frame: int, form: str) -> float:
    """Share of a frame's pixels of the viewer that has most, each viewer's counted by itself."""
    numbers = [fixation_map([viewer], frame, form=form).sum() for viewer in viewers]
    return float(max(numbers) / sum(numbers))


def _differing(folder: Path, name: str) -> int:
    """Pixels in which a released density map differs from the one made of the released fixation map."""
    fixated, density = (np.asarray(Image.open(folder / part / name)) for part in ("fixation", "maps"))
    return int((density_map(fixated > 0, "as_published") != density).sum())


def _cc(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/dhf1k_forms.py FOLDER, with dhf1k_002 and dhf1k_0601 in it")
    folder = Path(sys.argv[1])
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    write_atomically(PAGE, f"{before}{BEGIN}\n{measured(folder)}\n{END}{rest.split(END)[1]}")
    print(f"wrote {PAGE}")
