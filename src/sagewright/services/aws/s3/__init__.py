"""S3's operations on the embedded object store."""
