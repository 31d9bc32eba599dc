"""What is known of every network here: what it takes, how large and how fast it is, and what of it was verified.

Each fact is taken from where it is true: the registry, the network itself, the recorded times, the expected scores and
the records. :mod:`avsal_bench.catalogue.table` writes them down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.catalogue.compared import of_form, read_compared
from avsal_bench.catalogue.facts import Facts, read_facts
from avsal_bench.catalogue.speeds import Times, read_object, read_speeds, times_of
from avsal_bench.models import create_model, list_models, model_entry, model_facts
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import ModelEntry
from avsal_bench.records import MAPS_PRESET, network_name, read_records
from avsal_bench.resources import resource
from avsal_bench.spec import Modality

if TYPE_CHECKING:
    from avsal_bench.models.base import Network

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


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        facts: what the code says of the network.
        times: None where they were not measured, or when the network had other MACs than now.
        synth_cc: CC that is expected of a short training on ``synth``, fold 1; None where none is.
        real: records of it on real sets.
    """

    facts: Facts
    times: Times | None
    synth_cc: float | None
    real: int


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


def catalogue(records: Path | None, names: Sequence[str] = (), recount: bool = False) -> list[Row]:
    """Rows of the table, for all networks or some models.

    Args:
        records: folder of the records of a leaderboard; it need not be there. None: they are not counted.
        names: of models.
        recount: whether networks of the package are counted too, instead of read from its ``networks.csv``.

    Raises:
        ValueError: for an unknown name, or a file that cannot be read.
    """
    kept = {} if recount else read_facts(resource("networks.csv"))
    found: list[Facts] = []
    for name in names or list_models():
        found += kept[name] if _holds(name, kept) else [facts_of(one) for one in variants([name])]
    scores = expected_cc(resource("expected"))
    speeds = read_speeds(resource("speed.json"))
    every = (r for _, r in read_records(records)) if records else ()
    real = Counter(r.network for r in every if not r.synthetic and r.preset != MAPS_PRESET)
    return [
        Row(
            facts=one,
            times=times_of(speeds, one.key, one.macs) if one.macs else None,
            synth_cc=scores.get(one.key),
            real=real[one.key],
        )
        for one in sorted(found, key=lambda one: not one.modality)
    ]


def _holds(name: str, kept: Mapping[str, Sequence[Facts]]) -> bool:
    """Whether what is kept is of this model: one of the package, of the same paper and modalities."""
    facts = model_facts(name)
    lines = kept.get(name, ())
    modalities = {line.modality for line in lines if not line.variant} - {""}
    return (
        facts.module.startswith("avsal_bench.")
        and bool(lines)
        and modalities == set(facts.modalities)
        and {line.paper for line in lines} == {facts.paper}
    )


def facts_of(one: Variant) -> Facts:
    """What the code says of a network; its parameters and MACs are counted, which takes seconds for large ones."""
    from avsal_bench.catalogue.counting import count, sound_phrase  # with torch, which what is kept does without

    counted = count(one.build) if one.modality else None
    spec = counted.spec if counted else one.build().spec
    whole = [w for w in one.entry.weights if w.build is None and one.loads(w)]
    parts = [w for w in one.entry.weights if w.build is not None]
    compared = one.modality in one.entry.parity and of_form(read_compared(resource("parity.csv")), one.key)
    parity = "proved" if compared else "no"
    return Facts(
        network=one.entry.name,
        variant=one.variant,
        modality=one.modality,
        paper=one.entry.paper,
        parameters=counted.parameters if counted else None,
        macs=counted.macs if counted else None,
        frames=spec.frames,
        height=spec.size[0],
        width=spec.size[1],
        step=spec.step,
        target=spec.target if isinstance(spec.target, str) else f"+{spec.target}",
        sound=sound_phrase(spec.audio) if spec.audio else "",
        code=one.entry.code,
        parity=(parity if one.entry.code else "no code") if one.modality else "",
        weights=len(whole),
        encoder_weights=len(parts),
        weights_opened=sum("not opened" not in w.form for w in whole + parts),
    )


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
