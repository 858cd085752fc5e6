"""Outputs: archives, checkpoints and mirrored directories, delivered to S3.

Imports the agent's root, `process` and `reports`.
"""
