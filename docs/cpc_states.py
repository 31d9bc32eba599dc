"""Print what CPC with restarted and with kept upper levels does before any training: ``python docs/cpc_states.py``.

Of random weights and a random feature of the published size: how much of the feature is left, and how much another
sound moves it, as a share of its spread.
"""

from __future__ import annotations

import torch

from avsal_bench.models.fusion.consistency import CPC


def main() -> None:
    """Three draws, each with one, three and five iterations."""
    for state in ("restarted", "kept"):
        for iterations in (1, 3, 5):
            left, moved = [], []
            for seed in range(3):
                torch.manual_seed(seed)
                cpc = CPC(256, iterations, state=state).eval()
                visual, audio = torch.randn(2, 256, 2, 7, 12).relu(), torch.randn(2, 256)
                with torch.no_grad():
                    own, other = cpc(visual, audio), cpc(visual, audio.flip(0))
                left.append(float((own * visual).sum() / visual.square().sum()))
                moved.append(float((own - other).std() / own.std()))
            means = sum(left) / 3, sum(moved) / 3
            print(f"{state}, {iterations}: {means[0]:.3f} of the feature left, moved by {means[1]:.2e} of its spread")


if __name__ == "__main__":
    main()
