"""The agent: one detached process per host. Brings channels in, runs the user's process, sends logs and metrics, uploads artefacts
to S3.

docs/explanation/agent-contract.md describes what it reads and reports. It imports none of the server's state.
"""
