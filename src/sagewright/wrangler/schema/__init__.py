"""Declarations of the operators: ids, tools, parameters, defaults. Imports only the standard library; Studio's forms read them.

`declaration` has the shapes, `catalogue` finds an operator, and each other module declares a group of them.
"""
