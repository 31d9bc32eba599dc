"""What a training saw: told in records, and asked of a plan before anything is trained."""
