"""One HTTP port for every AWS service: bytes in, an operation called, bytes out."""
