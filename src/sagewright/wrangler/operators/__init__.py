"""Runs the operators: one module per operator, in folders by data type. Imports only `types`, `errors` and polars,
so that an exported program can carry the source of those that it uses.

`step` has the shapes and the registry; `places` and `table` find the module of an operator.
"""
