"""Cells: agents forked ahead of jobs with a sandbox and a warm interpreter, and the layers of jobs' environments.

Imports the agent's root, `inputs` and `process`.
"""
