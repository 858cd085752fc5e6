"""Jobs: state machines, what agents are launched with, and the files and sockets by which they are found.

Imports the root of `model`.
"""
