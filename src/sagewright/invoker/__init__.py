"""The process that carries out asynchronous invocations, and the server's client of it.

It reads what containers answer, so that the server doesn't; it imports the client of containers and S3's, nothing of the server.
"""
