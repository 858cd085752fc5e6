"""The choice of a host's sandbox."""

from __future__ import annotations

from pathlib import Path

from sagewright.sandbox.base import Sandbox, Unavailable
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.containers.container import ContainerSandbox
from sagewright.sandbox.plain import PlainSandbox


def choose_sandbox(setting: str, scratch: Path) -> tuple[Sandbox, str]:
    """Returns the sandbox for the setting `auto`, `bwrap` or `plain`, or `container` for an image that needs one, and the reason
    for the choice.

    `scratch`: an existing directory on the file system of the host directories.

    Raises Unavailable if bwrap or a container is required and not available.
    """
    if setting == "container":
        return ContainerSandbox(), "the image has its own file system"
    if setting == "plain":
        return PlainSandbox(), "the server's setting says so"
    try:
        return BwrapSandbox(scratch), "it works on this machine"
    except Unavailable as error:
        if setting == "bwrap":
            raise
        return PlainSandbox(), str(error)


def settled(setting: str, scratch: Path) -> str:
    """Returns the setting for jobs: `auto` becomes bwrap permanently if that works now, so that no job can cause another to run
    without it."""
    if setting != "auto":
        return setting
    try:
        BwrapSandbox(scratch)
    except Unavailable:
        return setting
    return "bwrap"
