"""TLS for clients beyond this machine: a separate process at the public port, in front of the server's.

`certificates` makes a certificate authority and a certificate, `door` is the process, `doorkeeper` keeps it running. Imports the
model, and the names of its connections from `http`.
"""
