"""Count MSPI with each motion encoder beside Table 6 of its paper: ``python docs/mspi_table6.py [docs/mspi.md]``."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avsal_bench.catalogue.counting import Counted, count
from avsal_bench.catalogue.table import write_into
from avsal_bench.models import Network, create_model
from avsal_bench.models.mspi import MSPI

HOME = Path(__file__).resolve().parents[1]

#: mspi2024, Table 6: millions of parameters and billions of MACs of the whole network at 16 x 224 x 224.
TABLE_6 = {
    "s3d": (88, 122),
    "x3d_l": (84, 121),
    "slowfast_4x16": (114, 127),
    "morphmlp_s": (126, 172),
    "videoswin_s": (129, 188),
    "uniformer_b": (129, 202),
    "mvitv2_s": (114, 170),
}
#: The same of the frozen encoders of sound and image together.
FROZEN = (41.53, 75.38)

TITLES = (
    "motion encoder", "M parameters, Table 6", "authors' code", "here", "not frozen, Table 6", "here",
    "G MACs, Table 6", "here", "not frozen, Table 6", "here",
)  # fmt: skip


class Frozen(Network):
    """The frozen encoders alone, as MSPI calls them."""

    def __init__(self) -> None:
        super().__init__()
        whole = build("s3d")
        self.spec = whole.spec
        self.audio_encoder = whole.audio_encoder
        self.image_encoder = whole.image_encoder

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Features of the sound; those of the ``(B, 3, 16, H, W)`` frames are computed and not returned."""
        assert self.image_encoder is not None
        self.image_encoder(frames.transpose(1, 2).flatten(0, 1))
        found: Tensor = self.audio_encoder(audio)
        return found


def build(encoder: str) -> MSPI:
    """MSPI with an encoder at the size of Table 6."""
    net = create_model("mspi", modality="av", encoder=encoder, size=(224, 224))
    assert isinstance(net, MSPI)
    return net


def trainable(encoder: str) -> int:
    """How many parameters are not frozen."""
    with torch.device("meta"):
        return sum(p.numel() for p in build(encoder).parameters() if p.requires_grad)


def authors_parameters(encoder: str) -> int:
    """How many parameters the authors' network has, those without effect too."""
    with np.load(HOME / "tests" / "golden" / "parity" / f"mspi_{encoder}.npz") as golden:
        return int(json.loads(str(golden["about"]))["parameters"])


def line(encoder: str, frozen: Counted) -> str:
    """One encoder's line of the table."""
    parameters, macs = TABLE_6[encoder]
    found = count(partial(build, encoder))
    cells = (
        encoder, f"{parameters}", f"{authors_parameters(encoder) / 1e6:.2f}", f"{found.parameters / 1e6:.2f}",
        f"{parameters - FROZEN[0]:.0f}", f"{trainable(encoder) / 1e6:.2f}",
        f"{macs}", f"{found.macs / 1e9:.2f}", f"{macs - FROZEN[1]:.0f}", f"{(found.macs - frozen.macs) / 1e9:.2f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The table in Markdown; its last line is of the frozen encoders."""
    frozen = count(Frozen)
    m, g = frozen.parameters / 1e6, frozen.macs / 1e9
    return "\n".join(
        [
            f"| {' | '.join(TITLES)} |",
            f"| --- | {' | '.join(['---:'] * (len(TITLES) - 1))} |",
            *(line(encoder, frozen) for encoder in TABLE_6),
            f"| frozen encoders | {FROZEN[0]} | {FROZEN[0]} | {m:.2f} | 0 | 0 | {FROZEN[1]} | {g:.2f} | 0 | 0 |",
        ]
    )


if __name__ == "__main__":
    write_into(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "docs" / "mspi.md", table())
