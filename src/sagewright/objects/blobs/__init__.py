"""Object data on disk: blobs, assembled parts, checksums, small objects, and pending writes.

Imports the store and `model`, and nothing of the objects' root but its errors.
"""
