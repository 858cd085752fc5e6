"""Archives of directories that a job has left, and their merge: nothing outside is read or written, whatever is in them."""

from __future__ import annotations

import io
import math
import os
import random
import shutil
import socket
import stat
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.agent.disk import Disk, DiskFull
from sagewright.agent.errors import ClientError, TooLate
from sagewright.agent.outputs.archives import LONGEST_PATH, DeliveryContext, merge, pack
from sagewright.agent.outputs.skipped_files import LeftOut
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.unpacking import BadArchive
from sagewright.model import disk_room

SECRET = b"the admin's secret"


def never() -> None: ...


def delivery(place: Path, check: Callable[[], None] = never, most: float = math.inf) -> DeliveryContext:
    lines: list[str] = []
    return DeliveryContext(Disk(place), check, lambda _size: None, (most, "that is the limit"), lines.append)  # type: ignore[arg-type]


def packed(place: Path, base: Path, **options: bool) -> tuple[tarfile.TarFile, list[str]]:
    lines: list[str] = []
    left_out = LeftOut("/opt/ml/model", lines.append)
    with JobDirectory.at(place) as directory:
        pack(directory, base / "archive", options.get("compressed", True), delivery(base), left_out)
    left_out.tell()
    return tarfile.open(base / "archive", encoding="utf-8"), lines


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "file").write_bytes(b"mine")
    return tmp_path / "model"


def test_links_are_kept_as_their_text(model: Path, tmp_path: Path) -> None:
    for name, text in {
        "a": "../secret",
        "b": str(tmp_path / "secret"),
        "c": "deep/file",
        "d": "/proc/self/root",
    }.items():
        (model / name).symlink_to(text)
    tar, lines = packed(model, tmp_path)
    assert {member.name: member.linkname for member in tar if member.issym()} == {
        "a": "../secret",
        "b": str(tmp_path / "secret"),
        "c": "deep/file",
        "d": "/proc/self/root",
    }
    assert SECRET not in (tmp_path / "archive").read_bytes()
    assert lines == []


def test_a_file_with_two_names_is_kept_once(model: Path, tmp_path: Path) -> None:
    (model / "z").hardlink_to(model / "deep" / "file")
    tar, _lines = packed(model, tmp_path)
    members = {member.name: member for member in tar}
    assert members["deep/file"].islnk()
    assert members["z"].isreg()
    assert members["deep/file"].linkname == "z"


def test_all_belongs_to_root_and_nothing_is_set_uid(model: Path, tmp_path: Path) -> None:
    (model / "deep" / "file").chmod(0o6755)
    tar, _lines = packed(model, tmp_path)
    assert {(member.uid, member.gid, member.uname) for member in tar} == {(0, 0, "root")}
    assert tar.getmember("deep/file").mode == 0o755


def test_what_is_no_file_is_left_out_and_told(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    tar, lines = packed(model, tmp_path)
    assert tar.getnames() == ["deep", "deep/file"]
    assert lines == [
        "/opt/ml/model: 2 entries left out of the upload, no files (sockets, pipes and devices); the first: 'fifo'."
    ]


def test_paths_that_nobody_could_unpack_are_left_out(model: Path, tmp_path: Path) -> None:
    at = os.open(model, os.O_RDONLY)
    for _level in range(30):
        os.mkdir("n" * 250, dir_fd=at)
        below = os.open("n" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    tar, lines = packed(model, tmp_path)
    assert max(len(name) for name in tar.getnames()) <= LONGEST_PATH
    (line,) = lines
    assert line.startswith("/opt/ml/model: 15 entries left out of the upload, their paths are longer than 4000 bytes;")
    assert len(line) < 400


def test_names_that_are_not_utf8_are_kept_as_their_bytes(model: Path, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(model) + b"/caf\xe9")).write_bytes(b"latin")
    tar, _lines = packed(model, tmp_path)
    assert b"caf\xe9" in [os.fsencode(name) for name in tar.getnames()]


def test_a_file_that_its_owner_cannot_read_is_packed(model: Path, tmp_path: Path) -> None:
    (model / "deep" / "file").chmod(0)
    (model / "deep").chmod(0)
    tar, _lines = packed(model, tmp_path)
    assert tar.extractfile("deep/file").read() == b"mine"  # type: ignore[union-attr]


def test_extended_attributes_do_not_disturb(model: Path, tmp_path: Path) -> None:
    try:
        os.setxattr(model / "deep" / "file", "user.note", b"x" * 1000)
    except OSError:
        pytest.skip("this file system has no extended attributes")
    tar, _lines = packed(model, tmp_path)
    assert tar.extractfile("deep/file").read() == b"mine"  # type: ignore[union-attr]


def test_packing_stops_when_it_is_too_late(model: Path, tmp_path: Path) -> None:
    with (model / "sparse").open("wb") as file:
        file.truncate(3 << 40)
    until = time.monotonic() + 0.5

    def check() -> None:
        if time.monotonic() > until:
            raise TooLate

    with JobDirectory.at(model) as directory, pytest.raises(TooLate):
        pack(directory, tmp_path / "archive", True, delivery(tmp_path, check), LeftOut("", print))
    assert time.monotonic() < until + 20, "3 TiB of zeros would take an hour"


def test_packing_stops_before_it_takes_the_disks_reserve(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (model / "big").open("wb") as file:
        file.truncate(200 << 20)  # should it fail, the disk is not filled
    monkeypatch.setattr(disk_room, "_HOST_SHARE", 1)
    disk = Disk(tmp_path, (shutil.disk_usage(tmp_path).free >> 20) - 40)
    with JobDirectory.at(model) as directory, pytest.raises(DiskFull, match=r"the disk of .* has \d+ bytes free"):
        pack(directory, tmp_path / "archive", False, replace(delivery(tmp_path), disk=disk), LeftOut("", print))
    assert (tmp_path / "archive").stat().st_size < 80 << 20


def part(*members: tuple[str, bytes, str | bytes]) -> bytes:
    """A tar of (name, type, content or link text)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                tar.addfile(member)
    return out.getvalue()


def merged(base: Path, archive: bytes, most: float = math.inf) -> None:
    (base / "part").write_bytes(archive)
    with JobDirectory.at(base / "model") as directory:
        merge(base / "part", directory, delivery(base, most=most))


def test_the_last_writer_wins(model: Path, tmp_path: Path) -> None:
    (model / "link").symlink_to("../secret")
    merged(
        tmp_path,
        part(
            ("deep/file", tarfile.REGTYPE, b"theirs"),
            ("link", tarfile.REGTYPE, b"now a file"),
            ("new/one", tarfile.REGTYPE, b"new"),
            ("new/two", tarfile.LNKTYPE, "new/one"),
            ("sym", tarfile.SYMTYPE, "/etc/passwd"),
            ("empty", tarfile.DIRTYPE, ""),
        ),
    )
    assert (model / "deep" / "file").read_bytes() == b"theirs"
    assert (model / "link").read_bytes() == b"now a file"
    assert (model / "new" / "two").read_bytes() == b"new"
    assert (model / "sym").readlink() == Path("/etc/passwd")
    assert (model / "empty").is_dir()
    assert (tmp_path / "secret").read_bytes() == SECRET


ESCAPES = {
    "up": [("../secret", tarfile.REGTYPE, b"x")],
    "absolute": [("/tmp/sagewright-escaped", tarfile.REGTYPE, b"x")],
    "through a link of its own": [("out", tarfile.SYMTYPE, ".."), ("out/secret", tarfile.REGTYPE, b"x")],
    "through an absolute link": [("out", tarfile.SYMTYPE, "/"), ("out/tmp/sagewright-escaped", tarfile.REGTYPE, b"x")],
    "a directory through a link": [("out", tarfile.SYMTYPE, ".."), ("out/made", tarfile.DIRTYPE, "")],
    "a hard link outside": [("hard", tarfile.LNKTYPE, "../secret")],
    "a hard link through a link": [("out", tarfile.SYMTYPE, ".."), ("hard", tarfile.LNKTYPE, "out/secret")],
    "a hard link of a link": [("out", tarfile.SYMTYPE, "../secret"), ("hard", tarfile.LNKTYPE, "out")],
    "a zero byte": [("a\0b", tarfile.REGTYPE, b"x"), ("../\0", tarfile.REGTYPE, b"x")],
    "the directory itself": [(".", tarfile.SYMTYPE, "..")],
    "a link in the place of a directory": [("deep", tarfile.SYMTYPE, "..")],
}


@pytest.mark.parametrize("name", ESCAPES)
def test_a_part_does_not_lead_out(model: Path, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.iterdir())
    with suppress(OSError, BadArchive):  # some of it is refused, some is made beneath
        merged(tmp_path, part(*ESCAPES[name]))  # type: ignore[arg-type]
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert not Path("/tmp/sagewright-escaped").exists()
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "part"])


def test_devices_and_pipes_of_a_part_are_not_made(model: Path, tmp_path: Path) -> None:
    merged(tmp_path, part(("fifo", tarfile.FIFOTYPE, ""), ("null", tarfile.CHRTYPE, ""), ("b", tarfile.BLKTYPE, "")))
    assert sorted(entry.name for entry in model.iterdir()) == ["deep"]


def test_a_part_that_unpacks_to_more_than_a_host_may_have(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"Insufficient disk space: what another host left has .*that is the limit"):
        merged(tmp_path, part(("a", tarfile.REGTYPE, b"x" * 600), ("b", tarfile.REGTYPE, b"x" * 600)), most=1000)


@pytest.mark.parametrize("cut", [10, 600, 1100])
def test_a_part_that_is_no_archive(model: Path, tmp_path: Path, cut: int) -> None:
    whole = part(("a", tarfile.REGTYPE, b"x" * 1000))
    for archive in (whole[:cut], os.urandom(cut), whole[:100] + os.urandom(cut)):
        with pytest.raises((BadArchive, OSError)):
            merged(tmp_path, archive)


KINDS = ["file", "directory", "closed", "link", "absolute", "fifo", "hard", "set-uid", "sparse"]
NAMES = st.binary(min_size=1, max_size=12).filter(lambda n: b"/" not in n and b"\0" not in n and n not in {b".", b".."})


def plant(top: bytes, parts: list[tuple[bytes, str]], outside: bytes, chance: random.Random) -> None:
    folders, files = [top], []
    for name, kind in parts:
        place = chance.choice(folders) + b"/" + name
        if os.path.lexists(place):
            continue
        if kind in {"directory", "closed"}:
            os.mkdir(place)
            folders.append(place)
        elif kind in {"link", "absolute"}:
            os.symlink(outside if kind == "absolute" else os.path.relpath(outside, os.path.dirname(place)), place)
        elif kind == "fifo":
            os.mkfifo(place)
        elif kind == "hard":
            if files:
                os.link(chance.choice(files), place)
        else:
            with Path(os.fsdecode(place)).open("wb") as file:
                file.write(b"mine")
                if kind == "sparse":
                    file.truncate(1 << 20)
            os.chmod(place, 0o6777 if kind == "set-uid" else 0)
            files.append(place)
    for folder in reversed(folders[1:]):
        os.chmod(folder, 0)


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, st.sampled_from(KINDS)), max_size=40), st.randoms(use_true_random=False))
def test_any_tree_is_packed_and_merged_again_without_what_is_outside(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, str]], chance: random.Random
) -> None:
    base = tmp_path_factory.mktemp("any")
    (base / "outside").mkdir()
    (base / "outside" / "secret").write_bytes(SECRET)
    (base / "tree").mkdir()
    plant(os.fsencode(base / "tree"), parts, os.fsencode(base / "outside"), chance)
    tar, _lines = packed(base / "tree", base, compressed=False)
    kinds = {tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE}
    with tar:
        assert {member.type for member in tar} <= kinds
        assert not any(member.mode & (stat.S_ISUID | stat.S_ISGID) for member in tar)
        names = sorted(tar.getnames())
    assert SECRET not in (base / "archive").read_bytes()

    (base / "model").mkdir()
    merged(base, (base / "archive").read_bytes())
    with JobDirectory.at(base / "model") as directory:
        assert sorted(entry.path for entry in directory.walk(never)) == names
    assert (base / "outside" / "secret").read_bytes() == SECRET
    assert [entry.name for entry in (base / "outside").iterdir()] == ["secret"]
