"""Rows of log groups, streams, lines, and metrics.

Imports the database of `store`, and no other package of it.
"""
