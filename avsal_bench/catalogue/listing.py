"""What there is, in a few tables for a terminal: networks, data sets, protocols, published weights."""

from __future__ import annotations

from pathlib import Path

from avsal_bench.bench.job import HUMAN
from avsal_bench.data.dataset import DataSet, dataset, list_datasets
from avsal_bench.evaluation.protocol import list_protocols, protocol
from avsal_bench.models import list_models, model_facts
from avsal_bench.models.weights.offered import list_weights, weights_owner
from avsal_bench.plugins import load_plugins
from avsal_bench.text import text_table


def listing() -> str:
    """Networks, data sets and protocols."""
    entries = [model_facts(name) for name in list_models()]
    networks = [[entry.name, ", ".join(entry.modalities) or "baseline", entry.paper] for entry in entries]
    sets = [dataset(name) for name in list_datasets()]
    tables = [
        text_table(["network", "modalities", "paper"], [*networks, [HUMAN, "bound", "dave2019"]]),
        text_table(
            ["data set", "watched by", "sound", "files", "paper"],
            [[s.name, watched(s), "yes" if s.sound else "no", _files(s), _cited(s)] for s in sets],
        ),
        text_table(
            ["protocol", "of (docs/protocols.md)"], [[name, protocol(name).source] for name in list_protocols()]
        ),
    ]
    if plugins := load_plugins():
        rows = [[plugin.name, plugin.version, ", ".join(plugin.registered)] for plugin in plugins]
        tables.append(text_table(["plug-in", "version", "registers"], rows))
    return "\n\n".join(tables)


def watched(one: DataSet) -> str:
    """What followed where viewers looked, and whether they heard the sound.

    >>> from avsal_bench.data import dataset
    >>> watched(dataset("crowdsal")), watched(dataset("dhf1k"))
    ('mouse, heard', 'eye')
    """
    heard = {True: ", heard", False: ", not heard", None: ""}
    return str(one.viewing["device"]) + (heard[one.viewing["heard"]] if one.sound or one.viewing["heard"] else "")


def _cited(one: DataSet) -> str:
    """What is cited for a set; a set of one's own that names nothing has its title there."""
    return one.citation or (one.title if one.described else "")


def _files(one: DataSet) -> str:
    """Where the files of a set come from."""
    if one.described:
        return str(one.described)
    return "made here" if one.embedded else "AVSAL_DATA"


def weights_listing(store: Path) -> str:
    """Published weights, where their authors offer them, and which are in a store."""
    rows = []
    places = []
    for name, entry in list_weights().items():
        known = "no" if entry.sha256 == "unknown" else "yes"
        there = "yes" if (store / f"{name}.pt").is_file() else "no"
        how = "drive" if entry.online.startswith("drive:") else "yes" if entry.online else "no"
        rows.append([name, weights_owner(name), entry.file, known, there, how, entry.licence])
        places.append(f"  {name}: {entry.what}\n    {entry.source}\n    {entry.form}")
    table = text_table(["weights", "of", "file", "checksum", "imported", "get", "licence"], rows)
    offered = (
        "\nwhat, and where it is offered; `avsal weights get` fetches it, drive by gdown, or says how a person does"
    )
    return "\n".join([table, offered, *places, f"\nstore  {store}"])
