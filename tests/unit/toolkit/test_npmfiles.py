"""Files of npm packages: only those that were named, of an archive with the right digest."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.npmregistry import archive_of, member, packed, serving

from sagewright.toolkit import npmfiles
from sagewright.toolkit.npmfiles import NpmFailed, fetch, unpack


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as url:
        yield url


def test_named_files_are_kept(registry: str, tmp_path: Path) -> None:
    body = archive_of(one=b"1", two=b"22", three=b"333")
    (tmp_path / "a.tgz").write_bytes(body)
    archive = io.BytesIO()
    fetch(f"{registry}/a.tgz", hashlib.sha256(body).hexdigest(), archive)
    unpack(archive, tmp_path / "npm_a", ["models/one", "models/three"])
    kept = {
        file.relative_to(tmp_path / "npm_a").as_posix() for file in (tmp_path / "npm_a").rglob("*") if file.is_file()
    }
    assert kept == {"__init__.py", "models/one", "models/three"}
    assert (tmp_path / "npm_a" / "models" / "three").read_bytes() == b"333"


def test_another_digest_is_refused_by_the_program(registry: str, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(archive_of(one=b"1"))
    command = [
        sys.executable,
        "-I",
        npmfiles.__file__,
        f"{registry}/a.tgz",
        "0" * 64,
        "npm_sagewright_test",
        "models/one",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, f"not {'0' * 64}" in done.stderr) == (1, True), done.stderr


def test_more_bytes_than_the_limit_are_refused(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tgz").write_bytes(bytes(2000))
    monkeypatch.setattr(npmfiles, "MOST_BYTES", 1000)
    with pytest.raises(NpmFailed, match="more than 1000 bytes"):
        fetch(f"{registry}/a.tgz", "", io.BytesIO())


def test_a_missing_archive_is_named(registry: str) -> None:
    with pytest.raises(NpmFailed, match="cannot be fetched: HTTP Error 404"):
        fetch(f"{registry}/missing.tgz", "", io.BytesIO())


def test_only_http_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"a")
    with pytest.raises(NpmFailed, match="only http"):
        fetch((tmp_path / "a.tgz").as_uri(), hashlib.sha256(b"a").hexdigest(), io.BytesIO())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (archive_of(two=b"1"), "lacks models/one"),
        (packed((member("package/models/one", 0, tarfile.SYMTYPE, "/etc/passwd"), b"")), "not a file"),
        (packed((member("package/models/one", 0, tarfile.LNKTYPE, "package/x"), b"")), "not a file"),
        (packed((member("package/models/one", 0, tarfile.DIRTYPE), b"")), "not a file"),
        (b"no archive", "cannot be read"),
        (archive_of(one=bytes(100_000))[:-60], "cannot be read"),
    ],
    ids=["missing", "symlink", "hardlink", "directory", "other", "cut"],
)
def test_unusable_archives_are_refused(body: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(NpmFailed, match=words):
        unpack(io.BytesIO(body), tmp_path / "npm_a", ["models/one"])
    assert not (tmp_path / "npm_a" / "__init__.py").exists()


def test_the_limit_is_that_of_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npmfiles, "MOST_BYTES", 150)
    body = archive_of(one=bytes(100), two=bytes(100))
    unpack(io.BytesIO(body), tmp_path / "npm_a", ["models/two"])
    with pytest.raises(NpmFailed, match="more than 150 bytes"):
        unpack(io.BytesIO(body), tmp_path / "npm_b", ["models/one", "models/two"])
