"""The readout of MSPI (mspi2024, Fig. 2), from the features of all scales to the raw map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn

from avsal_bench.models.layers.convolution import convolve
from avsal_bench.models.layers.resample import upsample
from avsal_bench.models.layers.winograd import Convolved, Source, WeightSums, as_clip, as_rows, few_products

#: Of the four scales to the size of the first.
_FACTORS = (1, 2, 4, 8)


class Readout(nn.Sequential):
    """From ``(B, 4 inner, T, h, w)``, four scales at the size of the first, to the raw map ``(B, 1, 1, 4h, 4w)``.

    Args:
        inner: channels of a scale.
        middle: channels after the second convolution.
        last: channels after the third, which joins all steps of time.
        steps: T.
    """

    def __init__(self, inner: int, middle: int, last: int, steps: int) -> None:
        super().__init__(
            nn.Conv3d(4 * inner, inner, 1),
            nn.Conv3d(inner, inner, 3, padding=1),
            nn.BatchNorm3d(inner),
            nn.ReLU(inplace=True),
            nn.Conv3d(inner, middle, (1, 3, 3), padding=(0, 1, 1)),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            # The authors enlarge first; the two may change places, and this way less is enlarged.
            nn.Conv3d(middle, last, (steps, 1, 1)),
            nn.Upsample(scale_factor=(1, 4, 4), mode="trilinear"),
            nn.ReLU(inplace=True),
            nn.Conv3d(last, last, (1, 3, 3), padding=(0, 1, 1)),
            nn.ReLU(inplace=True),
            nn.Conv3d(last, 1, (1, 3, 3), padding=(0, 1, 1)),
        )

    def infer(self, scales: Sequence[Tensor], sums: WeightSums) -> Tensor:
        """As ``forward`` of the scales, enlarged and joined; without gradients.

        A convolution 1x1 and an enlargement may change places: each scale is convolved at its own size.

        Args:
            scales: ``(B, inner, T, h, w)``, ``(B, inner, T, h/2, w/2)`` and so on, finest first.
            sums: of the run.
        """
        first, second, norm, relu, third, next_norm, *rest = self
        assert isinstance(first, nn.Conv3d)
        shares = first.weight.unflatten(1, (len(scales), -1)).unbind(1)  # type: ignore[no-untyped-call]
        x = convolve(scales[0], shares[0], first.bias)
        for scale, share, factor in zip(scales[1:], shares[1:], _FACTORS[1:], strict=True):
            x = x + upsample(convolve(scale, share), factor)
        if few_products(x):
            for conv, after in ((second, norm), (third, next_norm)):
                made = sums.of(conv, partial(Convolved, [cast(nn.Conv3d, conv)], after))
                x = as_clip(made(Source(as_rows(x))).relu_())
        else:
            x = relu(next_norm(third(relu(norm(second(x))))))
        for layer in rest[1:]:
            x = layer(x)
        return x
