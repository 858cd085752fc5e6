"""Carries out the operators: a module an operator, in folders by what they work on. Imports only `types`, `errors` and polars,
so that an exported program can carry the source of those that it uses.

`step` has the shapes and the registry; `places` and `table` find the module of an operator.
"""
