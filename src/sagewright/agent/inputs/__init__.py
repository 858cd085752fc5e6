"""Input data: channels, sources, pipes, mounts, code and models, brought into the job's directories.

Imports the agent's root, `process` and `reports`.
"""
