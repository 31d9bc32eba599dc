"""The plan of the study "Who can hear?": which networks, at most four settings each, and how many clips; one YAML file.

The packaged one is ``resources/studies/hearing.yaml``, and ``--plan`` names another of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from avsal_bench.evaluation.protocol import protocol
from avsal_bench.models import list_models, model_entry
from avsal_bench.names import plain_name, unknown
from avsal_bench.resources import resource
from avsal_bench.schema import Count, Whole, build
from avsal_bench.spec import Sound
from avsal_bench.text import many, named
from avsal_bench.typed import LARGEST_SEED
from avsal_bench.yaml_files import read_yaml

#: Settings of one network: so many that a search is one, and so few that it is the same for all.
MOST_SETTINGS = 4
#: What every network is tested with.
CONDITIONS: tuple[Sound, ...] = ("original", "muted", "swapped", "shifted", "noise")

PlainName = Annotated[str, AfterValidator(partial(plain_name, "network"))]


@dataclass(frozen=True, config={"extra": "forbid"})
class Setting:
    """One way to train a network.

    Args:
        name: in a few words; the table shows it.
        reason: why it is tried, in a sentence.
        set: overrides of the recipe, as words of ``--set``.
    """

    name: str
    reason: str
    set: tuple[str, ...] = ()


@dataclass(frozen=True, config={"extra": "forbid"})
class Entry:
    """A network of the study, or a variant of one.

    Args:
        settings: from one to four; the first is taken where nothing is searched.
        model: name in the registry; "" for the name of the entry.
        set: overrides of the recipe that make the variant, under every setting.
    """

    settings: tuple[Setting, ...]
    model: str = ""
    set: tuple[str, ...] = ()


@dataclass(frozen=True, config={"extra": "forbid"})
class Passes:
    """Training clips of a stage: ``epochs`` times ``clips_per_video`` of every video that is not set aside."""

    epochs: Count
    clips_per_video: Count


@dataclass(frozen=True, config={"extra": "forbid"})
class Study:
    """The whole plan.

    Args:
        networks: by the names that tables show.
        audiovisual: clips of the last stage of every recipe, in which the network hears.
        visual: clips of the stages before, in which the network trains without sound; recipes without one have none.
        preset: of the recipes.
        protocol: of the scores.
        seeds: of the trainings that are measured.
        search_seed: of the trainings of the search.
        search_data: seed of the embedded set of the search, which must be another than that of the measured one.
    """

    networks: Mapping[PlainName, Entry]
    audiovisual: Passes
    visual: Passes
    preset: str = "smoke"
    protocol: str = "stavis"
    seeds: tuple[Whole, ...] = (0, 1, 2)
    search_seed: Whole = 0
    search_data: Whole = field(default=7)

    def model(self, network: str) -> str:
        """Name in the registry of a network of the study."""
        return self.networks[network].model or network


def load_study(path: Path | None = None) -> Study:
    """Read a plan.

    Args:
        path: of the file; None for the packaged one.

    Raises:
        FileNotFoundError: for a file that is not there.
        ValueError: naming the file, for another form, an unknown network or one without sound, no setting or more than
            four, two of one name, and an unknown protocol.
    """
    path = path or resource("studies", "hearing.yaml")
    if not path.is_file():
        raise FileNotFoundError(f"no plan {path}; --plan names a file such as {resource('studies', 'hearing.yaml')}")
    plain = read_yaml(path)
    try:
        study = build(Study, _nested(plain))
        _check(study)
    except ValueError as error:
        raise ValueError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error
    return study


def asked_study(
    study: Study, networks: Sequence[str] = (), seeds: Sequence[int] = (), settings: int | None = None
) -> Study:
    """The part of a study that the command line asks for.

    Args:
        study: the whole.
        networks: only these; one of the registry that the plan does not name is trained as its preset says.
        seeds: in the place of those of the plan.
        settings: so many of each network, the first ones.

    Raises:
        ValueError: for an unknown network, and one without sound.
    """
    entries = dict(study.networks)
    for name in networks:
        if name not in entries:
            if name not in list_models():
                raise ValueError(unknown("network", name, {*entries, *_hearing()}))
            as_it_is = Setting("recipe", f"the preset {study.preset} as it is: the plan does not name this network")
            entries[name] = Entry((as_it_is,))
    kept = {name: entries[name] for name in networks or entries}
    if settings:
        kept = {name: replace(entry, settings=entry.settings[:settings]) for name, entry in kept.items()}
    asked = replace(study, networks=kept, seeds=tuple(seeds) or study.seeds)
    _check(asked)
    return asked


def _nested(plain: Any) -> dict[str, Any]:
    """The mapping of a file, whose lists and mappings pydantic makes objects of; an entry must have settings."""
    if not isinstance(plain, dict):
        raise ValueError(f"expected a mapping with networks, audiovisual and visual; got {plain!r}")
    strange = [key for key in plain if not isinstance(key, str)]
    if strange:
        raise ValueError(f"expected names as keys, got {strange[0]!r}")
    return plain


def _check(study: Study) -> None:
    protocol(study.protocol)
    if not study.networks:
        raise ValueError("networks: name at least one")
    if not study.seeds or len(set(study.seeds)) < len(study.seeds):
        raise ValueError(f"seeds: expected at least one, and each once; got {list(study.seeds)}")
    if strange := [seed for seed in (*study.seeds, study.search_seed, study.search_data) if seed > LARGEST_SEED]:
        raise ValueError(f"seed {strange[0]}: expected a whole number from 0 to {LARGEST_SEED}")
    for name, entry in study.networks.items():
        model = study.model(name)
        if model not in list_models():
            raise ValueError(f"network {name}: {unknown('model', model, _hearing())}")
        if "av" not in model_entry(model).modalities:
            raise ValueError(f"network {name}: {model} takes no sound, so it cannot hear; take it out")
        if not 1 <= len(entry.settings) <= MOST_SETTINGS:
            raise ValueError(
                f"network {name}: {many(len(entry.settings), 'setting')}; from 1 to {MOST_SETTINGS} a network, so that "
                "the search is the same for all"
            )
        names = [setting.name for setting in entry.settings]
        if twice := [one for one in names if names.count(one) > 1]:
            raise ValueError(f"network {name}: two settings are called {twice[0]!r}; {named('setting', names)}")
        if empty := [one.name for one in entry.settings if not one.name.strip() or not one.reason.strip()]:
            raise ValueError(f"network {name}: setting {empty[0]!r} lacks its name or its reason; write it down")


def _hearing() -> list[str]:
    """Networks of the registry that take sound."""
    return [name for name in list_models() if "av" in model_entry(name).modalities]
