"""The form of a network that only predicts: batch norms folded into the layers before them, and the memory format.

The function that a network is stays the same, to 1e-6 of its outputs in float32 and to 1e-12 in float64.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from avsal_bench.models.layers.convolution import quick

Kind = TypeVar("Kind", bound=nn.Module)

#: Layers that a norm can be folded into.
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}

#: Who vouches for what it is made of: networks of this package, of which a test proves it. A part of one of the
#: libraries is as good as what holds it; a class of anyone else vouches by declaring ``folds``.
_OWN = ("avsal_bench.models",)
_LIBRARIES = ("torch", "torchvision", "timm", "pytorchvideo")

#: What the ``forward`` of a class of theirs calls one after the other, as ``folds``; some of it is there by option.
_LIBRARY_FOLDS: dict[str, tuple[tuple[str, str], ...]] = {
    "timm.models.resnet.BasicBlock": (("conv1", "bn1"), ("conv2", "bn2")),
    "timm.models.resnet.Bottleneck": (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
    "pytorchvideo.models.resnet.ResBlock": (("branch1_conv", "branch1_norm"),),
    "pytorchvideo.models.resnet.BottleneckBlock": (
        ("conv_a", "norm_a"),
        ("conv_b", "norm_b"),
        ("conv_b", "norm_b.0"),
        ("conv_c", "norm_c"),
    ),
    # X3D's stem is a convolution in space and then one in time.
    "pytorchvideo.models.stem.ResNetBasicStem": (("conv.conv_xy", "norm"),),
}


def inference_form(net: Kind, memory_format: bool = True) -> Kind:
    """A network that predicts what ``net`` does, faster; ``net`` itself stays as it is.

    Batch norms with running statistics are folded into the layer before them, where nothing else sees what that layer
    gives: it gets other weights and a bias, and an ``nn.Identity`` takes the place of the norm. Weights of 2D and 3D
    convolutions are laid out with channels last, so that what goes through them is too.
    On a CPU convolutions of float32 go to oneDNN, whatever their size (:mod:`avsal_bench.models.layers.convolution`).

    Pairs of a layer and a norm are neighbours in an ``nn.Sequential``, and those that a class declares beside the
    ``forward`` that calls them one after the other, by the names of its attributes (dots lead into parts)::

        folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    A class outside this package is taken as it is, since its ``forward`` may look at what lies between, or at the
    memory of a tensor; it declares ``folds``, ``()`` for none but neighbours, to have this form too, for itself and for
    the parts from libraries that it holds. A pair stays as it is where one of the two has a hook, is used in two
    places, has weights that are made of others (weight norm), or weights that another part has too.

    Args:
        net: with its weights; in any mode, which it keeps.
        memory_format: whether convolutions are laid out with channels last.

    Returns:
        A copy in eval mode without gradients. ``net`` itself, in eval mode, where nothing in it may change.

    Raises:
        ValueError: for a class that declares a part that it does not have.
    """
    vouched = list(_vouched(net))
    if not vouched:
        return net.eval()
    made = _copied(net).eval().requires_grad_(False)
    for layer, norm in _pairs(made):
        _fold(made, layer, norm)
    if memory_format:
        for name in vouched:
            _channels_last(made.get_submodule(name))
    for name in vouched:
        quick(made.get_submodule(name))
    return made


def _copied(net: Kind) -> Kind:
    """A copy of all its own; what weight norm made of weights is copied as a value."""
    held = (value for part in net.modules() for value in vars(part).values())
    values = {id(t): t.detach().clone() for t in held if isinstance(t, Tensor) and not t.is_leaf}
    return copy.deepcopy(net, values)


def _from(part: nn.Module, packages: tuple[str, ...]) -> bool:
    return f"{type(part).__module__}.".startswith(tuple(f"{package}." for package in packages))


def _vouched(net: nn.Module, name: str = "", above: bool = False) -> Iterator[str]:
    """Names of the parts that are made of what their ``forward`` calls in a row, and take any memory format."""
    declares = "folds" in vars(type(net))
    here = _from(net, _OWN) or declares or (above and _from(net, _LIBRARIES))
    if here:
        yield name
    for child, part in net.named_children():
        yield from _vouched(part, f"{name}.{child}" if name else child, here)


def _pairs(net: nn.Module) -> list[tuple[str, str]]:
    """Names of layers, and of the norm that each can take in."""
    parts = Counter(id(part) for _, part in net.named_modules(remove_duplicate=False))
    weights = Counter(id(weight) for part in net.modules() for weight in part.parameters(recurse=False))

    def alone(part: nn.Module) -> bool:
        hooked = part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
        once = parts[id(part)] == 1 and all(weights[id(own)] == 1 for own in part.parameters(recurse=False))
        return once and not hooked and not parametrize.is_parametrized(part)

    found = []
    for name in _vouched(net):
        part = net.get_submodule(name)
        for pair in dict.fromkeys((*_declared(part), *_neighbours(part))):
            layer, norm = _reached(part, pair[0]), _reached(part, pair[1])
            if layer is not None and norm is not None and _fits(layer, norm) and alone(layer) and alone(norm):
                found.append((f"{name}.{pair[0]}".lstrip("."), f"{name}.{pair[1]}".lstrip(".")))
    used = Counter(name for pair in dict.fromkeys(found) for name in pair)
    return [pair for pair in dict.fromkeys(found) if all(used[name] == 1 for name in pair)]


def _declared(part: nn.Module) -> tuple[tuple[str, str], ...]:
    kind = type(part)
    if _from(part, _LIBRARIES):
        known = _LIBRARY_FOLDS.get(f"{kind.__module__}.{kind.__name__}", ())
        return tuple(pair for pair in known if all(_has(part, name) for name in pair))
    # What a class inherits says nothing of a `forward` of its own.
    declared: tuple[tuple[str, str], ...] = (
        getattr(kind, "folds", ()) if _from(part, _OWN) else vars(kind).get("folds", ())
    )
    return declared


def _has(part: nn.Module, name: str) -> bool:
    first, _, rest = name.partition(".")
    return hasattr(part, first) and (not rest or _has(getattr(part, first), rest))


def _neighbours(part: nn.Module) -> Iterator[tuple[str, str]]:
    if type(part).forward is nn.Sequential.forward:
        yield from pairwise(part._modules)


def _reached(part: nn.Module, name: str) -> nn.Module | None:
    """A part by its name; None where an option leaves it out."""
    found: nn.Module | None = part
    for step in name.split("."):
        if not hasattr(found, step):
            raise ValueError(
                f"{type(part).__name__}.folds names {name!r}, which it does not have; its parts are "
                f"{', '.join(part._modules) or 'none'}"
            )
        found = getattr(found, step)
    return found


def _fits(layer: nn.Module, norm: nn.Module) -> bool:
    if type(layer) not in _LAYERS or type(norm) not in _NORMS:
        return False
    assert isinstance(norm, nn.modules.batchnorm._NormBase), "one of them"
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    return bool(outputs == norm.num_features and norm.running_mean is not None and not norm.training)


def _fold(net: nn.Module, layer_name: str, norm_name: str) -> None:
    layer: Any = net.get_submodule(layer_name)
    norm: Any = net.get_submodule(norm_name)
    weight = layer.weight.detach().double()
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -norm.running_mean.double() * scale
    if norm.bias is not None:
        shift = shift + norm.bias.detach().double()
    if layer.bias is not None:
        shift = shift + layer.bias.detach().double() * scale
    if isinstance(layer, _TRANSPOSED):
        inputs, outputs, *kernel = weight.shape  # outputs of one group
        grouped = weight.view(layer.groups, inputs // layer.groups, outputs, *kernel)
        weight = (grouped * scale.view(layer.groups, 1, outputs, *(1 for _ in kernel))).view_as(weight)
    else:
        weight = weight * scale.view(-1, *(1 for _ in weight.shape[1:]))
    kept = layer.weight.dtype
    layer.weight = nn.Parameter(weight.to(kept), requires_grad=False)
    layer.bias = nn.Parameter(shift.to(kept), requires_grad=False)
    above, _, name = norm_name.rpartition(".")
    setattr(net.get_submodule(above), name, nn.Identity().eval())


def _channels_last(part: Any) -> None:
    if type(part) in _LAYERS and part.weight.ndim in _FORMATS:
        part.weight.data = part.weight.data.contiguous(memory_format=_FORMATS[part.weight.ndim])
