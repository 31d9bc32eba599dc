"""Inverted residual blocks (Sandler et al., MobileNetV2, CVPR 2018), inflated to clips.

Quick on a CPU, with the numbers of the plain layers: a convolution 1x1x1 is a product of matrices, which leaves the
channels last in memory, and there depthwise convolutions take a third of the time; and outside of training a batch norm
is part of the convolution before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

#: A value in time, in height and in width.
Triple = tuple[int, int, int]


class ConvNormReLU6(nn.Sequential):
    """A convolution without bias, batch norm and ReLU6.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: of the convolution; one of 3 is padded by 1, a shorter one not at all.
        stride: of the convolution.
        groups: of the convolution.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("0", "1"),)

    def __init__(
        self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: Triple = (1, 1, 1), groups: int = 1
    ) -> None:
        t, h, w = ((side - 1) // 2 for side in kernel)
        conv = nn.Conv3d(inputs, outputs, kernel, stride, (t, h, w), groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, h, w)`` to ``(B, outputs, T', h', w')`` in [0, 6]."""
        return F.relu6(_conv_norm(x, *self), inplace=True)


class InvertedResidual(nn.Module):
    """Channels are made more, each is convolved by itself, and they are made fewer, without an activation at the end.

    The keys of the state dict are those of torchvision's block of this name.

    Args:
        inputs: channels.
        outputs: channels.
        expansion: the channels in between, as multiples of the inputs; 1 leaves the first convolution out.
        kernel: of the depthwise convolution; see :class:`ConvNormReLU6`.
        stride: of the depthwise convolution.
        residual: whether the input is added to the output.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        expansion: int,
        kernel: Triple = (3, 3, 3),
        stride: Triple = (1, 1, 1),
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.residual = residual
        hidden = inputs * expansion
        expand = [ConvNormReLU6(inputs, hidden)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *expand,
            ConvNormReLU6(hidden, hidden, kernel, stride, groups=hidden),
            nn.Conv3d(hidden, outputs, 1, bias=False),
            nn.BatchNorm3d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, h, w)`` to ``(B, outputs, T', h', w')``."""
        *inner, project, norm = self.conv
        y = x
        for layer in inner:
            y = layer(y)
        y = _conv_norm(y, project, norm)
        return x + y if self.residual else y


def _conv_norm(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """``norm(conv(x))``, of a convolution without bias, or of one that has taken in its norm."""
    assert isinstance(conv, nn.Conv3d), "of the block"
    weight, bias = conv.weight, conv.bias
    if isinstance(norm, nn.BatchNorm3d) and not norm.training:
        scale = norm.weight / (norm.get_buffer("running_var") + norm.eps).sqrt()
        weight, bias = weight * scale.view(-1, 1, 1, 1, 1), norm.bias - norm.get_buffer("running_mean") * scale
    if conv.kernel_size == (1, 1, 1):
        y = F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)
    else:
        y = F.conv3d(x, weight, bias, conv.stride, conv.padding, groups=conv.groups)
    return y if bias is not None else norm(y)


def shuffle(x: Tensor) -> Tensor:
    """Pixel shuffle frame by frame: ``(B, 4C, T, h, w)`` to ``(B, C, T, 2h, 2w)``."""
    return frame_by_frame(lambda frames: F.pixel_shuffle(frames, 2), x)


def frame_by_frame(work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a function of pictures ``(N, C, h, w)`` makes of the frames of ``(B, C, T, h, w)``; the layout stays."""
    y = work(x.transpose(1, 2).flatten(0, 1))
    return y.reshape(x.shape[0], x.shape[2], *y.shape[1:]).transpose(1, 2)
