"""Git repositories, cloned into the home before the program starts; one that is there already stays as it is.

Source: AWS's developer guide, "Git repositories with SageMaker AI notebook instances".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sagewright.toolkit.apps.errors import SetupFailed

CLONE_S = 180
PROTOCOLS = "https"
_MOST_SAID = 500
_USER = re.compile(r"(https?://)[^\s/]+@")
"""Beginning of a URL with a user's name and token, which no log may have."""


def clone(repositories: list[dict[str, str]], home: Path) -> None:
    """Clones each `url`, at its `branch` if it names one. Raises SetupFailed."""
    if repositories and shutil.which("git") is None:
        raise SetupFailed("Git is not installed on this machine, so that no code repository can be cloned.")
    for one in repositories:
        place = home / folder_of(one["url"])
        if not place.exists():
            _clone(one["url"], one.get("branch", ""), place)


def folder_of(url: str) -> str:
    """Returns the name of the folder that a clone of the URL gets."""
    last = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return re.sub(r"[^\w.-]", "-", last).lstrip(".-") or "repository"


def _clone(url: str, branch: str, place: Path) -> None:
    chosen = ["--branch", branch] if branch else []
    command = ["git", "clone", "--quiet", *chosen, "--", url, str(place)]
    environ = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "GIT_ALLOW_PROTOCOL": PROTOCOLS}
    shown = _USER.sub(r"\1", url)
    print(f"Cloning {shown} into {place.name}.", flush=True)
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=CLONE_S, check=False
        )
    except subprocess.TimeoutExpired:
        shutil.rmtree(place, ignore_errors=True)
        raise SetupFailed(f"The code repository {shown} was not cloned within {CLONE_S} s.") from None
    if done.returncode:
        shutil.rmtree(place, ignore_errors=True)
        said = _USER.sub(r"\1", done.stderr.decode(errors="replace")).strip()[-_MOST_SAID:]
        raise SetupFailed(f"The code repository {shown} can't be cloned (git's exit code {done.returncode}): {said}")
