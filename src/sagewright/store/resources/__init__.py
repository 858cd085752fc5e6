"""Rows of resources that are documents: their tags, properties for Search, lineage, trials and their metrics.

Imports `store.jobs`, whose scopes they share, and `store.logs` for metrics.
"""
