"""Builds sdist and wheel, and tries the wheel as users do: `python tools/release [--all] [--page] [--out FOLDER]`.

Each Python of 3.11 to 3.14 on this machine is tried by root, an ordinary user, and a user whose home directory is read-only; each
of them installs by pip, uv or pipx in turn, and by each of the three with --all. Every session begins with empty caches.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from accounts import UID, Account, Person, no_account_reason
from installers import Installer, installer_programs
from page import write_page
from session import EXAMPLE, Session, record

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = {"postgres": "psycopg", "ray": "ray", "parquet": "pyarrow"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="each installer for each user and Python")
    parser.add_argument("--page", action="store_true", help="write the sessions into docs/how-to/install.md")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of sdist and wheel")
    parser.add_argument("--python", action="append", help="a version, such as 3.11; repeatable; by default all")
    given = parser.parse_args()
    wheel = build(given.out)
    pythons = {version: interpreter(version) for version in given.python or VERSIONS}
    for version in [version for version, python in pythons.items() if python is None]:
        print(f"Python {version}: not tried, it is not on this machine", flush=True)
    sessions, failed = [], False
    with tempfile.TemporaryDirectory(prefix="sagewright-release-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        for version, python in pythons.items():
            if python is not None:
                failed |= not extras_work(folder, python, wheel)
                sessions += tried(folder, version, python, wheel, given.all)
    if given.page:
        write_page(ROOT / "docs/how-to/install.md", sessions, [v for v, python in pythons.items() if python is None])
    return 1 if failed or any(session.failure for session in sessions) else 0


def build(out: Path) -> Path:
    """Builds the sdist, and the wheel from it; returns the wheel. Raises CalledProcessError."""
    shutil.rmtree(out, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "build", "--quiet", "--out-dir", out, ROOT], check=True)
    (wheel,) = out.glob("*.whl")
    for file in sorted(out.glob("sagewright-*")):
        print(f"{file.name}  {file.stat().st_size / 1e6:.1f} MB", flush=True)
    return wheel


def interpreter(version: str) -> Path | None:
    """Returns the newest interpreter of a version, one that every user can run if there is one, None if there is none."""
    folders = [Path("/usr/bin"), Path("/usr/local/bin"), *map(Path, os.get_exec_path())]
    folders += sorted(Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{version}.*/bin"))
    for folder in folders:
        program = folder / f"python{version}"
        if program.exists() and "shims" not in folder.parts:
            answer = subprocess.run([program, "-c", "import ensurepip, venv"], check=False, capture_output=True)
            if answer.returncode == 0:
                return program
    return None


def tried(folder: Path, version: str, python: Path, wheel: Path, every: bool) -> Iterator[Session]:
    """Runs the sessions of one Python, and prints a line about each."""
    programs = installer_programs(folder / f"installers-{version}", python)
    shift = VERSIONS.index(version)
    for at, account in enumerate(Account):
        reason = no_account_reason(account) or unreadable_reason(account, python)
        if reason:
            print(f"{python.name}, {account}: not tried, {reason}", flush=True)
            continue
        installers = list(Installer)
        for installer in installers if every else [installers[(at + shift) % len(installers)]]:
            place = folder / "-".join((version, account.name.lower(), installer.name.lower()))
            session = record(
                Person.created(account, place), installer, python, programs, [wheel, ROOT / "examples" / EXAMPLE]
            )
            verdict = f"FAILED\n{session.failure}" if session.failure else "works"
            print(f"{session.title}: {session.cold_s:.1f} s cold, {session.warm_s:.1f} s warm, {verdict}", flush=True)
            shutil.rmtree(place, ignore_errors=True)
            yield session


def unreadable_reason(account: Account, python: Path) -> str:
    """Returns why the user cannot run an interpreter, "" if they can."""
    if account is Account.ROOT or os.geteuid() != 0:
        return ""
    words = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", str(python), "-c", ""]
    done = subprocess.run(words, check=False, capture_output=True, cwd="/")
    return f"{python} can be run by its owner alone" if done.returncode else ""


def extras_work(folder: Path, python: Path, wheel: Path) -> bool:
    """Installs the wheel with its extras, and imports what each of them is for; prints what failed."""
    place = folder / f"extras-{python.name}"
    uv = Path(sys.executable).parent / "uv"
    code = "; ".join(f"import {module}" for module in EXTRAS.values())
    commands = (
        [uv, "venv", "--quiet", "--python", python, place],
        [uv, "pip", "install", "--quiet", "--python", place / "bin/python", f"{wheel}[{','.join(EXTRAS)}]"],
        [place / "bin/python", "-c", code],
    )
    for words in commands:
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{python.name}, extras: FAILED\n{done.stdout}{done.stderr}", flush=True)
            return False
    shutil.rmtree(place, ignore_errors=True)
    print(f"{python.name}, extras {', '.join(EXTRAS)}: install and import", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
