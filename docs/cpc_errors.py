"""Print how the error of CPC falls in a trained CASP-Net: ``python docs/cpc_errors.py [RUNS]``.

The network is the one that ``make bench MODEL=caspnet`` leaves behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.dataset import dataset
from avsal_bench.models.caspnet import CASPNet
from avsal_bench.prediction.predictor import find_predictor

HOME = Path(__file__).resolve().parents[1]
#: The recipe has three; the error goes on falling after them.
ITERATIONS = 6


def main() -> None:
    """The clip in the middle of every test video of ``synth``, with the ``caspnet_av`` that finished training last."""
    space = Workspace(
        HOME, None, HOME / "data/synth", Path(sys.argv[1] if len(sys.argv) > 1 else "runs"), HOME / "leaderboard"
    )
    module = find_predictor(space, model="caspnet", modality="av").module.eval()
    net = module.net
    assert isinstance(net, CASPNet)
    assert net.cpc is not None, "the recipe has CPC on"
    given: list[tuple[torch.Tensor, torch.Tensor]] = []
    net.cpc.register_forward_pre_hook(lambda _, args: given.append(args))
    found = []
    with torch.inference_mode():
        for video in dataset("synth").videos(space.root_of("synth"), "test", 1):
            batch = collate([read_item(video, video.n_frames // 2, net.spec, "original")])
            net(module.normalised(batch), batch["audio"])
            iterations, net.cpc.iterations = net.cpc.iterations, ITERATIONS
            found.append(net.cpc.errors(*given.pop())[:, :, 0])
            net.cpc.iterations = iterations
    errors = torch.stack(found)
    falls = bool((errors[:, 1:] < errors[:, :-1]).all() and (errors[:, :, 1] < errors[:, :, 0]).all())
    print(f"{len(errors)} videos; the error falls {'in every one' if falls else 'NOT in every one'}")
    for number, (before, after) in enumerate((errors.mean(0) / errors.mean(0)[0, 0]).tolist(), 1):
        print(f"iteration {number}: {before:.3f} before inference, {after:.3f} after")


if __name__ == "__main__":
    main()
