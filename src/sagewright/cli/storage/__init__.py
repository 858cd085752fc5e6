"""Data: the object store, copies between folders and S3, and Data Wrangler's flows."""
