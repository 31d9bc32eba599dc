"""What the code says of each published network, as it is kept in ``networks.csv``: to read it takes no torch.

Counting a large network takes a second. The table that comes with the package has been counted already, and
:mod:`avsal_bench.catalogue.networks` counts what is not in it, such as networks of plug-ins.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from avsal_bench.records import network_name


@dataclass(frozen=True)
class Facts:
    """One published network: a model in a modality, and maybe with the options of a variant.

    Args:
        network: name of the model.
        variant: name of the variant; "" for the network as it is.
        modality: "" for a baseline.
        paper: key of it.
        parameters: all of them; None for what has no weights: baselines and classical models.
        macs: multiply-accumulates of one window; None as there.
        frames: in a clip.
        height: of a frame.
        width: of a frame.
        step: from one frame of a clip to the next, in frames of the video.
        target: the frame that is predicted, in words.
        sound: phrase for its front end; "" without sound.
        code: ``owner/repo`` of the authors; "" where there is none.
        parity: ``proved`` where its output was compared with the authors' code, ``no`` or ``no code``; "" for a
            baseline.
        weights: files of the whole network that the authors offer and that are registered here.
        encoder_weights: files that start an encoder, of the model in any modality.
        weights_opened: how many of both were opened here.
    """

    network: str
    variant: str
    modality: str
    paper: str
    parameters: int | None
    macs: int | None
    frames: int
    height: int
    width: int
    step: int
    target: str
    sound: str
    code: str
    parity: str
    weights: int
    encoder_weights: int
    weights_opened: int

    @property
    def key(self) -> str:
        """Name in files and records, such as ``vinet-transformer_av``."""
        return network_name("-".join(filter(None, [self.network, self.variant])), self.modality)

    @property
    def label(self) -> str:
        """Name for people, such as ``vinet (transformer)``."""
        return f"{self.network} ({self.variant})" if self.variant else self.network

    @property
    def year(self) -> str:
        """Of the paper; "" without one."""
        return self.paper[-4:]


_NUMBERS = {field.name for field in fields(Facts) if field.type.startswith("int")}
_MAYBE = {field.name for field in fields(Facts) if field.type == "int | None"}


def read_facts(path: Path) -> dict[str, list[Facts]]:
    """The lines of ``networks.csv``, by the name of the model.

    Raises:
        ValueError: naming the file and the line, for a table of another form.
    """
    found: dict[str, list[Facts]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for n, line in enumerate(csv.DictReader(file), start=2):
            try:
                facts = Facts(**{field.name: _value(field.name, line) for field in fields(Facts)})
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}, row {n}: no facts of a network ({type(error).__name__}: {error}); make the table anew "
                    "with `avsal models --recount --csv FILE`"
                ) from error
            found.setdefault(facts.network, []).append(facts)
    return found


def _value(name: str, line: Mapping[str, str]) -> Any:
    text = line[name]
    if name not in _NUMBERS:
        return text
    return None if name in _MAYBE and not text else int(text)
