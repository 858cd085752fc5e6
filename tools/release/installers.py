"""Installers of the wheel: pip, uv and pipx, and the lines that a user types."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from accounts import Account, Person


class Installer(StrEnum):
    """Programs that install the wheel."""

    PIP = "pip"
    UV = "uv tool"
    PIPX = "pipx"


@dataclass(frozen=True)
class Installation:
    """`lines`: what the user types; `environ`: variables of these lines alone; `path`: directory of the command."""

    lines: list[str]
    path: Path
    environ: dict[str, str] = field(default_factory=dict)


def installation(installer: Installer, person: Person, python: str, wheel: str) -> Installation:
    """Returns the installation of the wheel. A read-only home takes the programs' own variables for another directory."""
    moved = person.account is Account.READ_ONLY
    if installer is Installer.PIP:
        lines = [f"{python} -m venv env", f"env/bin/pip install --quiet {wheel}"]
        return Installation(lines, person.work / "env/bin")
    bin_ = person.work / "bin" if moved else person.home / ".local/bin"
    if installer is Installer.UV:
        variables = {
            "UV_TOOL_DIR": str(person.work / "tools"),
            "UV_TOOL_BIN_DIR": str(bin_),
            "UV_CACHE_DIR": str(person.work / "uv"),
        }
        return Installation([f"uv tool install --quiet --python {python} {wheel}"], bin_, variables if moved else {})
    variables = {
        "PIPX_HOME": str(person.work / "pipx"),
        "PIPX_BIN_DIR": str(bin_),
        "UV_CACHE_DIR": str(person.work / "uv"),
        "PIPX_MAN_DIR": str(person.work / "man"),
        "PIPX_COMPLETION_DIR": str(person.work / "completions"),
    }
    return Installation([f"pipx install --quiet --python {python} {wheel}"], bin_, variables if moved else {})


def installer_programs(folder: Path, python: Path) -> Path:
    """Installs uv and pipx for all users; returns the directory of their commands. Raises CalledProcessError."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "uv", "pipx"], check=True, env={**os.environ})
    return folder / "bin"
