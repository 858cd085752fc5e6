"""Where uv keeps packages: its own choice if that can be written to, and a directory of ours otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sagewright.runtimes import uv
from sagewright.runtimes.uv import OWN_CACHE, cache_variables


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory that cannot be written to, by root either: as on a read-only file system."""
    home = tmp_path / "home"
    home.mkdir()
    may = os.access

    def access(path: Path, mode: int) -> bool:
        return not (mode & os.W_OK and Path(path).is_relative_to(home)) and may(path, mode)

    monkeypatch.setattr(uv.os, "access", access)
    return home


def test_uv_keeps_its_cache_in_a_home_that_has_none_yet(tmp_path: Path) -> None:
    assert cache_variables(tmp_path / "environments", {"HOME": str(tmp_path / "home")}) == {"UV_LINK_MODE": "hardlink"}


def test_a_read_only_home_moves_the_cache_beside_the_environments(tmp_path: Path, closed: Path) -> None:
    found = cache_variables(tmp_path / "environments", {"HOME": str(closed)})
    assert found == {"UV_LINK_MODE": "hardlink", "UV_CACHE_DIR": str(tmp_path / "environments" / OWN_CACHE)}


def test_a_home_that_is_not_set_moves_it_too(tmp_path: Path) -> None:
    assert cache_variables(tmp_path, {})["UV_CACHE_DIR"] == str(tmp_path / OWN_CACHE)


def test_what_the_user_names_wins(tmp_path: Path, closed: Path) -> None:
    assert "UV_CACHE_DIR" not in cache_variables(tmp_path, {"HOME": str(closed), "XDG_CACHE_HOME": str(tmp_path)})
    assert "UV_CACHE_DIR" not in cache_variables(tmp_path, {"HOME": str(tmp_path), "UV_CACHE_DIR": str(closed / "uv")})


def test_a_cache_on_another_disk_is_copied_from(tmp_path: Path) -> None:
    other = Path("/proc/self")
    assert cache_variables(tmp_path, {"UV_CACHE_DIR": str(other)})["UV_LINK_MODE"] == "copy"
