"""The plug point for the isolation of a host's process."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from sagewright.sandbox.namespace import MountNamespace

CAPABILITIES = {
    "own_ml_root": "the process finds its files at /opt/ml",
    "own_tmp": "/tmp is its own and ends with it",  # noqa: S108 - words, not a path
    "own_pids": "it sees no other process, and none of its own outlives it",
    "hosts_file": "the names algo-1 … algo-N lead to the job's hosts",
    "own_ports": "it can have a network to itself, so that every port is free",
    "joins_network": "it runs in the network that it is started in, which may be one of the job's own",
    "shared_memory": "the hosts of a job on one machine can have memory in common",
    "no_network": "it can be cut off from every network",
    "read_only_system": "it cannot write outside its own directories",
    "unprivileged": "root inside is not root outside",
    "any_user": "its processes can act as any user, so that tar, apt and pip set owners",
    "hidden_home": "it cannot read the user's home or the server's data",
    "writable_environment": "pip install works and changes nothing for other jobs",
    "layers": "packages can be laid over the environment without a copy",
    "stand_in_programs": "programs of ours can stand where the system's would, in /usr/sbin",
    "shared_views": "files of the machine can be shown to it without a copy, and it cannot change them",
    "private_views": "files can be shown to it without a copy, and its changes to them stay private",
}
MEMORY_VARIABLE = "SAGEWRIGHT_SHARED_MEMORY"
"""Names the file of the memory that a job's hosts share."""


@dataclass(frozen=True)
class Support:
    """Support for a capability; `reason` says why not, or how."""

    given: bool
    reason: str


class Unavailable(RuntimeError):
    """A sandbox cannot be used on this machine; the message says why and what to do."""


class CannotLaunch(RuntimeError):
    """The launch is not possible, through the request's fault; the message may be shown to the user."""


@dataclass(frozen=True)
class ImageRegistry:
    """The server's own image registry. `address`: host:port, as in an image's name."""

    address: str
    user: str
    password: str

    def basic(self) -> str:
        """Returns the value of an Authorization header."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class OwnImage:
    """The image of a process that brings its own file system. `entrypoint`: overrides the image's, unless it is empty; `cache`:
    directory for facts about images; `say`: writes a message to the job's status; `hint`: a sentence for the case that the image
    does not exist.

    `cpus`, `memory_gb` (GiB) and `gpus` (numbers of the machine's GPUs) are its limits; 0 CPUs or memory: no limit.
    """

    uri: str
    cache: Path
    entrypoint: list[str] = field(default_factory=list)
    registry: ImageRegistry | None = None
    cpus: int = 0
    memory_gb: float = 0
    gpus: list[int] = field(default_factory=list)
    say: Callable[[str], None] = lambda _message: None
    hint: str = ""


@dataclass(frozen=True)
class View:
    """A directory `source` of the machine that the process finds at `place`, relative to its ML root or, with own_ml_root,
    absolute.

    access: *read* is read-only (needs shared_views); *private* can be changed, while `source` stays unchanged (needs
    private_views); *write* is the directory itself. A relative `place` exists in HOST_DIRECTORY/ml, as an empty directory. beneath:
    the directory's path in `source`, if others may write there: it is resolved through no link, at mount time.
    """

    source: Path
    place: str
    access: Literal["read", "private", "write"]
    beneath: str = ""


@dataclass(frozen=True)
class SecondEnvironment:
    """An additional virtual environment for the process, which finds it at `place`; `layers` as those of a Launch. `place` is
    its own path unless the sandbox gives layers."""

    path: Path
    place: Path
    layers: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Launch:
    """The parameters of a launch.

    directory: HOST_DIRECTORY, with `ml/` and `tmp/`; environ: the process's whole environment except for what the sandbox adds
    (paths); library: staged directory that contains the `sagewright` package for use inside; environment: the virtual environment
    it runs in, Path() if the image is all of it; readable: further paths that must be visible at the same place, read-only; views:
    directories to show below the ML root; image: the image that a container sandbox runs; programs: a directory whose programs
    appear in /usr/sbin (needs stand_in_programs); beside: further environments, each with its layers; layers:
    directories whose files appear in the environment, over its own (needs
    layers); mounts: the mount namespace in which these directories are looked up, None: the agent's; memory: the descriptor of
    memory that the job's hosts share; MEMORY_VARIABLE gives the process its path (needs shared_memory); network_namespace: the path
    of the one that a container joins, "" for the machine's.
    """

    argv: list[str]
    directory: Path
    environ: Mapping[str, str]
    host: str
    addresses: Mapping[str, str]
    library: Path
    environment: Path
    network: bool = True
    readable: list[Path] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    image: OwnImage | None = None
    memory: int | None = None
    network_namespace: str = ""
    programs: Path | None = None
    layers: list[Path] = field(default_factory=list)
    beside: list[SecondEnvironment] = field(default_factory=list)
    mounts: MountNamespace | None = None


@dataclass(frozen=True)
class Command:
    """The command that the agent executes: `argv` with exactly `environ`, in `cwd`. Where the sandbox is a boundary, `environ` is
    its launcher's, and contains nothing of the request.

    `status_fd_option`, if set, is an option after argv[0] that takes a file descriptor; the sandbox writes JSON documents to it:
    one with `child-pid` (the first process inside), and one with `exit-code` if the process was really started. `wrapper`: a
    program and its arguments that becomes `argv`, whose words follow. `descriptors` of this process are inherited; they are valid
    until the sandbox is closed.
    """

    argv: list[str]
    environ: dict[str, str]
    cwd: Path
    status_fd_option: str | None = None
    wrapper: list[str] = field(default_factory=list)
    descriptors: tuple[int, ...] = ()


class Sandbox(Protocol):
    """Turns a Launch into a command. Guarantees: the command's exit code is the process's (128 + n for signal n), its standard
    output and error are the process's own; missing capabilities are declared, and checked before a start."""

    name: str

    def declare(self) -> dict[str, Support]:
        """Returns support for every name of CAPABILITIES. Cheap; probes once."""
        ...

    def ml_root(self, directory: Path) -> Path:
        """Returns the path at which the process finds HOST_DIRECTORY/ml."""
        ...

    def command(self, launch: Launch) -> Command:
        """Returns the command for `launch`. Prepares what it needs in HOST_DIRECTORY; starts nothing. Raises CannotLaunch."""
        ...

    def close(self, directory: Path) -> None:
        """Cleans up in HOST_DIRECTORY after the process has ended, so that its owner can delete it."""
        ...


def check_words(launch: Launch) -> None:
    """Raises CannotLaunch for values that no process can have among its arguments or in its environment."""
    for word in (*launch.argv, *launch.environ, *launch.environ.values()):
        if "\0" in word:
            raise CannotLaunch("A NUL character cannot be part of a process's arguments or of its environment.")
        try:
            os.fsencode(word)
        except UnicodeEncodeError as error:
            raise CannotLaunch(
                f"{word[:80]!r} cannot be an argument or a variable of a process: {error.reason}."
            ) from error


def missing(sandbox: Sandbox, needed: Mapping[str, str]) -> list[str]:
    """Returns a sentence for each capability of `needed` (name -> what needs it) that the sandbox lacks."""
    declared = sandbox.declare()
    return [
        f"{cause} needs a sandbox where {CAPABILITIES[name]}, but {sandbox.name} cannot give that: {declared[name].reason}"
        for name, cause in needed.items()
        if not declared[name].given
    ]
