"""Files of a model of the catalogue: its manifest, the scripts and their requirements, and the archive that a job unpacks."""

from __future__ import annotations

import functools
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from sagewright.jumpstart.entries import CatalogueEntry

MANIFEST = "sagewright-model.json"
_PACKAGE = "sagewright_jumpstart"
_DISTRIBUTION = "sagewright-jumpstart"
_TRAINING = "from {package}.{family}.training import main\n\nif __name__ == '__main__':\n    main()\n"
_SERVING = "from {package}.{family}.serving import input_fn, model_fn, output_fn, predict_fn\n"


def model_files(entry: CatalogueEntry) -> Mapping[str, bytes]:
    """Returns the model's files by path: its manifest, and the code that serves it. Packaged weights are not among them: the
    requirements of the code name the package."""
    document = {
        "id": entry.id,
        "version": entry.version,
        "task": entry.task,
        "settings": dict(entry.settings),
        "weights": (
            {"module": entry.weights.module, "folder": entry.weights.folder, "files": dict(entry.weights.files)}
            if entry.weights
            else None
        ),
        "hyperparameters": [asdict(each) for each in entry.training.hyperparameters] if entry.training else [],
    }
    code = {f"code/{path}": body for path, body in _scripts(entry, "inference.py", _SERVING).items()}
    return {MANIFEST: json.dumps(document, indent=2).encode(), **code}


def training_archive(entry: CatalogueEntry) -> bytes:
    """Returns the `sourcedir.tar.gz` with `transfer_learning.py`; the same bytes for the same release."""
    return _packed(_scripts(entry, "transfer_learning.py", _TRAINING))


def serving_archive(entry: CatalogueEntry) -> bytes:
    """Returns the `sourcedir.tar.gz` with `inference.py`."""
    return _packed(_scripts(entry, "inference.py", _SERVING))


def _packed(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path, body in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(body), 0o644
            archive.addfile(member, io.BytesIO(body))
    return made.getvalue()


def _scripts(entry: CatalogueEntry, program: str, text: str) -> dict[str, bytes]:
    files = {
        path: body
        for path, body in _sources().items()
        if path.count("/") == 1 or path.startswith(f"{_PACKAGE}/{entry.scripts}/")
    }
    files[program] = text.format(package=_PACKAGE, family=entry.scripts).encode()
    lines = (*entry.requirements, *((entry.weights.line,) if entry.weights else ()))
    if lines:
        files["requirements.txt"] = "".join(f"{line}\n" for line in lines).encode()
    return files


@functools.cache
def _sources() -> Mapping[str, bytes]:
    """Returns the modules of the scripts' package by path."""
    root = _source_folder()
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _modules(root / _PACKAGE)}


def _modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def _source_folder() -> Path:
    """Returns the folder of the package: in the wheel, or in a checkout."""
    package = Path(str(resources.files("sagewright")))
    carried = package / "packages" / _DISTRIBUTION
    return carried if carried.is_dir() else package.parents[1] / "packages" / _DISTRIBUTION / "src"
