"""The rendezvous of a job's hosts before any framework runs: each host sends a message to the first host, and all receive one
answer.

The first host listens at its own address on the first free port of `PORTS` and greets each connection with the job's name. The
others try these ports in turn until one sends that greeting within `GREETING_S`. Messages are one JSON line each.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sagewright.algorithms.errors import PlatformError

PORTS = range(9099, 9119)
RETRY_S = 0.1
GREETING_S = 2.0
LINE_BYTES = 1 << 20
BYTES_A_SECOND = 10 << 20
"""The lowest speed of a host that sends a message."""


class Limits(NamedTuple):
    """The time until all hosts have joined, and the size of a message."""

    timeout_s: float = 3600.0
    line_bytes: int = LINE_BYTES


DEFAULT_LIMITS = Limits()
Answer = Callable[[Mapping[str, Any]], Any]
"""Makes the answer for all hosts from each host's message."""


def gather(
    job: str, hosts: tuple[str, ...], current: str, said: Any, answer: Answer, limits: Limits = DEFAULT_LIMITS
) -> Any:
    """Blocks until every host has joined. `answer` runs on `hosts[0]` only. Raises PlatformError on a time-out."""
    deadline = time.monotonic() + limits.timeout_s
    if current == hosts[0]:
        return _lead(job, hosts, (said, answer), deadline, limits.line_bytes)
    return _join(job, hosts[0], (current, said), deadline, limits.line_bytes)


def address(host: str, deadline: float) -> str:
    """The IPv4 address of a host's name, which may take time to resolve. Raises PlatformError after the deadline."""
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline:
                raise PlatformError(f"host name {host} can't be resolved", caused_by=error) from error
            time.sleep(RETRY_S)


def _lead(job: str, hosts: tuple[str, ...], own: tuple[Any, Answer], deadline: float, line_bytes: int) -> Any:
    said, answer = own
    messages, peers = {hosts[0]: said}, {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(address(hosts[0], deadline)))
        while len(messages) < len(hosts):
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                peer, _ = server.accept()
            except TimeoutError:
                missing = ", ".join(host for host in hosts if host not in messages)
                raise PlatformError(f"these hosts did not join in time: {missing}") from None
            stack.callback(peer.close)
            message = _greet(peer, job, line_bytes)
            if message is None or message.get("job") != job or message.get("host") not in hosts:
                peer.close()
                continue
            messages[message["host"]], peers[message["host"]] = message["said"], peer
        result = answer({host: messages[host] for host in hosts})
        for peer in peers.values():
            _send(peer, {"job": job, "answer": result})
    return result


def _listen(own: str) -> socket.socket:
    for port in PORTS:
        try:
            return socket.create_server((own, port))
        except OSError:
            logging.info("Port %d of %s is in use.", port, own)
    raise PlatformError(f"no port from {PORTS.start} to {PORTS.stop - 1} is free on {own}")


def _join(job: str, leader: str, own: tuple[str, Any], deadline: float, line_bytes: int) -> Any:
    current, said = own
    target = address(leader, deadline)
    while time.monotonic() < deadline:
        for port in PORTS:
            with contextlib.suppress(OSError), socket.create_connection((target, port), timeout=5) as peer:
                greeting = _receive(peer, time.monotonic() + GREETING_S)
                if greeting is None or greeting.get("job") != job:
                    continue
                _send(peer, {"job": job, "host": current, "said": said})
                message = _receive(peer, deadline, line_bytes)
                if message is not None and message.get("job") == job:
                    return message["answer"]
        time.sleep(RETRY_S)
    raise PlatformError(f"host {leader} did not answer in time")


def _greet(peer: socket.socket, job: str, line_bytes: int) -> dict[str, Any] | None:
    """The peer's reply to a greeting; None if the peer isn't a host of this job."""
    try:
        _send(peer, {"job": job})
    except OSError:
        return None
    return _receive(peer, time.monotonic() + GREETING_S + line_bytes / BYTES_A_SECOND, line_bytes)


def _send(peer: socket.socket, message: Mapping[str, Any]) -> None:
    peer.sendall(json.dumps(message).encode() + b"\n")


def _receive(peer: socket.socket, deadline: float, line_bytes: int = LINE_BYTES) -> dict[str, Any] | None:
    """One message; None if the peer closed the connection, timed out or speaks another protocol."""
    peer.settimeout(max(deadline - time.monotonic(), 0.01))
    try:
        with peer.makefile("rb") as stream:
            message = json.loads(stream.readline(line_bytes))
    except (OSError, ValueError):
        return None
    return message if isinstance(message, dict) else None
