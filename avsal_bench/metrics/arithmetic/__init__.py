"""What the metrics compute with: ranges and sums of maps, counts of pixels, areas under curves."""
