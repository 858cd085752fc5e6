"""The process that carries out asynchronous invocations, and the server's client of it.

It reads the containers' answers, so that the server does not have to; it imports the clients of containers and of S3, nothing of
the server.
"""
