"""The HTTP server of a model inside its job, for scripts (`toolkit.serving`) and built-in algorithms.

It requires httptools, uses uvloop if available, and imports nothing of the server that manages jobs.
"""
