"""What steps, noise and sound change in the maps of a trained DiffSal: ``python docs/diffsal_steps.py best.ckpt``.

Every so many-th test video of ``synth``, fold 1, is predicted with 1, 2 and 4 steps of the sampler, with the noise of
another seed, and with silence in the place of its sound. Printed are the CC, a mean over videos, at the size of the
maps; and how far the maps lie from those of one step, as a relative difference. The picture is seen once for all.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import torch

from avsal_bench.data.clips import DataConfig, SaliencyDataModule
from avsal_bench.metrics.functional import cc
from avsal_bench.models import Memory
from avsal_bench.training.module import SaliencyModule

#: Steps, seed and whether the sound is heard, by what a line is called.
CASES = {
    "1 step": (1, 0, True),
    "2 steps": (2, 0, True),
    "4 steps": (4, 0, True),
    "1 step, another seed": (1, 1, True),
    "1 step, muted": (1, 0, False),
}


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="best.ckpt of a training of diffsal")
    parser.add_argument("--root", default="data/synth", help="folder of synth (default: %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="take every n-th window (default: all)")
    given = parser.parse_args()
    module = SaliencyModule.load_from_checkpoint(given.checkpoint, map_location="cpu").eval()
    net = module.net
    data = SaliencyDataModule(DataConfig({"synth": given.root}, test_batch_size=given.every), net.spec)
    data.setup("test")
    silence = None if net.spec.audio is None else net.spec.audio(torch.zeros(1))[None]
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    apart: dict[str, list[float]] = defaultdict(list)
    for batch in data.test_dataloader():
        clips = module.clips_of(batch).part([0])
        audio, density = batch["audio"], batch["density"]
        first = None
        for name, (net.steps, net.seed, hears) in CASES.items():
            heard = (audio[:1] if hears else silence) if audio is not None else None
            saliency = net.predict(clips, heard, Memory())
            first = saliency if first is None else first
            found[name][batch["video"][0]].append(cc(saliency, density[:1]).item())
            apart[name].append(((saliency - first).norm() / first.norm()).item())
    print("maps | CC | differ by\n--- | ---: | ---:")
    for name, videos in found.items():
        means = torch.tensor([torch.tensor(values).nanmean() for values in videos.values()])
        print(f"{name} | {means.nanmean():.4f} | {100 * torch.tensor(apart[name]).mean():.2g} %")


if __name__ == "__main__":
    main()
