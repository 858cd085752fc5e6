"""Authentication of requests: signatures of versions 2 and 4, and signed bodies.

Imports the errors of `wire`.
"""
