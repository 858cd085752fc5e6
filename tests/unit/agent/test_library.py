"""The library of jobs: what is in it, where it comes from, and when it is made anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import sagewright
from sagewright.agent import library
from sagewright.agent.library import preload, staged_library
from sagewright.wrangler import release

PACKAGE = Path(sagewright.__file__).parent


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_known", {})


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"NAME = {name!r}\n")


def _checkout(root: Path) -> Path:
    """A checkout with one distribution for jobs; gives its package."""
    package = root / "src" / "sagewright"
    _write(
        package,
        "__init__.py",
        "toolkit/__init__.py",
        "algorithms/one/__init__.py",
        "door/hook/sitecustomize.py",
        "wire/x.py",
    )
    _write(
        root / "packages" / "sagewright-one",
        "src/theirs/__init__.py",
        "src/theirs/deep/part.py",
        "tests/test_theirs.py",
    )
    return package


def _installed(root: Path) -> Path:
    """The same, as pip installs it."""
    package = _checkout(root)
    (package / "packages").mkdir()
    (root / "packages" / "sagewright-one" / "src").rename(package / "packages" / "sagewright-one")
    return package


STAGED = {
    "sitecustomize.py", "sagewright/__init__.py", "sagewright/toolkit/__init__.py", "sagewright/algorithms/one/__init__.py",
    "theirs/__init__.py", "theirs/deep/part.py",
}  # fmt: skip


@pytest.mark.parametrize("made", [_checkout, _installed], ids=["checkout", "installed"])
def test_it_has_what_jobs_import_and_no_more(tmp_path: Path, made: object) -> None:
    package = made(tmp_path / "source")  # type: ignore[operator]
    found = staged_library(package, tmp_path / "cache")
    files = {path.relative_to(found).as_posix() for path in found.rglob("*.py")}
    assert files == STAGED
    compiled = {path.parent.parent / (path.name.split(".")[0] + ".py") for path in found.rglob("*.pyc")}
    assert {path.relative_to(found).as_posix() for path in compiled} == STAGED


def test_it_is_made_once_for_each_state_of_the_sources(tmp_path: Path) -> None:
    package, cache = _checkout(tmp_path / "source"), tmp_path / "cache"
    first = staged_library(package, cache)
    assert staged_library(package, cache) == first
    changed = tmp_path / "source" / "packages" / "sagewright-one" / "src" / "theirs" / "deep" / "part.py"
    changed.write_text("NAME = 'another'\n")
    second = staged_library(package, cache)
    assert second != first
    assert (second / "theirs" / "deep" / "part.py").read_text() == "NAME = 'another'\n"
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


def test_what_was_looked_at_is_not_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, cache = _checkout(tmp_path / "source"), tmp_path / "cache"
    made = staged_library(package, cache)
    preload(package)
    looked: list[object] = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **named: looked.append(path) or real(path, **named))  # type: ignore[func-returns-value]
    assert staged_library(package, cache) == made
    assert [path for path in looked if str(path).startswith(str(package))] == []


def test_a_library_that_was_removed_is_made_of_the_sources_as_they_are(tmp_path: Path) -> None:
    package, cache = _checkout(tmp_path / "source"), tmp_path / "cache"
    preload(package)
    (package / "toolkit" / "__init__.py").write_text("NAME = 'later'\n")
    found = staged_library(package, cache)
    assert (found / "sagewright" / "toolkit" / "__init__.py").read_text() == "NAME = 'later'\n"


def test_this_checkout_has_the_libraries_of_distributed_training(tmp_path: Path) -> None:
    found = staged_library(PACKAGE, tmp_path)
    for name in (
        "smdistributed/dataparallel",
        "smdistributed/modelparallel/torch",
        "torch_sagemaker",
        "sagewright/toolkit",
    ):
        assert (found / name / "__init__.py").is_file(), name


def test_a_session_of_the_library_has_the_release_of_its_server(tmp_path: Path) -> None:
    staged = staged_library(PACKAGE, tmp_path)
    assert release.digest(staged / "sagewright" / "wrangler") == release.digest()
