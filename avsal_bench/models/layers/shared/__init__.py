"""Time steps of windows, each computed once; ``time_steps`` says how."""
