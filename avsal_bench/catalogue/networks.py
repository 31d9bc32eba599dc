"""What is known of every network here: what it takes, how large and how fast it is, and what of it was verified.

Each fact is taken from where it is true: the registry, the network itself, the recorded times, the expected scores and
the records. :mod:`avsal_bench.catalogue.table` writes them down.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.catalogue.counting import Counted, count
from avsal_bench.catalogue.speeds import Times, read_object, read_speeds, times_of
from avsal_bench.models import Network, create_model, list_models, model_entry
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import ModelEntry
from avsal_bench.records import MAPS_PRESET, network_name, read_records
from avsal_bench.resources import resource
from avsal_bench.spec import ClipSpec, Modality

SMOKE = "smoke"


@dataclass(frozen=True)
class Variant:
    """One published network: an entry of the registry with a modality, and the options of a variant.

    ``modality`` and ``variant`` are "" where there is none.
    """

    entry: ModelEntry
    modality: Modality | str = ""
    variant: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Name in files and records, such as ``vinet-transformer_av``."""
        return network_name("-".join(filter(None, [self.entry.name, self.variant])), self.modality)

    @property
    def label(self) -> str:
        """Name for people, such as ``vinet (transformer)``."""
        return f"{self.entry.name} ({self.variant})" if self.variant else self.entry.name

    def build(self) -> Network:
        """The network as published."""
        modality = {"modality": self.modality} if self.modality else {}
        return create_model(self.entry.name, **modality, **self.options)

    def loads(self, weights: PublishedWeights) -> bool:
        """Whether a file of weights is for this network, and not for another modality or variant."""
        options = {"modality": self.entry.modalities[-1], **weights.options}
        return options == {"modality": self.modality, **self.options}

    def compared(self, outputs: Collection[str]) -> bool:
        """Whether its output was compared with the authors' code.

        Args:
            outputs: names of what was kept of the authors' code, of each network, or of each of its variants. The
                registry says of which modalities.
        """
        own = f"{self.entry.name}_{self.variant or '*'}"
        return self.modality in self.entry.parity and bool(fnmatch.filter(outputs, own))


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        variant: the network.
        spec: the clip that it takes.
        sound: phrase for its front end; "" without sound.
        counted: parameters and MACs; None for what has no weights: baselines and classical models.
        times: None where they were not measured, or when the network had other MACs than now.
        parity: whether its output was compared with the authors' code.
        weights: files of the whole network that the authors offer and that are registered here.
        parts: files that start an encoder, of the model in any modality.
        opened: how many of both were opened here.
        synth_cc: CC that is expected of a short training on ``synth``, fold 1; None where none is.
        real: records of it on real sets.
    """

    variant: Variant
    spec: ClipSpec
    sound: str
    counted: Counted | None
    times: Times | None
    parity: bool
    weights: int
    parts: int
    opened: int
    synth_cc: float | None
    real: int

    @property
    def year(self) -> str:
        """Of the paper; "" without one."""
        return self.variant.entry.paper[-4:]


def variants(names: Sequence[str] = ()) -> list[Variant]:
    """All networks, or those of some models: a line for every modality and every variant, baselines last.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    found = []
    for name in names or list_models():
        entry = model_entry(name)
        found += [Variant(entry, modality) for modality in entry.modalities or ("",)]
        for variant, options in entry.variants.items():
            rest = dict(options)
            found.append(Variant(entry, rest.pop("modality", entry.modalities[-1]), variant, rest))
    return sorted(found, key=lambda v: not v.modality)


def catalogue(records: Path, names: Sequence[str] = ()) -> list[Row]:
    """Rows of the table, for all networks or some models.

    Args:
        records: folder of the records of a leaderboard; it need not be there.
        names: of models.

    Raises:
        ValueError: for an unknown name, or a file that cannot be read.
    """
    chosen = variants(names)
    scores = expected_cc(resource("expected"))
    speeds = read_speeds(resource("speed.json"))
    outputs = resource("parity.txt").read_text(encoding="utf-8").split()
    real = Counter(r.network for _, r in read_records(records) if not r.synthetic and r.preset != MAPS_PRESET)
    rows = []
    for one in chosen:
        counted = count_published(one.entry.name, one.modality, one.variant) if one.modality else None
        spec = counted.spec if counted else one.build().spec
        whole = [w for w in one.entry.weights if w.build is None and one.loads(w)]
        parts = [w for w in one.entry.weights if w.build is not None]
        rows.append(
            Row(
                variant=one,
                spec=spec,
                sound=sound_phrase(spec.audio) if spec.audio else "",
                counted=counted,
                times=times_of(speeds, one.key, counted.macs) if counted else None,
                parity=one.compared(outputs),
                weights=len(whole),
                parts=len(parts),
                opened=sum("not opened" not in w.form for w in whole + parts),
                synth_cc=scores.get(one.key),
                real=real[one.key],
            )
        )
    return rows


@cache
def count_published(name: str, modality: str, variant: str) -> Counted:
    """Parameters and MACs of a network as published; seconds for the large ones, so each is counted once."""
    (one,) = (v for v in variants([name]) if (v.modality, v.variant) == (modality, variant))
    return count(one.build)


def sound_phrase(front_end: AudioFrontEnd) -> str:
    """Class of a front end, size of its tensor without axes of one, and sample rate.

    >>> from avsal_bench.audio.waveform import Waveform
    >>> sound_phrase(Waveform(16))
    'Waveform 35280, 22.05 kHz'
    """
    sides = [side for side in front_end(torch.zeros(1)).shape if side > 1]
    size = "x".join(map(str, sides))
    return f"{type(front_end).__name__} {size}, {front_end.sample_rate / 1000:g} kHz"


def expected_cc(folder: Path) -> dict[str, float]:
    """CC of each network on ``synth``, fold 1, true sound, protocol of the main tables, from the files of a folder.

    Only those of the preset ``smoke`` count; others are no short trainings of the whole network.

    Raises:
        ValueError: when two files expect something of one network, or a file has another form.
    """
    found: dict[str, tuple[float, Path]] = {}
    for path in sorted(folder.glob("*.json")):
        expected = read_object(path)
        for key, scores in expected["scores"].items() if expected.get("preset") == SMOKE else ():
            network, _, condition = key.partition("/")
            if condition != "synth/fold1/original" or "CC" not in scores:
                continue
            if network in found:
                raise ValueError(f"{key} is in {found[network][1]} and in {path}; take it out of one of them")
            found[network] = (scores["CC"][0], path)
    return {network: cc for network, (cc, _) in found.items()}
