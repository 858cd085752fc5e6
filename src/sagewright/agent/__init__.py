"""One detached process a host: channels in, the user's process, logs and metrics out, artefacts to S3.

DESIGN.md, "The agent's contract", says what it reads and reports. It imports nothing of the server's state.
"""
