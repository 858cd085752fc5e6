"""Artifacts, actions, contexts and associations, those that follow from jobs and models, and queries over them.

Imports `resources`, `search`, `registry`, `hosting` and `experiments`.
"""
