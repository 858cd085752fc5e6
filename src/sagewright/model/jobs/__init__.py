"""Jobs: state machines, agents' briefs, and the files and sockets by which agents are found.

Imports the root of `model`.
"""
