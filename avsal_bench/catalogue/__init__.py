"""What is known of each network: what it takes, its size and speed, what of it was verified."""
