"""One detached process a host: channels in, the user's process, logs and metrics out, artefacts to S3.

docs/explanation/agent-contract.md, says what it reads and reports. It imports nothing of the server's state.
"""
