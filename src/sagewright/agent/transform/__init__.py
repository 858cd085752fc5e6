"""Batch transform and model servers: requests to the model container and its answers.

Imports the agent's root, `inputs` and `process`.
"""
