"""The link between front and server: messages, handed-over sockets, and what happens while no server runs.

Imports nothing of the other wings.
"""
