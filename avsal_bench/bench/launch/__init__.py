"""Where jobs run and what becomes of them: this machine or SLURM, the process of one job, state files."""
