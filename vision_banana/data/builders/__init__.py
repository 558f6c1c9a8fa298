"""TFDS builders, one file a dataset."""
