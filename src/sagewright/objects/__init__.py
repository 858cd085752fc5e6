"""The embedded object store: immutable blobs on disk and their index in the store."""
