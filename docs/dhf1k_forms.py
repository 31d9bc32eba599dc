"""Measure what docs/dhf1k.md says of the form of maps, and write it there: ``python docs/dhf1k_forms.py FOLDER``.

The folder holds the raw gaze of video 002 (``dhf1k_002/gaze/P??_Trail002.txt``), and frames of video 0601 as released
(``dhf1k_0601/maps`` and ``dhf1k_0601/fixation``).
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from avsal_bench.data.audit.grids import grid_share
from avsal_bench.data.gaze.dhf1k_maps import Form, Viewer, density_map, fixation_map, read_viewer
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
        raise FileNotFoundError(f"{real}: no dhf1k_002/gaze or no dhf1k_0601/fixation; name the folder of both")
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
    forms: tuple[Form, Form] = ("pairs", "as_published")
    few, many = (100 * np.mean([_most(viewers, n, form) for n in range(1, FRAMES + 1)]) for form in forms)
    same = [_differing(real / "dhf1k_0601", path.name) for path in pictures]
    some = range(0, FRAMES, EVERY)
    whole = [_cc(density_map(pairs[n]), density_map(grids[n], "as_published")) for n in some]
    grown = [_cc(density_map(pairs[n]), density_map(grids[n])) for n in some]
    moved = [_cc(density_map(grids[n]), density_map(grids[n], "as_published")) for n in some]
    table = ["| maps | fixated pixels a frame | of a full grid |", "| --- | --- | --- |", *rows]
    said = [
        f"002 has {samples:.0f} samples of fixations a frame, of {len(viewers)} viewers; several share a pixel.",
        f"In the grids the viewer with most pixels has {many:.0f} % of a frame's, and in the pairs {few:.0f} %:",
        "a viewer whose eyes moved counts more.",
    ]
    densities = [
        f"Of the {len(same)} released density maps of 0601 the rule below gives {sum(not n for n in same)} to the last",
        "bit, from the released fixation maps. On 002 the density maps of the two forms correlate with",
        f"{np.mean(whole):.3f} on average of every {EVERY}th frame, with {min(whole):.3f} in the one where they differ",
        f"most; {np.mean(grown):.3f} by the grids alone, {np.mean(moved):.3f} by the two pixels alone.",
    ]
    return "\n".join(["", *table, "", *said, "", *densities, ""])


def _most(viewers: list[Viewer], frame: int, form: Form) -> float:
    """Share of a frame's pixels of the viewer that has most, each viewer's counted by itself."""
    numbers = [fixation_map([viewer], frame, form=form).sum() for viewer in viewers]
    return float(max(numbers) / sum(numbers))


def _differing(folder: Path, name: str) -> int:
    """Pixels in which a released density map differs from the one made of the released fixation map."""
    fixated, density = (np.asarray(Image.open(folder / part / name)) for part in ("fixation", "maps"))
    return int((density_map(fixated > 0, "as_published") != density).sum())


def _cc(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def write(page: Path, real: Path) -> None:
    """Write the part between the marks of the page, from the files of a folder."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    write_atomically(page, f"{before}{BEGIN}\n{measured(real)}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python docs/dhf1k_forms.py FOLDER, with dhf1k_002 and dhf1k_0601 in it")
    write(PAGE, Path(sys.argv[1]))
    print(f"wrote {PAGE}")
