"""What networks do while they are traced for a file that others run."""
