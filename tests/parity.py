"""Weights and inputs made by a rule, and what the authors' code gives for them: ``golden/parity/<network>.npz``.

The rule fills every entry of the authors' state dict from its name, its shape and a number, the salt, and so does it
for inputs. Networks that are told the same names and shapes, and compute the same function, give the same output.
"""

import json
import math
import os
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

FOLDER = Path(__file__).parent / "golden" / "parity"
#: Names a file that gets a line for each error, where it is set: tests/parity_table.py makes the table of them.
MEASURED = "AVSAL_PARITY_MEASURED"


def _generator(text):
    return np.random.default_rng(zlib.crc32(text.encode()))


def drawn(key, shape, salt):
    """The value of one entry of a state dict."""
    draw = _generator(f"{key}:{salt}")
    if key.endswith("running_mean"):
        values = draw.normal(0, 0.1, shape)
    elif key.endswith("running_var") or (len(shape) == 1 and key.endswith("weight")):
        values = draw.uniform(0.5, 1.5, shape)
    elif len(shape) < 2:
        values = draw.normal(0, 0.05, shape)
    else:
        values = draw.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def normal(name, shape, salt=1):
    """The input of that name: standard normal values."""
    return torch.from_numpy(_generator(f"input:{name}:{salt}").normal(0, 1, tuple(shape)).astype(np.float32))


class Golden:
    """What is known of one of the authors' networks."""

    def __init__(self, name: str, state_of: str = "") -> None:
        """Args: the file; another file, for the outputs of the same network at another size."""
        self.name = name
        self.data = dict(np.load(FOLDER / f"{name}.npz"))
        self.about = json.loads(str(self.data["about"]))
        if state_of:
            self.about["state"] = Golden(state_of).about["state"]
        #: Parameters of the authors' network, those without effect too, and these by name.
        self.parameters: int = self.about["parameters"]
        self.without_effect: list[str] = self.about["without_effect"]

    def state(self, salt: int = 1) -> dict[str, Tensor]:
        """The authors' state dict, filled; entries that are no drawn numbers (``pe``) are zero."""
        state = {}
        for key, shape, *kind in self.about["state"]:
            if key.endswith("num_batches_tracked") or kind == ["int64"]:
                state[key] = torch.zeros(shape, dtype=torch.int64)
            elif key.endswith(".pe"):
                state[key] = torch.zeros(shape)
            else:
                state[key] = drawn(key, tuple(shape), salt)
        for pattern, factor in self.about["scale"].items():
            for key in [key for key in state if fnmatchcase(key, pattern)]:
                state[key] *= factor
        return state

    def inputs(self, salt: int = 1) -> list[Tensor]:
        """Frames, and sound where the network hears."""
        return [normal(name, shape, salt) for name, shape in self.about["inputs"].items()]

    def error(self, name: str, found: Tensor) -> float:
        """Relative L2 error of an output (``pred``), or of a feature (``feature/<name>``), at the stored places.

        The number of values must agree; axes of one may lack.
        """
        shape = self.data[f"{name}/shape"].tolist()
        assert [n for n in found.shape if n > 1] == [n for n in shape if n > 1], (name, found.shape, shape)
        want = torch.from_numpy(self.data[f"{name}/sample"]).double()
        flat = found.detach().double().flatten()
        got = flat[[i * flat.numel() // want.numel() for i in range(want.numel())]]
        error = float((got - want).norm() / want.norm())
        if path := os.environ.get(MEASURED):
            shapes = "; ".join(f"{key} {' x '.join(map(str, size))}" for key, size in self.about["inputs"].items())
            largest = float((got - want).abs().max() / want.abs().max())
            told = [self.name, self.about["source"], shapes, name, want.numel(), error, largest]
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")
        return error


class _Unfilled(TorchFunctionMode):
    """Leaves out what draws numbers in place."""

    DRAWS = (Tensor.normal_, Tensor.uniform_, Tensor.erfinv_, nn.init.kaiming_uniform_, nn.init.uniform_)

    def __torch_function__(self, function, types, arguments=(), options=None):
        options = options or {}
        if function in self.DRAWS:
            return arguments[0] if arguments else options["tensor"]
        return function(*arguments, **options)


def unfilled(build: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """A network whose weights are not drawn, but whatever lies in the memory: a golden state dict is to fill them all.

    The initial values of MSPI take three seconds. What is not filled afterwards shows as NaN.
    """
    with _Unfilled():
        net = build(**options).eval()
    for parameter in net.parameters():
        parameter.data.fill_(math.nan)
    return net


@contextmanager
def features(**modules: nn.Module):
    """Outputs of some modules while the block runs, by the names given to them."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        for name, module in modules.items()
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
