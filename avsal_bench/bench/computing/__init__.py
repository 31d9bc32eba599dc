"""How networks compute on this machine: in which precision, in which form, and compiled."""
