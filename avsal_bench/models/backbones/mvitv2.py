"""MViTv2-S (Li et al., CVPR 2022), as the encoder of a clip.

It comes as oraclefina/MSPI has it, without a class token; and as open-mmlab/mmaction2 and DiffSal have it, with one,
and with a norm after each stage. torchvision's network has the same parameters, and a class token that its forward
cannot do without. The keys of the state dict are those of facebookresearch/SlowFast, but for the patch embedding.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import StochasticDepth

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Blocks of the four stages, and in each the heads and the stride of keys and values in space.
_STAGES = ((1, 1, 8), (2, 2, 4), (11, 4, 2), (2, 8, 1))
#: The published tables of relative positions belong to 8 time steps, and to a first grid of 56 x 56 (224 pixels).
_STEPS, _SIDE = 8, 56
#: Of the last block while training; it grows linearly from none in the first.
_STOCHASTIC_DEPTH = 0.2

#: Of the layer norms in SlowFast and torchvision, and in mmaction2.
_EPS, _EPS_MMACTION = 1e-6, 1e-5


def _pool(channels: int, stride: int) -> nn.Conv3d:
    """A depthwise convolution 3x3x3 with a stride in space."""
    return nn.Conv3d(channels, channels, 3, (1, stride, stride), 1, groups=channels, bias=False)


def relative_rows(table: Tensor, queries: int, keys: int) -> Tensor:
    """Rows of a table of relative positions along one axis, for every query and every key.

    Args:
        table: ``(n, C)``; it is interpolated if n is not the ``2 * max(queries, keys) - 1`` distances there are.
        queries: along the axis.
        keys: along the axis; they cover the same length.

    Returns:
        ``(queries, keys, C)``.
    """
    distances = 2 * max(queries, keys) - 1
    if len(table) != distances:
        table = F.interpolate(table.T[None], size=distances, mode="linear")[0].T
    per_query, per_key = max(keys / queries, 1.0), max(queries / keys, 1.0)
    query = torch.arange(queries, device=table.device)[:, None] * per_query
    key = torch.arange(keys, device=table.device)[None] * per_key
    return table[(query - key + (keys - 1) * per_key).long()]


class Attention(nn.Module):
    """Attention whose queries, keys and values are pooled, with decomposed relative positions.

    Args:
        inputs: channels that come in.
        heads: of attention.
        head: channels of a head; ``heads * head`` leave.
        stride_q: of the queries in space; the grid that leaves is this much smaller.
        stride_kv: of the keys and values in space.
        side: of the published grid that comes in, for the lengths of the tables.
        eps: of the norms.
    """

    def __init__(
        self, inputs: int, heads: int, head: int, stride_q: int, stride_kv: int, side: int, eps: float = _EPS
    ) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(inputs, 3 * heads * head)
        self.proj = nn.Linear(heads * head, heads * head)
        self.pool_q, self.norm_q = _pool(head, stride_q), nn.LayerNorm(head, eps)
        self.pool_k, self.norm_k = _pool(head, stride_kv), nn.LayerNorm(head, eps)
        self.pool_v, self.norm_v = _pool(head, stride_kv), nn.LayerNorm(head, eps)
        distances = 2 * (side // min(stride_q, stride_kv)) - 1
        self.rel_pos_h = nn.Parameter(torch.empty(distances, head))
        self.rel_pos_w = nn.Parameter(torch.empty(distances, head))
        self.rel_pos_t = nn.Parameter(torch.empty(2 * _STEPS - 1, head))

    def forward(self, x: Tensor, token: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Map ``(B, T, H, W, inputs)`` to ``(B, T, H/stride_q, W/stride_q, heads * head)``.

        A class token ``(B, 1, inputs)`` is not pooled, has no position and does not get its query added.
        """
        # The heads go with the batch, and share the convolutions.
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(4, 0, 5, 6, 1, 2, 3).flatten(1, 2)
        q = self.norm_q(self.pool_q(qkv[0]).movedim(1, -1))
        k = self.norm_k(self.pool_k(qkv[1]).movedim(1, -1))
        v = self.norm_v(self.pool_v(qkv[2]).movedim(1, -1))
        grid, positions = q.shape[1:4], self._positions(q, k)
        q, k, v, positions = (each.reshape(x.shape[0], self.heads, -1, each.shape[-1]) for each in (q, k, v, positions))
        if token is None:
            pooled = F.scaled_dot_product_attention(q, k, v, attn_mask=positions) + q
        else:
            alone = self.qkv(token).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            norms = (self.norm_q, self.norm_k, self.norm_v)
            all_q, all_k, all_v = (
                torch.cat([norm(one), each], 2) for norm, one, each in zip(norms, alone, (q, k, v), strict=True)
            )
            mixed = F.scaled_dot_product_attention(all_q, all_k, all_v, attn_mask=F.pad(positions, (1, 0, 1, 0)))
            token = self.proj(mixed[:, :, :1].transpose(1, 2).flatten(2))
            pooled = mixed[:, :, 1:] + q
        return self.proj(pooled.transpose(1, 2).reshape(x.shape[0], *grid, -1)), token

    def _positions(self, q: Tensor, k: Tensor) -> Tensor:
        """What the relative positions add to the logits of ``(n, T, H, W, C)`` queries: ``(n, queries, keys)``."""
        (_, t, h, w, _), (_, kt, kh, kw, _) = q.shape, k.shape
        along_t = torch.einsum("nthwc,tkc->nthwk", q, relative_rows(self.rel_pos_t, t, kt))
        along_h = torch.einsum("nthwc,hkc->nthwk", q, relative_rows(self.rel_pos_h, h, kh))
        along_w = torch.einsum("nthwc,wkc->nthwk", q, relative_rows(self.rel_pos_w, w, kw))
        added = along_t[..., :, None, None] + along_h[..., None, :, None] + along_w[..., None, None, :]
        return added.flatten(4).flatten(1, 3)


class Block(nn.Module):
    """Attention and an MLP, each behind a norm and beside a shortcut.

    A block that widens halves the grid, and so does its shortcut: a linear layer of the normed input, max-pooled.

    Args:
        inputs: channels that come in.
        heads: of attention.
        head: channels of a head; ``heads * head`` leave.
        stride_kv: of the keys and values in space.
        side: of the published grid that comes in.
        stochastic_depth: how often a branch is left out while training; never, where there is a class token.
        eps: of the norms.
    """

    def __init__(
        self,
        inputs: int,
        heads: int,
        head: int,
        stride_kv: int,
        side: int,
        stochastic_depth: float,
        eps: float = _EPS,
    ) -> None:
        super().__init__()
        outputs = heads * head
        self.proj = nn.Linear(inputs, outputs) if inputs != outputs else None
        self.norm1 = nn.LayerNorm(inputs, eps)
        self.attn = Attention(inputs, heads, head, 1 if self.proj is None else 2, stride_kv, side, eps)
        self.norm2 = nn.LayerNorm(outputs, eps)
        self.mlp = nn.Sequential(
            OrderedDict(fc1=nn.Linear(outputs, 4 * outputs), act=nn.GELU(), fc2=nn.Linear(4 * outputs, outputs))
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth, "row")

    def forward(self, x: Tensor, token: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Map ``(B, T, H, W, inputs)`` to ``(B, T, H, W, inputs)``, or to ``(B, T, H/2, W/2, outputs)``.

        A class token, ``(B, 1, inputs)``, becomes ``(B, 1, outputs)``.
        """
        normed = self.norm1(x)
        normed_token = None if token is None else self.norm1(token)
        if self.proj is not None:
            x = F.max_pool3d(self.proj(normed).movedim(-1, 1), (1, 3, 3), (1, 2, 2), (0, 1, 1)).movedim(1, -1)
            token = None if token is None else self.proj(normed_token)
        found, found_token = self.attn(normed, normed_token)
        x = x + self.stochastic_depth(found)
        if token is not None:
            token = token + found_token
            token = token + self.mlp(self.norm2(token))
        return x + self.stochastic_depth(self.mlp(self.norm2(x))), token


class MViTv2(nn.Module):
    """Patch embedding and 16 blocks. It starts from truncated normal values, as torchvision's does.

    Args:
        width: multiplier of the 96 channels of a head; 1 is the published network (34.23 M parameters with a last
            norm, which is left out here).
        class_token: whether a learnt token goes through all blocks with the patches. With one, the network is that of
            mmaction2 as DiffSal takes it: the last block of each stage is followed by a norm, whose output the next
            block reads; norms have an eps of 1e-5, and no branch is left out while training.

    Attributes:
        channels: of the four stages, finest first; (96, 192, 384, 768) at width 1.
        steps: T of the four stages for 16 frames.
        may_lack: entries that published weights may be without: mmaction2's have the last of the four norms.
    """

    may_lack = ("norm0.", "norm1.", "norm2.")

    def __init__(self, width: float = 1.0, class_token: bool = False) -> None:
        super().__init__()
        head = scale_channels(96, width)
        eps, most_left_out = (_EPS_MMACTION, 0.0) if class_token else (_EPS, _STOCHASTIC_DEPTH)
        self.patch_embed = nn.Conv3d(3, head, (3, 7, 7), (2, 4, 4), (1, 3, 3))
        self.blocks = nn.ModuleList()
        self.last_blocks = []
        inputs, side, count = head, _SIDE, sum(blocks for blocks, _, _ in _STAGES)
        for blocks, heads, stride_kv in _STAGES:
            for _ in range(blocks):
                depth = most_left_out * len(self.blocks) / (count - 1)
                self.blocks.append(Block(inputs, heads, head, stride_kv, side, depth, eps))
                side = side if inputs == heads * head else side // 2
                inputs = heads * head
            self.last_blocks.append(len(self.blocks) - 1)
        self.channels = (head, 2 * head, 4 * head, 8 * head)
        self.steps = (_STEPS, _STEPS, _STEPS, _STEPS)
        self.cls_token: nn.Parameter | None = None
        if class_token:
            self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, head), std=0.02))
            for number, channels in enumerate(self.channels):
                self.add_module(f"norm{number}", nn.LayerNorm(channels, eps))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, Attention):
                for table in (module.rel_pos_h, module.rel_pos_w, module.rel_pos_t):
                    nn.init.trunc_normal_(table, std=0.02)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, T, H, W)`` frames, T divisible by 2 and H, W by 32.

        Returns:
            The last block of each stage, ``(B, c, T/2, h, w)`` with c of ``channels`` and h, w a 4th, 8th, 16th and
            32nd of H, W; normed, where there is a class token, which is not among them.
        """
        x = self.patch_embed(frames).movedim(1, -1)
        token = None if self.cls_token is None else self.cls_token.expand(x.shape[0], -1, -1)
        stages: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            x, token = block(x, token)
            if i in self.last_blocks:
                if token is not None:
                    norm = self.get_submodule(f"norm{len(stages)}")
                    x, token = norm(x), norm(token)
                stages.append(x.movedim(-1, 1))
        first, second, third, fourth = stages
        return first, second, third, fourth


def rename_pyslowfast(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of facebookresearch/SlowFast's network, which MSPI has, as one of ours.

    None for what MSPI does without: the class token, the last norm and the classifier. A foreign key comes back as it
    is.
    """
    if key == "cls_token" or key.startswith(("norm.", "head.")):
        return None
    return key.replace("patch_embed.proj.", "patch_embed."), value


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of ``torchvision.models.video.mvit_v2_s`` as one of ours; None as in :func:`rename_pyslowfast`.

    A foreign key comes back as it is.

    >>> rename_torchvision("blocks.3.attn.pool_k.norm_act.0.bias", Tensor())[0]
    'blocks.3.attn.norm_k.bias'
    >>> rename_torchvision("blocks.3.project.weight", Tensor())[0]
    'blocks.3.proj.weight'
    """
    if key == "pos_encoding.class_token" or key.startswith(("norm.", "head.")):
        return None
    key = re.sub(r"^conv_proj\.", "patch_embed.", key)
    key = re.sub(r"\.pool_([qkv])\.pool\.", r".pool_\1.", key)
    key = re.sub(r"\.pool_([qkv])\.norm_act\.0\.", r".norm_\1.", key)
    key = key.replace(".attn.project.0.", ".attn.proj.").replace(".project.", ".proj.")
    return key.replace(".mlp.0.", ".mlp.fc1.").replace(".mlp.3.", ".mlp.fc2."), value


def rename_mmaction(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of mmaction2's recogniser as one of ours, of a network with a class token; None for the classifier.

    >>> rename_mmaction("backbone.patch_embed.projection.bias", Tensor())[0]
    'patch_embed.bias'
    """
    if key.startswith("cls_head."):
        return None
    return key.removeprefix("backbone.").replace("patch_embed.projection.", "patch_embed."), value


WEIGHTS = (
    PublishedWeights(
        name="mvitv2_s_kinetics400",
        file="MViTv2_S_16x4_k400_f302660347.pyth",
        what="MViTv2-S, Kinetics-400, trained with a class token; MSPI with MViTv2-S starts from it, without the token",
        source="MODEL_ZOO of facebookresearch/SlowFast",
        licence="Apache-2.0 repository; weights not stated",
        build=MViTv2,
        rename=rename_pyslowfast,
        form="state dict under model_state, names read from MSPI's code; the file was not opened",
        online="https://dl.fbaipublicfiles.com/pyslowfast/model_zoo/mvitv2/pysf_video_models/MViTv2_S_16x4_k400_f302660347.pyth",
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        name="mvitv2_s_kinetics400_torchvision",
        file="mvit_v2_s-ae3be167.pth",
        what="the same weights, MViT_V2_S_Weights.KINETICS400_V1 of torchvision",
        source="the model pages of torchvision, Video MViT",
        licence="BSD-3-Clause repository; weights not stated",
        build=MViTv2,
        sha256="ae3be167",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="torchvision:MViT_V2_S_Weights.KINETICS400_V1",
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        name="mvitv2_s_kinetics400_mmaction",
        file="mvit-small-p244_16x4x1_kinetics400-rgb_20221021-9ebaaeed.pth",
        what="MViTv2-S with its class token, Kinetics-400, of mmaction2; DiffSal starts from it, and its norms after "
        "the first three stages start anew",
        source="MViT in the model zoo of open-mmlab/mmaction2",
        licence="Apache-2.0 repository; weights not stated",
        build=partial(MViTv2, class_token=True),
        sha256="9ebaaeed",
        rename=rename_mmaction,
        form="state dict under state_dict, names read from the authors' code; the checksum is the one in the name; the "
        "file was not opened",
        online="https://download.openmmlab.com/mmaction/v1.0/recognition/mvit/converted/mvit-small-p244_16x4x1_kinetics400-rgb_20221021-9ebaaeed.pth",
        trained_on=("kinetics400",),
    ),
)
