"""The data side: what lies on the disk, which frames make a clip, and the LightningDataModule that reads them."""
