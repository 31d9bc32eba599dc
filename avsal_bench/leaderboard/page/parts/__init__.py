"""What tables of the page are made of: cells, names for people, and words about metrics."""
