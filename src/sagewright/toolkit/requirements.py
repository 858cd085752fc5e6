"""The user's requirements.txt: a layer requested from the agent, or packages installed here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sagewright.toolkit.errors import UserScriptError
from sagewright.toolkit.process import run

VARIABLE = "SAGEWRIGHT_REQUIREMENTS"
"""`ask`: the agent can install a requirements.txt and then restart this process; `installed`: it has; otherwise it is installed
here."""
ASK = 93
_FILE = "requirements.txt"


class RequirementsRequested(Exception):
    """The agent was asked to install requirements."""


def ask_for_requirements(root: Path, code: Path) -> None:
    """Raises RequirementsRequested if there are requirements and the agent can install them."""
    requirements = code / _FILE
    if os.environ.get(VARIABLE) == "ask" and requirements.is_file():
        requested = root / ".sagewright"
        requested.mkdir(exist_ok=True)
        (requested / _FILE).write_bytes(requirements.read_bytes())
        raise RequirementsRequested


def install_requirements(code: Path) -> None:
    """Installs the requirements that the agent has not already put into the environment. Raises UserError."""
    if (code / _FILE).is_file() and os.environ.get(VARIABLE) != "installed":
        install(code, ["-r", _FILE], "InstallRequirementsError")


def install(code: Path, wanted: list[str], name: str) -> None:
    """Raises UserError with the name of AWS's toolkit for it."""
    command = [sys.executable, "-m", "pip", "install", *wanted]
    status, tail = run(command, str(code), dict(os.environ))
    if status != 0:
        raise UserScriptError(name, status, tail, command)
