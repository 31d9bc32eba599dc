"""Inverted residual blocks (Sandler et al., MobileNetV2, CVPR 2018), inflated to clips."""

from __future__ import annotations

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

    def __init__(
        self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: Triple = (1, 1, 1), groups: int = 1
    ) -> None:
        t, h, w = ((side - 1) // 2 for side in kernel)
        conv = nn.Conv3d(inputs, outputs, kernel, stride, (t, h, w), groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm3d(outputs), nn.ReLU6(inplace=True))


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
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


def shuffle(x: Tensor) -> Tensor:
    """Pixel shuffle frame by frame: ``(B, 4C, T, h, w)`` to ``(B, C, T, 2h, 2w)``."""
    return F.pixel_shuffle(x.transpose(1, 2), 2).transpose(1, 2)
