"""The data plane: one process beside the server that answers InvokeEndpoint, and shares no thread, lock or store with it.

The server tells it routes and keys, and it tells the server what it counted, over one pair of sockets (`link`).
"""
