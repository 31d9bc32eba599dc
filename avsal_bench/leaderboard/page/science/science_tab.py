"""What the tab of the science of published scores shows, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avsal_bench.leaderboard.disagreements import shared_scores
from avsal_bench.leaderboard.page.board import Board
from avsal_bench.leaderboard.page.science import measured_figures, shared_figures, sound_figures
from avsal_bench.leaderboard.page.science.measured_pages import measured
from avsal_bench.leaderboard.page.science.sound_facts import printed_gains, recorded_losses, trained_pairs


def science(board: Board) -> Mapping[str, Any]:
    """Figures, numbers and commands of the tab; a figure that has nothing to show is ""."""
    facts, found = board.facts, measured()
    shared = shared_scores(board.lines)
    apart = [one for one in shared if not one.agrees]
    trained, printed, lost = trained_pairs(), printed_gains(board.lines), recorded_losses(board.losses)
    gains = [gain for one in printed for gain in one.gains.values()]
    first, *_, samples = found.forms
    protocols = [name for name in found.protocols if " " not in name]
    moved = {m: max(abs(found.protocols[name][m]) for name in protocols) for m in ("CC", "NSS", "sAUC")}
    return {
        "shared": len(shared),
        "apart": len(apart),
        "widest": max(map(shared_figures.relative, apart), default=0.0),
        "methods": shared_figures.groups(shared, facts),
        "squares": shared_figures.squares(shared, facts) if shared else "",
        "spreads": shared_figures.spreads(shared, facts) if apart else "",
        "forms": found.forms,
        "grid_share": first.grid,
        "sample_share": samples.grid,
        "cutting": measured_figures.cutting(found),
        "form_moves": measured_figures.form_moves(found.drawn, facts),
        "changed": found.changed,
        "columns": len(found.moves),
        "protocol_moves": measured_figures.protocol_moves(found),
        "moved": moved,
        "base": found.base,
        "trained": sound_figures.trained_figure(trained, facts) if trained else "",
        "hears": [facts.network(one.label).called for one in trained if one.gain > 0.02],
        "not_heard": [facts.network(one.label).called for one in trained if one.gain <= 0.02],
        "printed": sound_figures.printed_figure(printed, facts) if printed else "",
        "gains": len(gains),
        "below": sum(gain <= 0 for gain in gains),
        "lost": sound_figures.lost_figure(lost, facts) if lost else "",
        "commands": found.commands,
    }
