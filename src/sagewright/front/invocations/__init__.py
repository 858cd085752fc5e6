"""Invocations: routes, the choice of variant and instance, dispatch, shadow copies, capture and counts.

Imports the faults of `front`, and nothing of `link`.
"""
