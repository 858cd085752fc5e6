"""Limits of the HTTP server for clients that are not authenticated yet."""

from __future__ import annotations

from dataclasses import dataclass, field

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class BodyPace:
    """Minimum pace of a body: pauses of at most `idle_s`, and on average `bytes_per_s` after `grace_s`."""

    idle_s: float = 60.0
    grace_s: float = 60.0
    bytes_per_s: float = 512.0

    def due(self, waited_s: float, got: int) -> float:
        """Returns the seconds until a body with `got` bytes after `waited_s` is late, at most `idle_s`."""
        return min(self.idle_s, self.grace_s + got / self.bytes_per_s - waited_s)


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of connections. One is `proven` once a request on it was authenticated; unproven ones make room for new ones.

    Sizes are in bytes. `head` is the request line with all header fields.
    """

    head: int = 64 * KIB
    fields: int = 256
    head_s: float = 15.0
    """Time from the connection, or from the first byte of a head, to the head's last byte."""

    idle_s: float = 75.0
    """Between two requests on a proven connection."""

    pipelined: int = 32
    connections: int = 4096
    per_address: int = 2048
    unproven: int = 1024
    unproven_bytes: int = 64 * MIB
    """Maximum number of bytes of unanswered requests on all unproven connections together."""

    overflow: int = 128
    """Number of connections beyond the limit that still get an error response; further ones are closed at once."""

    linger: int = 8 * MIB
    linger_s: float = 3.0
    """Limits of bytes and time for discarding a body after its request was refused unread."""

    stall_s: float = 120.0
    """Maximum time that a receiver can accept nothing of its response."""

    pace: BodyPace = field(default_factory=BodyPace)
    stranger_pace: BodyPace = field(default_factory=lambda: BodyPace(20.0, 20.0, 4096.0))
    """Minimum pace of bodies that are read before their sender is authenticated."""
