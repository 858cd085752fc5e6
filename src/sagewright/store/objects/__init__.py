"""Rows of buckets, objects, uploads and images. The bytes are in the package `sagewright.objects`.

Imports the database of `store`, and no other package of it.
"""
