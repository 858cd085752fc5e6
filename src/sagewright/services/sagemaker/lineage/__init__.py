"""Artifacts, actions, contexts and associations, lineage derived from jobs and models, and queries over them.

Imports `resources`, `search`, `registry`, `hosting` and `experiments`.
"""
