"""Opening, listing, creating and replacing beneath a directory, with both ways of opening."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagewright.jobfiles import descriptors
from sagewright.jobfiles.directory import JobDirectory

SECRET = b"the admin's secret"


def never() -> None: ...


@pytest.fixture(params=["openat2", "step by step"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "step by step":
        monkeypatch.setattr(descriptors, "has_openat2", lambda: False)
    elif not descriptors.has_openat2():
        pytest.skip("this kernel has no openat2")
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path, both_ways: str) -> Iterator[JobDirectory]:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    (tmp_path / "job" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "job" / "sub" / "deep" / "file").write_bytes(b"mine")
    with JobDirectory.at(tmp_path / "job") as directory:
        yield directory


def test_a_file_is_read_up_to_a_limit(tree: JobDirectory) -> None:
    assert tree.read("sub/deep/file", 100) == b"mine"
    assert tree.read("sub/deep/file", 2) == b"mi"


@pytest.mark.parametrize(
    "path",
    ["../secret", "/etc/passwd", "sub/../../secret", "", ".", "..", "sub//deep/file", "sub/", "./sub", "sub/\0", "/"],
)
def test_paths_that_could_lead_out_are_refused(tree: JobDirectory, path: str) -> None:
    for act in (lambda: tree.read(path, 10), lambda: tree.make(path), lambda: tree.below(path)):
        with pytest.raises(OSError, match="not a path beneath a directory"):
            act()


def _link_to_file(job: Path) -> str:
    (job / "x").symlink_to("../secret")
    return "x"


def _absolute_link(job: Path) -> str:
    (job / "x").symlink_to(job.parent / "secret")
    return "x"


def _link_on_the_way(job: Path) -> str:
    (job / "sub" / "x").symlink_to("../../outside")
    return "sub/x/secret"


def _link_that_stays_inside(job: Path) -> str:
    (job / "x").symlink_to("sub/deep/file")
    return "x"


def _magic_link(job: Path) -> str:
    (job / "x").symlink_to(f"/proc/{os.getpid()}/root/etc/passwd")
    return "x"


def _fifo(job: Path) -> str:
    os.mkfifo(job / "sub" / "x")
    return "sub/x"


def _socket(job: Path) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(job / "x"))
    return "x"


def _directory(job: Path) -> str:
    return "sub"


def _device(job: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(job / "x", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: without end
    return "x"


NOT_FILES = [_link_to_file, _absolute_link, _link_on_the_way, _link_that_stays_inside, _magic_link, _fifo, _socket]


@pytest.mark.parametrize("make", [*NOT_FILES, _directory, _device])
def test_only_regular_files_that_no_link_leads_to_are_read(
    tree: JobDirectory, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    path = make(tmp_path / "job")
    with pytest.raises(OSError):
        tree.read(path, 100)


@pytest.mark.parametrize("make", [*NOT_FILES, _device])
def test_what_has_a_files_name_is_replaced_and_not_written_to(
    tree: JobDirectory, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    path = make(tmp_path / "job")
    if make is _link_on_the_way:
        with pytest.raises(OSError), tree.writing(path):
            pass
    else:
        with tree.writing(path) as file:
            os.write(file, b"new")
        assert tree.read(path, 10) == b"new"
    assert (tmp_path / "secret").read_bytes() == (tmp_path / "outside" / "secret").read_bytes() == SECRET
    assert tree.read("sub/deep/file", 10) == b"mine"


def test_a_hard_link_is_not_written_through(tree: JobDirectory, tmp_path: Path) -> None:
    (tmp_path / "job" / "x").hardlink_to(tmp_path / "secret")
    with tree.writing("x") as file:
        os.write(file, b"new")
    assert (tmp_path / "secret").read_bytes() == SECRET


def test_directories_are_made_only_beneath(tree: JobDirectory, tmp_path: Path) -> None:
    (tmp_path / "job" / "way").symlink_to("../outside")
    (tmp_path / "job" / "file").write_bytes(b"")
    tree.make("a/b/c").close()
    assert (tmp_path / "job" / "a" / "b" / "c").is_dir()
    for path in ("way/d", "way", "file/d", "file"):
        with pytest.raises(OSError):
            tree.make(path)
    assert os.listdir(tmp_path / "outside") == ["secret"]


def test_a_write_that_fails_leaves_what_was_there(tree: JobDirectory, tmp_path: Path) -> None:
    with pytest.raises(ValueError), tree.writing("sub/deep/file"):
        raise ValueError
    assert os.listdir(tmp_path / "job" / "sub" / "deep") == ["file"]
    assert tree.read("sub/deep/file", 10) == b"mine"


def test_links_are_made_and_never_followed(tree: JobDirectory, tmp_path: Path) -> None:
    tree.link("sub/deep/file", "/etc/passwd")
    tree.link("sub/deep/file", "../../../secret")
    assert os.readlink(tmp_path / "job" / "sub" / "deep" / "file") == "../../../secret"
    with pytest.raises(OSError):
        tree.hard_link("copy", "sub/deep/file")
    with pytest.raises(OSError):
        tree.link("sub", "x")


def test_hard_links_join_files_beneath_alone(tree: JobDirectory, tmp_path: Path) -> None:
    tree.hard_link("again", "sub/deep/file")
    assert (tmp_path / "job" / "again").stat().st_nlink == 2
    for old in ("../secret", "sub", "none"):
        with pytest.raises(OSError):
            tree.hard_link("x", old)
    with pytest.raises(FileExistsError):
        tree.hard_link("again", "again")
    assert tree.read("again", 10) == b"mine"


def test_the_directory_itself_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError):
        JobDirectory.at(tmp_path / "link")


def test_what_root_makes_belongs_to_the_directorys_owner(tree: JobDirectory, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(tmp_path / "job" / "sub", 12345, 12346)
    with tree.writing("sub/new/file"):
        pass
    for made in ("sub/new", "sub/new/file"):
        found = (tmp_path / "job" / made).stat()
        assert (found.st_uid, found.st_gid) == (12345, 12346)


def test_files_that_their_owner_cannot_read_are_read(tree: JobDirectory, tmp_path: Path) -> None:
    (tmp_path / "job" / "sub" / "deep" / "file").chmod(0)
    (tmp_path / "job" / "sub" / "deep").chmod(0)
    with tree.below("sub/deep") as deep:
        assert deep.read("file", 10) == b"mine"
    (tmp_path / "job" / "sub" / "deep").chmod(0o755)
    assert (tmp_path / "job" / "sub" / "deep" / "file").stat().st_mode & 0o777 == 0


def test_a_file_keeps_the_size_it_was_opened_with(tree: JobDirectory, tmp_path: Path) -> None:
    file = tmp_path / "job" / "sub" / "deep" / "file"
    with tree.open("sub/deep/file") as opened:
        with file.open("ab") as more:
            more.write(b" and more")
        assert opened.read() == b"mine"
    with tree.open("sub/deep/file") as opened:
        os.truncate(file, 1)
        with pytest.raises(OSError, match="shorter"):
            opened.read()


def test_reading_can_be_given_up(tree: JobDirectory, tmp_path: Path) -> None:
    with (tmp_path / "job" / "big").open("wb") as big:
        big.truncate(1 << 40)
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) > 3:
            raise TimeoutError

    with tree.open("big", check) as opened, pytest.raises(TimeoutError):
        opened.read()


def test_a_copy_keeps_holes_and_all_data(tree: JobDirectory, tmp_path: Path) -> None:
    holes = tmp_path / "job" / "holes"
    with holes.open("wb") as file:
        file.truncate(1 << 30)
        for place in (0, 5 << 20, 700 << 20):
            file.seek(place)
            file.write(os.urandom(100_000))
    spent: list[int] = []
    with tree.open("holes") as opened, (tmp_path / "copy").open("wb") as copy:
        opened.copy_to(copy.fileno(), spent.append)
    assert (tmp_path / "copy").stat().st_size == 1 << 30
    assert (tmp_path / "copy").stat().st_blocks * 512 <= holes.stat().st_blocks * 512 + (1 << 20)
    assert sum(spent) < 10 << 20
    for place in (0, 5 << 20, 700 << 20):
        with holes.open("rb") as one, (tmp_path / "copy").open("rb") as other:
            one.seek(place), other.seek(place)
            assert one.read(200_000) == other.read(200_000)


def test_a_directory_is_adopted_and_removed_where_no_link_leads(tree: JobDirectory, tmp_path: Path) -> None:
    brought = tmp_path / "brought"
    brought.mkdir()
    (brought / "weights").write_text("1")
    outside = tmp_path / "elsewhere"
    (outside / "name").mkdir(parents=True)
    (outside / "name" / "precious").write_text("2")
    os.symlink(outside, "models", dir_fd=tree.descriptor)

    with pytest.raises(OSError, match="models"):
        tree.adopt("models/name", brought)
    with pytest.raises(OSError, match="models"):
        tree.remove("models/name")
    assert (outside / "name" / "precious").read_text() == "2"
    assert (brought / "weights").exists()

    os.unlink("models", dir_fd=tree.descriptor)
    with tree.make("models/name"):
        pass  # what has the name gives way
    tree.adopt("models/name", brought)
    assert tree.read("models/name/weights", 10) == b"1"
    assert tree.remove("models/name") == []
    assert not tree.has("models/name")
