"""The HTTP server of a model, inside its job: of scripts (`toolkit.serving`) and of built-in algorithms alike.

It needs httptools, uses uvloop where it is there, and imports nothing of the server that manages jobs.
"""
