"""What a client may ask of the HTTP server itself, before anybody knows who it is."""

from __future__ import annotations

from dataclasses import dataclass, field

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class BodyPace:
    """How slowly a body may come: silence of at most `idle_s`, and on average `bytes_per_s` once `grace_s` are over."""

    idle_s: float = 60.0
    grace_s: float = 60.0
    bytes_per_s: float = 512.0

    def due(self, waited_s: float, got: int) -> float:
        """Seconds from now until a body that was waited for so long, and brought `got` bytes, is late. At most `idle_s`."""
        return min(self.idle_s, self.grace_s + got / self.bytes_per_s - waited_s)


@dataclass(frozen=True)
class ConnectionLimits:
    """A connection is `proven` once a request on it was authenticated; strangers' connections make room for new ones.

    Sizes are in bytes. `head` is the request line with all header fields.
    """

    head: int = 64 * KIB
    fields: int = 256
    head_s: float = 15.0
    """From the connection, or from the first byte of a head, to its last."""

    idle_s: float = 75.0
    """Between two requests on a proven connection."""

    pipelined: int = 32
    connections: int = 4096
    per_address: int = 2048
    unproven: int = 1024
    unproven_bytes: int = 64 * MIB
    """What all unproven connections together may have sent of requests that are not answered yet."""

    overflow: int = 128
    """Connections beyond the limit that are still told so; further ones are closed at once."""

    linger: int = 8 * MIB
    linger_s: float = 3.0
    """How much of a body is passed over, and for how long, after the request was refused without reading it."""

    stall_s: float = 120.0
    """How long a receiver may take nothing of its answer."""

    pace: BodyPace = field(default_factory=BodyPace)
    stranger_pace: BodyPace = field(default_factory=lambda: BodyPace(20.0, 20.0, 4096.0))
    """For bodies that are read before it is known who sends them."""
