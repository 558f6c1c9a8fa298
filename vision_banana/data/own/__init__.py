"""A user's own data: folders, JSONL and parquet as sources of scenes."""
