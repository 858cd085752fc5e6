"""The job's own process: environment variables, network, memory, shared directories, disk limits, gangs of hosts.

Imports the agent's root, and `reports` for log lines.
"""
