"""Networks that take frames alone, one file each; nothing is imported before it is asked for."""
