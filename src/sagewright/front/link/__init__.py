"""The link between front and server: messages, handed-over sockets, and operation without a server.

Imports nothing of the other wings.
"""
