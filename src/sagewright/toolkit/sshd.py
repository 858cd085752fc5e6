"""Replaces OpenSSH's server for the MPI driver of SDK v3: `sshd -D` in a job. A sandboxed process can't change its user, as
OpenSSH's does at each login; this one does not need to.

It admits clients with the job's key, and runs their commands as its own user. Every host derives the same key pair from a secret of
the job's hosts. Needs paramiko, as the driver does.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sagewright.toolkit.remote import secret_of

PORT = 22
KEY = Path("~/.ssh/id_ed25519")
_CONFIG = "Host algo-*\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"


def write_key(seed: bytes) -> paramiko.Ed25519Key:
    """Writes the job's key where clients look for it."""
    made = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"ssh" + seed).digest())
    text = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    place = KEY.expanduser()
    place.parent.mkdir(mode=0o700, exist_ok=True)
    partial = place.with_suffix(f".{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_bytes(text)
    partial.rename(place)
    (place.parent / "config").write_text(_CONFIG)
    return paramiko.Ed25519Key(filename=str(place))


class _Session(paramiko.ServerInterface):  # type: ignore[misc]
    def __init__(self, key: paramiko.Ed25519Key) -> None:
        self._key = key

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's interface
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002 - paramiko's interface
        same = key.asbytes() == self._key.asbytes()
        return int(paramiko.AUTH_SUCCESSFUL if same else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's interface
        return int(paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        threading.Thread(target=_run, args=(channel, command.decode()), daemon=True).start()
        return True


def _run(channel: Any, command: str) -> None:
    """Runs one command, and sends its output and exit status to the client."""
    pipe = subprocess.PIPE
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        copies = [
            threading.Thread(target=_copy, args=(source, send))
            for source, send in ((process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr))
        ]
        for copy in copies:
            copy.start()
        for copy in copies:
            copy.join()
        code = process.wait()
    channel.send_exit_status(128 - code if code < 0 else code)
    channel.close()


def _copy(source: Any, send: Any) -> None:
    while part := source.read1(1 << 16):
        try:
            send(part)
        except OSError:  # the client has disconnected; the command must not block on a full pipe
            continue


def serve(listener: socket.socket, key: paramiko.Ed25519Key) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_greet, args=(connection, key), daemon=True).start()


def _greet(connection: socket.socket, key: paramiko.Ed25519Key) -> None:
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    try:
        transport.start_server(server=_Session(key))
    except (paramiko.SSHException, EOFError):
        transport.close()


def main() -> None:
    address = socket.gethostbyname(socket.gethostname())
    try:
        listener = socket.create_server((address, PORT), backlog=64)
    except OSError as error:
        sys.exit(f"sshd: port {PORT} of {address} cannot be had: {error}. The hosts need a network of their own.")
    serve(listener, write_key(secret_of(os.environ)))


if __name__ == "__main__":
    main()
