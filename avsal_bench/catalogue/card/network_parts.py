"""Sections about the network itself: what it is and takes, its size and speed, its weights, its faults, how to cite."""

from __future__ import annotations

import re
from collections.abc import Sequence

from avsal_bench.catalogue.about import described, faults_of, front_end_words, recipe_section
from avsal_bench.catalogue.card.card_facts import Told
from avsal_bench.catalogue.card.human_words import learnt_words, with_papers
from avsal_bench.catalogue.card.part import Part, link, listed, table
from avsal_bench.catalogue.card.score_parts import small_presets
from avsal_bench.catalogue.compared import of_form, read_compared
from avsal_bench.catalogue.networks import Row
from avsal_bench.catalogue.numbers import shortened
from avsal_bench.catalogue.speeds import Times, Way
from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.known_facts import UNKNOWN
from avsal_bench.leaderboard.references import bibtex
from avsal_bench.resources import resource

DASH = "-"
#: What a form is, by its ``parity``; "" is that of a baseline.
_PARITY = {
    "proved": "equal to the authors' code but for rounding, as the table says",
    "no": "not known: the authors' code could not be run here, or has no such form",
    "no code": "a reading of the paper: its authors published no code to compare with",
    "": "a baseline: there is nothing to compare with",
}
#: Names of outputs for people; others are called as the authors' code calls them.
OUTPUTS = {
    "pred": "map",
    "visual_pred": "map without the sound",
    "blurred": "map, joined of given ones",
    "logits_float64": "logits, in float64",
}


def what_it_is(told: Told) -> Part:
    """Its description, paper, code and forms."""
    facts = told.facts
    if facts.built:
        words = tuple(with_papers(text, told.table) for text in described(facts.name).paragraphs)
    elif facts.absent is not None:
        words = ("Not built here; known from the tables of papers.",)
    else:
        words = ("What it is is not known here: only scores of it are.",)
    papers = [f"{link(one.title, one.link)} ({for_markdown(one.cited)})" for one in facts.papers]
    code = f"{link(facts.code, facts.code_link)}, licence: {for_markdown(facts.code_terms)}" if facts.code else ""
    if facts.absent is not None:
        papers, code = papers or [for_markdown(facts.absent.paper)], for_markdown(facts.absent.status)
    lines = [
        f"- Paper: {'; '.join(papers) or 'none is known here'}",
        f"- Code of the authors: {code or 'none is known here'}",
        f"- Name here: `{told.label}`",
    ]
    return Part("What it is", (*words, "\n".join(lines)))


def what_it_takes(told: Told) -> Part:
    """Frames and sound of each form."""
    if not told.forms:
        return Part("What it takes", ("Not known here.",))
    body = [[_form(one), *_clip(one), one.facts.sound or "none"] for one in told.forms]
    header = ["form", "frames", "height x width", "from frame to frame", "predicts", "sound"]
    blocks = [table(header, body)]
    for sound in dict.fromkeys(one.facts.sound for one in told.forms if one.facts.sound):
        words = with_papers(front_end_words(sound.partition(" ")[0]), told.table)
        blocks.append(f"It hears `{sound}`{f': {words}' if words else '.'}")
    if any(one.facts.target.startswith("+") for one in told.forms):
        blocks.append("`+15` is the 15th frame after the first one of the clip.")
    return Part("What it takes", tuple(blocks))


def _clip(row: Row) -> list[str]:
    facts = row.facts
    if not facts.frames:
        return [DASH] * 4
    target = {"last": "the last frame", "middle": "the middle frame"}.get(facts.target, f"frame {facts.target}")
    return [str(facts.frames), f"{facts.height} x {facts.width}", str(facts.step), target]


def size(told: Told) -> Part:
    """Parameters, and operations of one window."""
    counted = [one for one in told.forms if one.facts.parameters is not None and one.facts.macs is not None]
    if not counted:
        why = "It has no weights." if told.forms else "Not known here."
        return Part("Size", (why,))
    body = [[_form(one), shortened(one.facts.parameters or 0), _gflops(one)] for one in counted]
    words = "GFLOPs are those of one window, two for each multiplication of a convolution, product or attention."
    small = small_presets(told)
    blocks = ["Of the network as published.", table(["form", "parameters", "GFLOPs"], body, range(1, 3)), words]
    return Part("Size", (*blocks, f"{small} The scores below say which was tested." if small else ""))


def _gflops(row: Row) -> str:
    return f"{2 * (row.facts.macs or 0) / 1e9:,.1f}"


def speed(told: Told) -> Part:
    """Recorded times."""
    timed = [(one, one.times) for one in told.forms if one.times is not None]
    if not timed:
        return Part("Speed", ("Not measured.",))
    header = ["form", "network, 1 thread", "plain script, 1 thread", "network, all threads", "film to scores, 1 thread"]
    body = [[_form(one), *_times(times)] for one, times in timed]
    machine, dates = timed[0][1].machine, sorted({times.date for _, times in timed})
    words = (
        "Of the network as published. "
        f"Seconds for one frame of a film, in float32 (CPU time where it is one thread), on {machine['processor']}, "
        f"{machine['cores']} cores, torch {machine['torch']}, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}. "
        "A plain script computes each window alone. Other machines were not measured."
    )
    if left := [_form(one) for one in told.forms if one.times is None]:
        words += f" Not measured: {', '.join(left)}."
    return Part("Speed", (table(header, body, range(1, 5)), for_markdown(words)))


def _times(times: Times) -> list[str]:
    def seconds(way: Way, value: float | None) -> str:
        return DASH if value is None else f"{value:.3g}"

    one, every, film = times.one_thread, times.all_threads, times.film
    pairs = ((one, one.ours), (one, one.plain), (every, every.ours), (film, film.ours))
    return [seconds(way, value) for way, value in pairs]


def parity(told: Told) -> Part:
    """Whether it is the authors' network, and how far its output is from theirs."""
    title = "Is it the authors' network?"
    if not told.forms:
        return Part(title, ("Not known here.",))
    kinds: dict[str, list[str]] = {}
    for one in told.forms:
        kinds.setdefault(one.facts.parity, []).append(_form(one))
    lines = [f"{', '.join(names)}: {_PARITY[kind]}" for kind, names in kinds.items()]
    return Part(title, (listed(lines), *(_distances(kinds["proved"]) if "proved" in kinds else ())))


def _distances(forms: Sequence[str]) -> Sequence[str]:
    """How far forms are from the authors' code, as it was measured."""
    every = read_compared(resource("parity.csv"))
    groups = [(form, group) for form in forms for group in of_form(every, form)]
    header = ["form", "authors' code", "inputs", "output", "values", "relative difference", "largest difference"]
    header += ["outputs compared", "largest relative difference of them"]
    body = [
        [
            *(form, _short(group[0].source), group[0].inputs, OUTPUTS.get(group[0].output, group[0].output)),
            *(f"{group[0].values:,}", f"{group[0].relative:.1e}", f"{group[0].largest:.1e}"),
            *(str(len(group)), f"{max(one.relative for one in group):.1e}"),
        ]
        for form, group in groups
    ]
    words = (
        "Weights and inputs are drawn by a rule, the same for both codes, on a CPU and in float32 where no other type "
        "is named. Of so many values, spread over the output: the relative difference is the L2 norm of the "
        "differences by that of the authors' values; the largest difference is that of one value by the authors' "
        "largest. `python tests/parity_table.py` of avsal_bench measures it again; docs/verified.md says what else was "
        "compared, and where with trained weights."
    )
    return (table(header, body, range(4, len(header))), words)


def _short(source: str) -> str:
    """An authors' code with the first digits of its commit."""
    return re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", source)


def weights(told: Told) -> Part:
    """What weights there are, their licence, and what is known of them."""
    title, chosen = "Weights and licences", told.weights
    blocks = []
    if chosen is not None:
        name = f"`{chosen.name}`, " if chosen.name else ""
        blocks.append(f"This card is about the weights {name}`{chosen.file}` (SHA-256 {chosen.sha256}).")
    if told.offered:
        header = ["name", "file", "what", "licence", "trained on, as far as its authors say", "SHA-256", "opened here"]
        body = [
            [
                *(one.name, one.file, one.what, one.licence, learnt_words(one.trained_on, told.table)),
                *(one.sha256[:16], _opened(one.form)),
            ]
            for one in told.offered
        ]
        blocks.append(table(header, body))
        blocks.append(listed([f"{one.name}: {one.source}" for one in told.offered]))
    elif chosen is not None:
        blocks.append("Nothing is known here of where they come from. Licence unknown.")
    else:
        without = bool(told.forms) and all(one.facts.parameters is None for one in told.forms)
        blocks.append("It has none." if without else "No weights of its authors are known here. Licence unknown.")
    if told.facts.code:
        blocks.append(f"The authors' code: licence {for_markdown(told.facts.code_terms)}.")
    if told.facts.built:
        blocks.append(
            "The network as it is written here: Apache-2.0, as all of avsal_bench; that is no licence of weights."
        )
    return Part(title, tuple(blocks))


def _opened(form: str) -> str:
    return "no" if "not opened" in form else "yes"


def known_faults(told: Told) -> Part:
    """Faults of the published code that are written down in the network's file."""
    title, facts = "Known faults of the published code", told.facts
    if not facts.built:
        return Part(title, ("Not known here.",))
    if found := faults_of(facts.name):
        words = "Of the authors' scripts, as they were read. The network here has none of them but where it is said."
        return Part(title, (words, "\n".join(f"- {with_papers(fault, told.table)}" for fault in found)))
    if not facts.code:
        return Part(title, ("No code of the authors is known here.",))
    return Part(title, ("No list of them is kept here, which does not say that there are none.",))


def how_to_use(told: Told) -> Part:
    """Commands."""
    facts = told.facts
    if not facts.built:
        return Part("How to use it", ("No network of this name is built here.",))
    readable = next((one for one in told.offered if not one.unreadable), None)
    name = told.weights.name if told.weights is not None and told.weights.name else readable.name if readable else ""
    lines = []
    if name:
        lines += [f"avsal weights get {name}", f"avsal predict film.mp4 --weights {name} -o maps"]
    recipe = recipe_section(facts.name)
    if recipe is not None and len(recipe.paragraphs) > 1:
        lines += [command.strip("`") for command in recipe.paragraphs[-1].split(", ")]
    blocks = [f"```\n{chr(10).join(lines)}\n```"] if lines else []
    modality = f', modality="{_modality(told.forms)}"' if _modality(told.forms) else ""
    python = f'from avsal_bench import create_model\n\nnet = create_model("{facts.name}"{modality})'
    return Part("How to use it", (*blocks, f"```python\n{python}\n```"))


def _modality(forms: Sequence[Row]) -> str:
    found = [one.facts.modality for one in forms if not one.facts.variant]
    return found[-1] if found else ""


def how_to_cite(told: Told) -> Part:
    """BibTeX of its papers."""
    title, papers = "How to cite", told.facts.papers
    own = "Of avsal_bench, which made this card: docs/citation.md. A score goes with its protocol, folds and version."
    if not papers:
        return Part(title, (f"Its paper is {UNKNOWN} here.", own))
    return Part(title, (f"```bibtex\n{bibtex(papers, [one.key for one in papers]).strip()}\n```", own))


def _form(row: Row) -> str:
    return row.facts.key
