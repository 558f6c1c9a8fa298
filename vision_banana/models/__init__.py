"""Networks, one file each, and the folders that hold their weights."""
