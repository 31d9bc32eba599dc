"""What is known of a plan before its first job: what it asks of each model, and whether all files are there."""
