"""A private, writable virtual environment on top of a shared one, made in milliseconds without copying a package.

Where no overlay file system can be had: packages that are installed land in the private one and go first on the path;
the shared one's are seen through a .pth file, and pip leaves them alone ("outside environment").
"""

from __future__ import annotations

import shutil
from pathlib import Path


def private_environment(shared: Path, directory: Path) -> Path:
    """A virtual environment in `directory` that shows all of `shared`'s packages and scripts; the directory."""
    if directory.exists():
        return directory
    packages = next(shared.glob("lib/python3*/site-packages"))
    own = directory / packages.relative_to(shared)
    own.mkdir(parents=True)
    shutil.copy(shared / "pyvenv.cfg", directory / "pyvenv.cfg")
    (own / "_sagewright_shared.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n")
    _copy_scripts(shared / "bin", directory / "bin")
    return directory


def _copy_scripts(source: Path, target: Path) -> None:
    target.mkdir()
    old, new = str(source).encode(), str(target).encode()
    for script in source.iterdir():
        copy = target / script.name
        if script.is_symlink():
            copy.symlink_to(script.readlink())
        elif script.stat().st_size < 1 << 16 and (text := script.read_bytes()).startswith(b"#!"):
            copy.write_bytes(text.replace(old, new, 1))
            copy.chmod(0o755)
        else:
            copy.symlink_to(script)
