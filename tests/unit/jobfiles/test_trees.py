"""Walks over and removes trees of every shape, and nothing outside of them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.jobfiles import removal
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.removal import remove_tree
from sagewright.jobfiles.walking import walk


def never() -> None: ...


def paths(place: Path) -> list[str]:
    with JobDirectory.at(place) as directory:
        return [entry.path for entry in directory.walk(never)]


def grow_deep(place: Path, depth: int, name: str = "d") -> None:
    """Made from inside, as the job makes it: no path is that long."""
    at = os.open(place, os.O_RDONLY)
    for _level in range(depth):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def test_a_directory_comes_before_what_it_holds_and_files_before_directories(tmp_path: Path) -> None:
    for name in ("b/y", "b/x", "a/z", "f"):
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"")
    assert paths(tmp_path / "t") == ["f", "a", "a/z", "b", "b/x", "b/y"]


def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (tmp_path / "t" / "up").symlink_to("../outside")
    (tmp_path / "t" / "loop").symlink_to(".")
    with JobDirectory.at(tmp_path / "t") as directory:
        found = {entry.path: entry.link_text() for entry in directory.walk(never) if entry.is_link}
    assert found == {"up": "../outside", "loop": "."}
    assert remove_tree(tmp_path / "t") == []
    assert (tmp_path / "outside" / "secret").exists()


@pytest.mark.parametrize(
    ("depth", "name"), [(3000, "d"), (400, "n" * 255), pytest.param(20_000, "d", marks=pytest.mark.soak)]
)
def test_depth_and_length_stop_neither(tmp_path: Path, depth: int, name: str) -> None:
    (tmp_path / "t").mkdir()
    grow_deep(tmp_path / "t", depth, name)
    before = len(os.listdir("/proc/self/fd"))
    with JobDirectory.at(tmp_path / "t") as directory:
        count, longest = 0, 0
        for entry in directory.walk(never):
            count, longest = count + 1, max(longest, entry.path_bytes)
    assert count == depth + 1
    assert longest == depth * (len(name) + 1) + len("bottom")
    assert remove_tree(tmp_path / "t") == []
    assert not (tmp_path / "t").exists()
    assert len(os.listdir("/proc/self/fd")) == before


def test_many_levels_are_not_held_open(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    grow_deep(tmp_path / "t", 1000)
    before = len(os.listdir("/proc/self/fd"))
    with JobDirectory.at(tmp_path / "t") as directory:
        most = max(len(os.listdir("/proc/self/fd")) for _entry in directory.walk(never))
    assert most < before + 80


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    top = os.fsencode(tmp_path / "t")
    os.mkdir(top)
    os.mkdir(top + b"/\xff\xfe")
    Path(os.fsdecode(top + b"/\xff\xfe/\x80")).write_bytes(b"x")
    assert [os.fsencode(path) for path in paths(tmp_path / "t")] == [b"\xff\xfe", b"\xff\xfe/\x80"]
    assert remove_tree(tmp_path / "t") == []


def test_a_closed_directory_is_opened_up_and_removed(tmp_path: Path) -> None:
    (tmp_path / "t" / "closed" / "deeper").mkdir(parents=True)
    (tmp_path / "t" / "closed" / "file").write_bytes(b"x")
    (tmp_path / "t" / "closed" / "deeper").chmod(0)
    (tmp_path / "t" / "closed").chmod(0)
    assert paths(tmp_path / "t") == ["closed", "closed/file", "closed/deeper"]
    (tmp_path / "t" / "closed").chmod(0)
    (tmp_path / "t").chmod(0o500)
    assert remove_tree(tmp_path / "t") == []


def test_many_entries_are_gone_through_with_checks_between(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for number in range(20_000):
        os.close(os.open(tmp_path / "t" / str(number), os.O_CREAT))
    calls: list[int] = []
    with JobDirectory.at(tmp_path / "t") as directory:
        assert sum(1 for _entry in directory.walk(lambda: calls.append(1))) == 20_000
    assert len(calls) >= 5
    assert remove_tree(tmp_path / "t") == []


def test_a_file_that_became_a_link_since_it_was_seen_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "file").write_bytes(b"mine")
    with JobDirectory.at(tmp_path / "t") as directory:
        for entry in directory.walk(never):
            (tmp_path / "t" / "file").unlink()
            (tmp_path / "t" / "file").hardlink_to(tmp_path / "secret")
            with pytest.raises(OSError, match="replaced"):
                entry.open(never)
            (tmp_path / "t" / "file").unlink()
            (tmp_path / "t" / "file").symlink_to("../secret")
            with pytest.raises(OSError):
                entry.open(never)


def test_what_is_missing_or_no_directory_is_removed_all_the_same(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "none") == []
    assert remove_tree(tmp_path / "none" / "none") == []
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path)
    assert remove_tree(tmp_path / "file") == remove_tree(tmp_path / "link") == []
    assert os.listdir(tmp_path) == []


def test_directories_that_are_empty_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (tmp_path / "t" / str(number)).mkdir(parents=True)
    (tmp_path / "t" / "full").mkdir()
    (tmp_path / "t" / "full" / "file").write_bytes(b"")
    opened: list[str] = []
    real = removal.open_directory
    monkeypatch.setattr(removal, "open_directory", lambda parent, name: (opened.append(name), real(parent, name))[1])
    assert remove_tree(tmp_path / "t") == []
    assert not (tmp_path / "t").exists()
    assert opened == ["t", "full"]


def test_what_cannot_be_removed_is_told_and_the_rest_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/immutable", "a/other", "b/c"):
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"")
    real = os.unlink

    def unlink(name: str, *, dir_fd: int | None = None) -> None:
        if name == "immutable":
            raise PermissionError(1, "Operation not permitted", name)
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    assert remove_tree(tmp_path / "t") == ["'immutable': Operation not permitted"]
    assert sorted(str(left.relative_to(tmp_path)) for left in tmp_path.rglob("*")) == ["t", "t/a", "t/a/immutable"]


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Something that swaps a deep directory for a link to a secret place, and moves it away and back, all the time."""
    over = threading.Event()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")

    def swap(top: Path) -> None:
        deep = top.joinpath(*["d"] * 80)
        while not over.is_set():
            for act in (
                lambda: deep.rename(top / "moved"),
                lambda: deep.symlink_to(tmp_path / "outside"),
                deep.unlink,
                lambda: (top / "moved").rename(deep),
            ):
                try:
                    act()
                except OSError:
                    continue

    threads: list[threading.Thread] = []

    def begin(top: Path) -> None:
        threads.append(threading.Thread(target=swap, args=(top,), daemon=True))
        threads[-1].start()

    yield begin
    over.set()
    for thread in threads:
        thread.join()


def test_a_tree_that_changes_all_the_time_never_leads_out(tmp_path: Path, restless: Callable[[Path], None]) -> None:
    top = tmp_path / "t"
    top.mkdir()
    grow_deep(top, 120)
    restless(top)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        at = os.open(top, os.O_RDONLY)
        assert "secret" not in [entry.name for entry in walk(at, never)]
        os.close(at)
    remove_tree(top)
    assert (tmp_path / "outside" / "secret").exists()


KINDS = ["file", "directory", "link", "absolute", "fifo", "hard", "closed", "sparse"]
NAMES = st.binary(min_size=1, max_size=12).filter(lambda n: b"/" not in n and b"\0" not in n and n not in {b".", b".."})


def plant(top: bytes, parts: list[tuple[bytes, str]], outside: bytes, chance: random.Random) -> None:
    folders = [top]
    files: list[bytes] = []
    for name, kind in parts:
        place = chance.choice(folders) + b"/" + name
        if os.path.lexists(place):
            continue
        if kind in {"file", "sparse"}:
            with open(place, "wb") as file:
                file.write(b"x" * 10)
                if kind == "sparse":
                    file.truncate(1 << 42)
            files.append(place)
        elif kind in {"directory", "closed"}:
            os.mkdir(place)
            folders.append(place)
        elif kind == "link":
            os.symlink(os.path.relpath(outside, os.path.dirname(place)), place)
        elif kind == "absolute":
            os.symlink(outside, place)
        elif kind == "fifo":
            os.mkfifo(place)
        elif files:
            os.link(chance.choice(files), place)


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, st.sampled_from(KINDS)), max_size=40), st.randoms(use_true_random=False))
def test_any_tree_is_walked_once_and_removed(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, str]], chance: random.Random
) -> None:
    base = tmp_path_factory.mktemp("any")
    (base / "outside").mkdir()
    (base / "outside" / "secret").write_bytes(b"secret")
    (base / "t").mkdir()
    plant(os.fsencode(base / "t"), parts, os.fsencode(base / "outside"), chance)
    expected = sorted(
        os.path.relpath(os.path.join(at, name), os.fsencode(base / "t"))
        for at, folders, files in os.walk(os.fsencode(base / "t"))
        for name in [*folders, *files]
    )
    assert sorted(os.fsencode(path) for path in paths(base / "t")) == expected
    assert remove_tree(base / "t") == []
    assert os.listdir(base) == ["outside"]
    assert (base / "outside" / "secret").read_bytes() == b"secret"
