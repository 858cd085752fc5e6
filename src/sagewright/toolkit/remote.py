"""Commands on the job's other hosts, for mpirun: its workers listen, and the first host's mpirun asks them to start its daemons.

It replaces AWS's ssh and sshd: a sandboxed process can't run sshd. Both sides prove that they belong to the job.

`python -m sagewright.toolkit.remote HOST COMMAND…` runs a command on a host and exits with its status.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

PORT = 7778
_FIRST_CONTACT_S = 300.0  # hosts start at different times: environments and channels take time
_STAMP_S = 600.0


def secret_of(environ: Mapping[str, str]) -> bytes:
    """Returns a secret known to all hosts of the job, and to no others if it has credentials."""
    parts = (environ.get("TRAINING_JOB_ARN", ""), environ.get("AWS_SECRET_ACCESS_KEY", ""))
    return hashlib.sha256("\n".join(parts).encode()).digest()


class WorkerHost:
    """Runs the commands of the first host, until that reports the end of its program."""

    def __init__(self, address: str, secret: bytes, cwd: str, environ: dict[str, str], port: int = PORT) -> None:
        self._server = socket.create_server((address, port), backlog=64)
        self._secret = secret
        self._cwd = cwd
        self._environ = environ
        self._ended = threading.Event()

    def serve(self) -> None:
        """Returns when the first host says `done`."""
        self._server.settimeout(0.5)
        while not self._ended.is_set():
            try:
                connection, _ = self._server.accept()
            except socket.timeout:  # noqa: UP041 - another class before Python 3.10
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        self._server.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(None)
            request = _verified(lines.readline(), self._secret)
            if request is None:
                return
            if request.get("done"):
                connection.sendall(b"\0")
                self._ended.set()
                return
            command = str(request["command"])
            done = subprocess.run(["/bin/sh", "-c", command], cwd=self._cwd, env=self._environ, check=False)
            connection.sendall(bytes([done.returncode & 255]))


def run_on(host: str, command: str, secret: bytes, port: int = PORT) -> int:
    """Returns the exit status of `command` on `host`. Raises OSError if the host cannot be reached or closes the connection."""
    return _ask(host, {"command": command}, secret, port)


def say_done(host: str, secret: bytes, port: int = PORT) -> None:
    """Raises OSError."""
    _ask(host, {"done": True}, secret, port)


def _ask(host: str, request: dict[str, Any], secret: bytes, port: int) -> int:
    text = json.dumps({**request, "at": time.time()})
    until = time.monotonic() + _FIRST_CONTACT_S
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=30)
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    with connection:
        connection.settimeout(None)
        connection.sendall(f"{_signature(text, secret)} {text}\n".encode())
        answer = connection.recv(1)
    if not answer:
        raise ConnectionResetError(f"{host} ended the connection")
    return answer[0]


def _signature(text: str, secret: bytes) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _verified(line: bytes, secret: bytes) -> dict[str, Any] | None:
    signature, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
    if not hmac.compare_digest(signature, _signature(text, secret)):
        return None
    request: dict[str, Any] = json.loads(text)
    return request if abs(time.time() - float(request["at"])) < _STAMP_S else None


if __name__ == "__main__":
    sys.exit(run_on(sys.argv[1], " ".join(sys.argv[2:]), secret_of(os.environ)))
