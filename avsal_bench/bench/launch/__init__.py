"""Where jobs run and what becomes of them: this machine or SLURM, state files, locks."""
