"""Cells: agents forked ahead of jobs with a sandbox and a warm interpreter, and the layers that jobs' environments are made of.

Imports the agent's root, `inputs` and `process`.
"""
