"""Reports to the server: log lines, metrics, and the spool that keeps them while the server is away.

Imports the agent's root, and no other package of the agent.
"""
