"""A private, writable virtual environment on top of a shared one, made in milliseconds without copying a package.

Used if no overlay file system is available: installed packages go to the private one, which is first on the path; the shared one's
are visible through a .pth file, and pip does not touch them ("outside environment").
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_SCRIPT_BYTES = 1 << 16


@dataclass(frozen=True)
class Places:
    """`shared` and `own`: the current paths of the two environments; `shared_at` and `own_at`: their paths for the job."""

    shared: Path
    own: Path
    shared_at: Path
    own_at: Path


def make_private_environment(places: Places) -> None:
    """Fills `places.own`, unless already done, so that it shows all of the shared one's packages and scripts."""
    if places.own.exists():
        return
    packages = next(places.shared.glob("lib/python3*/site-packages")).relative_to(places.shared)
    (places.own / packages).mkdir(parents=True)
    shutil.copy(places.shared / "pyvenv.cfg", places.own / "pyvenv.cfg")
    seen = str(places.shared_at / packages)
    (places.own / packages / "_sagewright_shared.pth").write_text(f"import site; site.addsitedir({seen!r})\n")
    (places.own / "bin").mkdir()
    for script in (places.shared / "bin").iterdir():
        _copy_script(script, places)


def _copy_script(script: Path, places: Places) -> None:
    copy = places.own / "bin" / script.name
    if script.is_symlink():
        copy.symlink_to(script.readlink())
    elif script.is_file() and script.stat().st_size < _SCRIPT_BYTES and (text := script.read_bytes()).startswith(b"#!"):
        copy.write_bytes(text.replace(str(places.shared).encode(), str(places.own_at).encode(), 1))
        copy.chmod(0o755)
    else:
        copy.symlink_to(places.shared_at / "bin" / script.name)
