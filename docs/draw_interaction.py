"""Draw docs/interaction.png from benchmarks/speed/interaction.json: ``python docs/draw_interaction.py [FILE]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

HOME = Path(__file__).resolve().parents[1]

#: Positions of the four stages of a clip of 16 x 224 x 384.
STAGES = {4: 168, 3: 1344, 2: 10752, 1: 43008}

STYLES = {"linear": "o-", "quadratic, fused": "s-", "quadratic, matrix": "^-"}


def main(path: Path) -> None:
    """Two panels over the number of positions: seconds of a forward pass, and bytes of the largest tensor."""
    measured = json.loads((HOME / "benchmarks/speed/interaction.json").read_text(encoding="utf-8"))["measured"]
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axes, key, scale, title in (
        (panels[0], "seconds", 1, "seconds, one clip, one thread"),
        (panels[1], "bytes", 2**20, "largest tensor, MiB"),
    ):
        for form, style in STYLES.items():
            rows = [row for row in measured if row["form"] == form]
            axes.loglog([r["positions"] for r in rows], [r[key] / scale for r in rows], style, markersize=4, label=form)
        for stage, positions in STAGES.items():
            axes.axvline(positions, color="grey", linewidth=0.5, linestyle=":")
            axes.text(positions, 1.01, f"stage {stage}", transform=axes.get_xaxis_transform(), ha="center", fontsize=7)
        axes.set_xlabel(f"positions T h w\n{title}", fontsize=8)
        axes.tick_params(labelsize=7)
    panels[0].legend(fontsize=7)
    figure.savefig(path, dpi=90, metadata={"Software": None})


if __name__ == "__main__":
    mpl.use("agg")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "docs" / "interaction.png")
