"""The files of an image's own /opt/ml that get into a job's directory."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.unpacking import BadArchive, unpack
from sagewright.sandbox.containers.container import end_containers


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for member in members:
            member.mode = member.mode or 0o644
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, size: int = 1, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o755
    return info


def bring(kept: Path, root: Path) -> None:
    """As the sandbox does."""
    with JobDirectory.at(root) as ml:
        unpack(kept, ml, lambda _size: None, below=1, replace=False)


def test_code_of_the_image_is_added_and_the_jobs_files_stay(tmp_path: Path) -> None:
    root = tmp_path / "ml"
    (root / "code").mkdir(parents=True)
    (root / "code" / "mine").write_text("the job's")
    kept = archive(
        tmp_path / "ml.tar",
        member("ml/code/train", mode=0o755),
        member("ml/code/mine"),
        link("ml/code/again", "ml/code/train", tarfile.LNKTYPE),
        link("ml/code/short", "train", tarfile.SYMTYPE),
    )
    bring(kept, root)

    assert (root / "code" / "mine").read_text() == "the job's"
    assert (root / "code" / "train").stat().st_mode & 0o777 == 0o755
    assert (root / "code" / "again").samefile(root / "code" / "train")
    assert (root / "code" / "short").readlink() == Path("train")


@pytest.mark.parametrize(
    "members",
    [
        [member("ml/../../out")],
        [link("ml/way", "../..", tarfile.SYMTYPE), member("ml/way/out")],
    ],
)
def test_nothing_gets_out(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    root = tmp_path / "deep" / "ml"
    root.mkdir(parents=True)
    with suppress(BadArchive, OSError):
        bring(archive(tmp_path / "ml.tar", *members), root)

    assert not (tmp_path / "out").exists()


def test_without_a_note_no_engine_is_asked(tmp_path: Path) -> None:
    end_containers(tmp_path)
    assert list(tmp_path.iterdir()) == []
