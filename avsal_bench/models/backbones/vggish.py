"""VGGish (Hershey et al., ICASSP 2017; AudioSet), the VGG-like encoder of one log-mel example of 0.96 s.

The keys of the state dict are those of harritaylor/torchvggish, a port of the released weights
(tensorflow/models, research/audioset). Its PCA and quantisation of the embedding are left out: no network here
uses them.
"""

from __future__ import annotations

from torch import Tensor, nn

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Channels of the convolutions 3x3, by block; a max pool of 2 ends each block.
_BLOCKS = ((64,), (128,), (256, 256), (512, 512))

#: Rows and columns (time, bands) of an example, and what the four pools leave of them.
_EXAMPLE, _GRID = (96, 64), (6, 4)


def _features(width: float) -> nn.Sequential:
    """The six convolutions, with their ReLUs and pools."""
    features, inputs = nn.Sequential(), 1
    for block in _BLOCKS:
        for channels in (scale_channels(channels, width) for channels in block):
            features.extend([nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(inplace=True)])
            inputs = channels
        features.append(nn.MaxPool2d(2))
    return features


def _start(net: nn.Module) -> None:
    """He's initial values: without norms, torch's own lose the sound on its way through nine layers."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


class VGGishFeatures(nn.Module):
    """VGGish's convolutions alone, for examples of any size (DiffSal).

    Args:
        width: multiplier of every channel count; 1 is the published network (4.5 M parameters).

    Attributes:
        channels: of the features; 512 at width 1.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.features = _features(width)
        self.channels = scale_channels(_BLOCKS[-1][-1], width)
        _start(self)

    def forward(self, example: Tensor) -> Tensor:
        """Map ``(B, 1, H, W)``, time first, to ``(B, channels, H/16, W/16)``."""
        found: Tensor = self.features(example)
        return found

    def rename_stored(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """An entry of imported weights, which are those of all of :class:`VGGish`; None for its embedding."""
        return None if key.startswith("embeddings.") else (key, value)


class VGGish(nn.Module):
    """Six convolutions and three linear layers, each with a bias and a ReLU, the last one too.

    Args:
        width: multiplier of every channel count; 1 is the published network (72.1 M parameters).

    Attributes:
        channels: of the embedding; 128 at width 1.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.features = _features(width)
        inputs = scale_channels(_BLOCKS[-1][-1], width)
        rows, columns = _GRID
        hidden = scale_channels(4096, width)
        self.channels = scale_channels(128, width)
        self.embeddings = nn.Sequential(
            nn.Linear(rows * columns * inputs, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, self.channels),
            nn.ReLU(inplace=True),
        )
        _start(self)

    def forward(self, example: Tensor) -> Tensor:
        """Embed ``(B, 1, 96, 64)``, time first, see :class:`~avsal_bench.audio.spectra.LogMel`; ``(B, channels)``.

        Raises:
            ValueError: for another shape.
        """
        if tuple(example.shape[1:]) != (1, *_EXAMPLE):
            raise ValueError(f"VGGish takes examples (B, 1, 96, 64), time first; got {tuple(example.shape)}")
        # The released linear layers read time, then band, then channel.
        flat = self.features(example).permute(0, 2, 3, 1).flatten(1)
        embedding: Tensor = self.embeddings(flat)
        return embedding


def rename_torchvggish(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of harritaylor/torchvggish, whose names are ours; None for the PCA, which follows the embedding.

    >>> rename_torchvggish("embeddings.0.bias", Tensor()), rename_torchvggish("pproc.pca_means", Tensor())
    (('embeddings.0.bias', tensor([])), None)
    """
    return None if key.startswith("pproc.") else (key, value)


WEIGHTS = (
    PublishedWeights(
        "vggish_audioset",
        "vggish-10086976.pth",
        "AudioSet; the released VGGish, converted from TensorFlow",
        "release v0.1 of harritaylor/torchvggish",
        "Apache-2.0 repository; weights not stated",
        build=VGGish,
        sha256="10086976",
        rename=rename_torchvggish,
        form="names read from the authors' code; the checksum is the one in the name; the file was not opened",
        online="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
        trained_on=("audioset",),
    ),
)
