"""The agent: one detached process per host. Brings channels in, runs the user's process, sends logs and metrics, uploads artefacts
to S3.

DESIGN.md, "The agent's contract", describes what it reads and reports. It imports nothing of the server's state.
"""
