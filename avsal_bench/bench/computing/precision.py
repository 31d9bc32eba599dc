"""What a network computes in: names of precisions, what this machine is able to, and how to predict in one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, get_args

import torch
from lightning.fabric.plugins.precision.precision import _PRECISION_INPUT_STR, _PRECISION_INPUT_STR_ALIAS

from avsal_bench.names import unknown

FLOAT32 = "32-true"
#: Short names of precisions, and those that Lightning has for them.
SHORT = {"fp16": "16-mixed", "16": "16-mixed", "bf16": "bf16-mixed", "32": FLOAT32, "64": "64-true"}
#: All that a training or a test can ask for; the last ones are short names.
PRECISIONS = tuple(dict.fromkeys((*get_args(_PRECISION_INPUT_STR), *get_args(_PRECISION_INPUT_STR_ALIAS), *SHORT)))
#: Those in which a CPU trains.
ON_CPU = (FLOAT32, "64-true")
#: What mixed precision computes products and convolutions in.
HALF = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


def full_name(precision: object) -> str:
    """The name that Lightning has for a precision, such as ``bf16-mixed`` for ``bf16``.

    Raises:
        ValueError: for an unknown one; it suggests the nearest one.

    >>> full_name("bf16"), full_name(32), full_name("16-true")
    ('bf16-mixed', '32-true', '16-true')
    """
    name = str(precision)
    if name not in PRECISIONS:
        raise ValueError(unknown("precision", name, PRECISIONS))
    return SHORT.get(name, name)


def check_training(precision: str, who: str = "", anew: bool = False) -> None:
    """Nothing, where this machine can train in a precision, by its full name.

    Args:
        precision: full name.
        who: is to be trained.
        anew: whether it is trained whatever is there.

    Raises:
        ValueError: for 16 bits without a GPU, where gradients of 3D convolutions crash or are NaN in torch 2.11.
    """
    if precision not in ON_CPU and not _has_gpu():
        why = "would be trained anew (--force)" if anew else "is not trained yet"
        left = f"{who} {why}, and " if who else ""
        raise ValueError(
            f"{left}training with precision {precision} needs a GPU; on a CPU train with --precision 32-true first"
            + (f", and test with --precision {precision} afterwards" if precision in HALF and cpu_has_bf16() else "")
        )


def check_predicting(precision: str, device: str = "") -> None:
    """Nothing, where a device can predict in a precision, by its full name.

    A CPU predicts in bfloat16 where it has instructions for it; on others that is slower than float32. It does not in
    float16, which is no faster than bfloat16 there and overflows above 65,504.

    Args:
        precision: full name.
        device: its type; by default a GPU where there is one.

    Raises:
        ValueError: for one that it cannot.
    """
    if precision in ON_CPU or (device or ("cuda" if _has_gpu() else "cpu")) != "cpu":
        return
    able = cpu_has_bf16()
    if precision == "bf16-mixed" and able:
        return
    if precision == "bf16-mixed":
        raise ValueError(
            "precision bf16-mixed needs a GPU, or a CPU with AMX or AVX512-BF16, and this one has neither; use "
            "--precision 32-true"
        )
    instead = "--precision bf16 to predict" if able else "--precision 32-true"
    raise ValueError(f"precision {precision} needs a GPU; on this CPU use {instead}")


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies in bfloat16: by AMX, or by AVX512-BF16."""
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def computing(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Where a network predicts in float32, or in mixed precision; exponentials, softmaxes and norms stay in float32.

    Args:
        precision: full name, one of ``PREDICTING``.
        device: of the network.
    """
    half = HALF.get(precision)
    return nullcontext() if half is None else torch.autocast(device.type, half)


#: Those in which films are predicted, and networks evaluated without a bench.
PREDICTING = (FLOAT32, *HALF)


def predicting_name(precision: object) -> str:
    """The full name of a precision that films are predicted in.

    Raises:
        ValueError: for another one; it suggests the nearest one.
    """
    names = {short: name for short, name in SHORT.items() if name in PREDICTING} | {name: name for name in PREDICTING}
    if str(precision) not in names:
        raise ValueError(unknown("precision", str(precision), list(names)))
    return names[str(precision)]


def _has_gpu() -> bool:
    return torch.cuda.is_available()
