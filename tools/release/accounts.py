"""Accounts that install the wheel: root, an ordinary user, and one whose home directory is read-only."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

UID = 47_001
"""An id without an entry in /etc/passwd: nothing may depend on one."""
_PASSED = ("PIP_", "SSL_CERT", "REQUESTS_CA", "UV_INDEX", "UV_DEFAULT_INDEX", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Beginnings of variables that say where packages are."""


class Account(StrEnum):
    """Kinds of users."""

    ROOT = "root"
    USER = "ordinary user"
    READ_ONLY = "ordinary user, read-only home"


@dataclass(frozen=True)
class Person:
    """One user. `home`: their home directory; `work`: a directory that they may write to."""

    account: Account
    home: Path
    work: Path

    @classmethod
    def created(cls, account: Account, folder: Path) -> Person:
        """Returns a user whose directories are empty."""
        person = cls(account, folder / "home", folder / "work")
        for place in (person.home, person.work):
            place.mkdir(parents=True)
            if account is not Account.ROOT and os.geteuid() == 0:
                os.chown(place, UID, UID)
        return person

    def run(self, line: str, environ: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Runs a line of a shell in `work`. Raises subprocess.TimeoutExpired."""
        found = {name: value for name, value in os.environ.items() if name.upper().startswith(_PASSED)}
        found |= {"HOME": str(self.home), "LANG": "C.UTF-8", "COLUMNS": "100", **environ}
        words = [*self._prefix(), "bash", "-c", line]
        return subprocess.run(
            words,
            cwd=self.work,
            env=found,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout_s,
        )

    def shown(self, text: str) -> str:
        """Returns a text as it would read in a session of a user's own."""
        return text.replace(str(self.home), "~").replace(str(self.work), "~/work")

    def _prefix(self) -> list[str]:
        """Returns the command that changes to the user. Its mount namespace has the read-only home alone."""
        if self.account is Account.ROOT or os.geteuid() != 0:
            return []
        become = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        if self.account is Account.USER:
            return become
        home = shlex.quote(str(self.home))
        mounts = f"mount --bind {home} {home} && mount -o remount,bind,ro {home} && exec"
        return ["unshare", "--mount", "bash", "-c", f'{mounts} {shlex.join(become)} "$@"', "bash"]


def no_account_reason(account: Account) -> str:
    """Returns why this machine cannot run as such a user, "" if it can."""
    if account is Account.ROOT:
        return "" if os.geteuid() == 0 else "this is not run by root"
    if os.geteuid() != 0:
        return "" if account is Account.USER else "only root can mount a read-only home"
    missing = [name for name in ("setpriv", "unshare", "mount") if shutil.which(name) is None]
    return f"{missing[0]} is not installed" if missing else ""
