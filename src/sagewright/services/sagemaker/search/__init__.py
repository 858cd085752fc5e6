"""Search: its expressions, the properties of each resource, and the index that is kept of them.

Imports `resources`.
"""
