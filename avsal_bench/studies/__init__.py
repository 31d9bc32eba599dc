"""On top of the runner: ablations, hearing, the ideal switch, pseudo maps, retention maps, protocols side by side."""
