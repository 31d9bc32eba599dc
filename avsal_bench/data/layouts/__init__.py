"""How data sets lie on the disk: a layout turns a root into videos."""
