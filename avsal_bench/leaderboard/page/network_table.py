"""The networks of the page: what each is, where paper, code and weights are, under which terms; size and speed."""

from __future__ import annotations

from avsal_bench.leaderboard.known_facts import UNKNOWN, FactTable, NetworkFacts
from avsal_bench.leaderboard.page.board import Board
from avsal_bench.leaderboard.page.costs import Cost
from avsal_bench.leaderboard.page.network_cards import network_cards
from avsal_bench.leaderboard.page.parts.cells import DASH, Cell, Line, Table, amount, columns_of, sort_key, texts
from avsal_bench.leaderboard.page.parts.naming import network_cell, searched
from avsal_bench.text import many


def cost_table(board: Board) -> Table | None:
    """Size and speed of every network that something is known of, with links; None where there is none."""
    columns = columns_of("Network", "Modality")
    columns += columns_of("Parameters", "MACs a window", "A frame, plain script", "A frame, here", numbers=True)
    columns += columns_of("Code", "Licence of the code", "Weights", "Name in commands, card")
    body = [_line(board.facts, model, modality, cost) for (model, modality), cost in board.costs.items()]
    return Table(columns, [body]) if body else None


def _line(facts: FactTable, model: str, modality: str, cost: Cost) -> Line:
    one = facts.network(model)
    seconds = ((cost.plain_seconds, " s"), (cost.seconds, " s"))
    numbers = ((cost.parameters, ""), (cost.macs, ""), *seconds)
    cells = [Cell(amount(value, unit), "" if value is None else sort_key(value)) for value, unit in numbers]
    code = Cell(one.code, one.code, link=one.code_link) if one.code else Cell(no_code(one))
    card = f"#card-{one.name}" if one.name in {card.name for card in network_cards()} else ""
    known = [code, *texts(one.code_terms), Cell(weights_words(one)), Cell(model, link=card)]
    filters = {"modality": modality or "none"} | searched(model, *(paper.key for paper in one.papers))
    return Line([network_cell(facts, model), *texts(modality), *cells, *known], filters)


def no_code(one: NetworkFacts) -> str:
    """What is said where no code of the authors is known."""
    return "none known" if one.papers else DASH


def weights_words(one: NetworkFacts) -> str:
    """How many files of weights the authors offer, and under which terms."""
    if not one.weights:
        return "none known" if one.papers else DASH
    return f"{many(len(one.weights), 'file')}, licence {one.weights_terms or UNKNOWN}"
