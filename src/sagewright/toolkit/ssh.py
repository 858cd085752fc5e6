"""Replaces OpenSSH's client for the MPI driver of SDK v3 and the mpirun that it starts: `ssh [options] HOST COMMAND…` runs a
command on another host of the job and exits with its status. Options are ignored, standard input is not sent."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_FAILED = 255


def parse(words: list[str]) -> tuple[str, str]:
    """Returns host and command. Raises ValueError without a host."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if len(option) == 2 and option[1] in _WITH_VALUE and rest:
            rest.pop(0)
    if not rest:
        raise ValueError("usage: ssh [options] HOST COMMAND")
    return rest[0].rpartition("@")[2], " ".join(rest[1:])


def run_on(host: str, command: str) -> int:
    """Returns the command's exit status, and copies its output."""
    import paramiko

    from sagewright.toolkit.remote import secret_of
    from sagewright.toolkit.sshd import PORT, write_key

    key = write_key(secret_of(os.environ))
    transport = paramiko.Transport((host, PORT))
    try:
        transport.connect(hostkey=key, username="root", pkey=key)
        channel = transport.open_session()
        channel.exec_command(command)
        errors = threading.Thread(target=_copy, args=(channel.recv_stderr, 2))
        errors.start()
        _copy(channel.recv, 1)
        errors.join()
        return int(channel.recv_exit_status()) & 255
    finally:
        transport.close()


def _copy(receive: Any, to: int) -> None:
    while part := receive(1 << 16):
        while part:
            part = part[os.write(to, part) :]


def main(words: list[str]) -> int:
    try:
        return run_on(*parse(words))
    except Exception as error:  # ssh has a separate status for its own failures
        print(f"ssh: {error}", file=sys.stderr)
        return _FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
