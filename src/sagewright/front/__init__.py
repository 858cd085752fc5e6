"""The data plane: a separate process that answers InvokeEndpoint, and shares no thread, lock or store with it.

The server sends it routes and keys, and it sends the server its counts, over one pair of sockets (`link`).
"""
