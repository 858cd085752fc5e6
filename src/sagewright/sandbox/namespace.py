"""Unnamed network namespaces: they exist as long as a process or a descriptor does, so none is ever left behind."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


class NetworkFailed(RuntimeError):
    """A namespace or something in it could not be created; the message is the system's."""


@dataclass(frozen=True)
class Namespace:
    """`net` and `user` are open descriptors of this process; without `user` the namespace belongs to the machine's root."""

    net: int
    user: int | None = None

    def enter(self) -> list[str]:
        """Returns a command prefix that runs the rest in this namespace, while this process lives."""
        return enter_command(os.getpid(), self.net, self.user)

    def run(self, argv: list[str], text: str = "", descriptors: tuple[int, ...] = ()) -> None:
        """Runs a command inside with `text` as its input; it inherits `descriptors`. Raises NetworkFailed."""
        done = subprocess.run(
            [*self.enter(), *argv], input=text, capture_output=True, text=True, check=False, pass_fds=descriptors
        )
        if done.returncode != 0:
            raise NetworkFailed(f"{argv[0]}: {done.stderr.strip() or done.returncode}")

    def close(self) -> None:
        for descriptor in (self.net, self.user):
            if descriptor is not None:
                os.close(descriptor)


@dataclass(frozen=True)
class MountNamespace:
    """Descriptors of this process: a mount namespace, and the user namespace that it belongs to unless we are root."""

    namespace: int
    user: int | None

    @property
    def enter(self) -> list[str]:
        """Returns a command prefix that runs the rest there, as the agent's user."""
        own = f"/proc/{os.getpid()}/fd"
        users = [] if self.user is None else [f"--user={own}/{self.user}", "--preserve-credentials"]
        return ["nsenter", *users, f"--mount={own}/{self.namespace}", "--"]


def enter_command(pid: int, net: int, user: int | None) -> list[str]:
    """Returns the same as Namespace.enter, through descriptors of the process `pid`."""
    owner = [] if user is None else [f"--user=/proc/{pid}/fd/{user}", "--preserve-credentials"]
    return ["nsenter", *owner, f"--net=/proc/{pid}/fd/{net}", "--"]


def new_namespace(within: Namespace | None = None) -> Namespace:
    """Makes a network namespace, `within` another's user namespace, or in a new one unless we are root.

    Raises NetworkFailed.
    """
    own_user = within is None and os.geteuid() != 0
    argv = [
        *(within.enter() if within else []),
        "unshare", *(["--user", "--map-root-user"] if own_user else []), "--net", "sh", "-c", "echo made; read line",
    ]  # fmt: skip
    pipe = subprocess.PIPE
    try:
        holder = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise NetworkFailed(str(error)) from error
    with holder:
        assert holder.stdin and holder.stdout and holder.stderr
        if holder.stdout.readline() != b"made\n":
            raise NetworkFailed(holder.stderr.read().decode(errors="replace").strip())
        try:
            net = _descriptor(holder.pid, "net")
            user = _descriptor(holder.pid, "user") if own_user or (within and within.user is not None) else None
        finally:
            holder.stdin.close()
    return Namespace(net, user)


def _descriptor(pid: int, kind: str) -> int:
    return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
