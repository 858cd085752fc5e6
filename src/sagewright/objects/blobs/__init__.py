"""Bytes of objects on disk: blobs, parts that are assembled, checksums, small objects, and writes that are still due.

Imports the store and `model`, and nothing of the objects' root but its errors.
"""
