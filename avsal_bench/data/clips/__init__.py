"""From videos to batches: which clip comes when, what is heard in it, and the LightningDataModules."""
