"""Processes that are started in a sandbox before its job is known: the toolkit itself (`ready`), the process of its script
(`twin`), and one for any other program (`waiting`). They import as little as possible.
"""
