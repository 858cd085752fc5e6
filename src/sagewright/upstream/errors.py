"""Errors of an exchange with a container. A deadline that passes is a TimeoutError.

ContainerUnreachable    no byte of the request was sent
Broken                  the answer ended early, or is not HTTP
  TooLong               the answer exceeds a limit
  Stale                 the server had closed a persistent connection, most likely before it saw the request
"""

from __future__ import annotations


class ContainerUnreachable(Exception):
    """No byte of the request was sent: it may be sent elsewhere."""


class Broken(Exception):
    """The server closed the connection before its answer was complete, or its answer is not HTTP."""


class TooLong(Broken):
    """The answer exceeds a limit, which the message names."""


class Stale(Broken):
    """A persistent connection was closed before a byte of an answer arrived. Callers with idempotent requests retry."""
