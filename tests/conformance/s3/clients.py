"""Clients that people have, with their defaults: put, get, list, sync, multipart, delete."""

from __future__ import annotations

import filecmp
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s3.check import check
from s3.target import Target

CLIENTS = Path(__file__).parents[3] / ".cache" / "clients"
LARGE = 17 * 1024 * 1024
"""Bytes of a file that each of the clients sends in parts."""


@contextmanager
def a_tree() -> Iterator[Path]:
    """A directory with files to send: `tree/` with small ones, `large` of LARGE bytes."""
    with tempfile.TemporaryDirectory(prefix="sagewright-conformance-") as name:
        directory = Path(name)
        (directory / "tree" / "deep").mkdir(parents=True)
        (directory / "tree" / "one.txt").write_text("one")
        (directory / "tree" / "deep" / "zwei ü+%.txt").write_text("zwei")
        (directory / "tree" / "empty").touch()
        (directory / "large").write_bytes(bytes(range(251)) * (LARGE // 251))
        earlier = (
            time.time() - 3600
        )  # S3 tells whole seconds: a file of this very second would look newer than its copy
        for path in directory.rglob("*"):
            os.utime(path, (earlier, earlier))
        yield directory


def same(one: Path, other: Path) -> bool:
    names = sorted(str(p.relative_to(one)) for p in one.rglob("*") if p.is_file())
    there = sorted(str(p.relative_to(other)) for p in other.rglob("*") if p.is_file())
    return names == there and filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


class ClientFailed(Exception):
    """The end of what it said; its last line is the reason."""

    def __str__(self) -> str:
        return str(self.args[0]).splitlines()[-1] if self.args[0] else ""


class Program:
    """A client that is a program."""

    def __init__(self, target: Target, environment: str, *command: str, **environ: str) -> None:
        self.command = [str(CLIENTS / environment / "bin" / command[0]), *command[1:]]
        self.environ = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": tempfile.gettempdir(),
            "AWS_ACCESS_KEY_ID": target.access,
            "AWS_SECRET_ACCESS_KEY": target.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            **environ,
        }

    def __call__(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise ClientFailed((done.stdout + done.stderr).strip()[-2000:])
        return done.stdout


def keys(target: Target, bucket: str) -> list[str]:
    return [o["Key"] for o in target.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


TREE = ["deep/zwei ü+%.txt", "empty", "one.txt"]


@check
def aws_cli(target: Target) -> None:
    """AWS CLI v1: s3 sync, cp, ls, rm, rb"""
    run = Program(target, "aws-cli", "aws", "--endpoint-url", target.endpoint)
    bucket = target.bucket()
    with a_tree() as here:
        run("s3", "sync", here / "tree", f"s3://{bucket}/tree")
        run("s3", "sync", f"s3://{bucket}/tree", here / "back")
        assert same(here / "tree", here / "back")
        assert "one.txt" in run("s3", "ls", f"s3://{bucket}/tree/")
        assert run("s3", "sync", here / "tree", f"s3://{bucket}/tree") == ""
        run("s3", "cp", here / "large", f"s3://{bucket}/large", "--no-progress")
        run("s3", "cp", f"s3://{bucket}/large", f"s3://{bucket}/copy", "--no-progress")
        run("s3", "cp", f"s3://{bucket}/copy", here / "got", "--no-progress")
        assert filecmp.cmp(here / "large", here / "got", shallow=False)
    run("s3", "rb", "--force", f"s3://{bucket}")


@check
def s3fs(target: Target) -> None:
    """s3fs (fsspec): put, get, ls, find, open, copy, mv, rm"""
    python("import s3fs", S3FS, target)


S3FS = """
fs = s3fs.S3FileSystem(key=access, secret=secret, endpoint_url=endpoint)
fs.put(f"{here}/tree", f"{bucket}/tree", recursive=True)
assert sorted(fs.find(f"{bucket}/tree")) == [f"{bucket}/tree/{k}" for k in tree], fs.find(bucket)
assert [i["name"] for i in fs.ls(f"{bucket}/tree", detail=True) if i["type"] == "directory"] == [f"{bucket}/tree/deep"]
with fs.open(f"{bucket}/large", "wb", block_size=6 * 2**20) as file:
    file.write(large)
with fs.open(f"{bucket}/large", "rb") as file:
    file.seek(1000)
    assert file.read(10) == large[1000:1010]
fs.copy(f"{bucket}/large", f"{bucket}/copy")
fs.get(f"{bucket}/copy", f"{here}/got")
assert pathlib.Path(f"{here}/got").read_bytes() == large
fs.mv(f"{bucket}/copy", f"{bucket}/moved")
assert fs.exists(f"{bucket}/moved") and not fs.exists(f"{bucket}/copy")
assert fs.info(f"{bucket}/large")["size"] == len(large)
fs.rm(bucket, recursive=True)
"""


@check
def pyarrow_fs(target: Target) -> None:
    """pyarrow.fs.S3FileSystem: write, read, get_file_info, copy, delete_dir; a data set"""
    python("import pyarrow as pa, pyarrow.dataset, pyarrow.fs", PYARROW, target)


PYARROW = """
address = endpoint.removeprefix("http://")
fs = pa.fs.S3FileSystem(access_key=access, secret_key=secret, endpoint_override=address, scheme="http", region="us-east-1")
with fs.open_output_stream(f"{bucket}/large") as file:
    file.write(large)
with fs.open_input_file(f"{bucket}/large") as file:
    file.seek(1000)
    assert file.read(10) == large[1000:1010]
    file.seek(0)
    assert file.read() == large
fs.copy_file(f"{bucket}/large", f"{bucket}/copy")
assert fs.get_file_info(f"{bucket}/copy").size == len(large)
table = pa.table({"a": list(range(1000)), "b": ["x", "y"] * 500})
pa.dataset.write_dataset(table, f"{bucket}/set", filesystem=fs, format="parquet", partitioning=["b"])
read = pa.dataset.dataset(f"{bucket}/set", filesystem=fs, partitioning=["b"]).to_table()
assert sorted(read["a"].to_pylist()) == list(range(1000))
found = fs.get_file_info(pa.fs.FileSelector(f"{bucket}/set", recursive=True))
assert sum(i.type == pa.fs.FileType.File for i in found) == 2
fs.delete_dir_contents(bucket)
assert fs.get_file_info(f"{bucket}/large").type == pa.fs.FileType.NotFound
"""


def python(imports: str, program: str, target: Target) -> None:
    """Run a program with the names that it needs, on a bucket of its own which it leaves without `large`."""
    bucket = target.bucket()
    with a_tree() as here:
        given = {
            "access": target.access,
            "secret": target.secret,
            "endpoint": target.endpoint,
            "bucket": bucket,
            "here": str(here),
            "tree": TREE,
        }
        lines = [f"import pathlib\n{imports}", *(f"{name} = {value!r}" for name, value in given.items())]
        lines.append('large = pathlib.Path(f"{here}/large").read_bytes()')
        Program(target, "s3", "python")("-c", "\n".join([*lines, program]))


@check
def s3cmd(target: Target) -> None:
    """s3cmd: sync, put, get, ls, cp, del"""
    run = Program(
        target,
        "s3",
        "s3cmd",
        "--config=/dev/null",
        f"--host={target.address}",
        f"--host-bucket={target.address}",
        "--no-ssl",
        "--no-progress",
        f"--access_key={target.access}",
        f"--secret_key={target.secret}",
    )
    bucket = target.bucket()
    with a_tree() as here:
        run("sync", f"{here}/tree/", f"s3://{bucket}/tree/")
        (here / "back").mkdir()
        run("sync", f"s3://{bucket}/tree/", f"{here}/back/")
        assert same(here / "tree", here / "back")
        run("put", here / "large", f"s3://{bucket}/large")
        run("cp", f"s3://{bucket}/large", f"s3://{bucket}/copy")
        run("get", f"s3://{bucket}/copy", here / "got")
        assert filecmp.cmp(here / "large", here / "got", shallow=False)
        assert f"s3://{bucket}/tree/one.txt" in run("ls", "--recursive", f"s3://{bucket}")
    run("del", "--recursive", "--force", f"s3://{bucket}")
    assert keys(target, bucket) == []


@check
def rclone(target: Target) -> None:
    """rclone: sync, check, copyto, lsf, purge"""
    run = Program(
        target,
        "s3",
        "rclone",
        RCLONE_CONFIG_R_TYPE="s3",
        RCLONE_CONFIG_R_PROVIDER="Other",
        RCLONE_CONFIG_R_ENDPOINT=target.endpoint,
        RCLONE_CONFIG_R_ENV_AUTH="true",
        RCLONE_CONFIG="/dev/null",
        RCLONE_S3_UPLOAD_CUTOFF="6Mi",
    )
    bucket = target.bucket()
    with a_tree() as here:
        run("sync", here / "tree", f"R:{bucket}/tree")
        run("check", here / "tree", f"R:{bucket}/tree")
        run("sync", f"R:{bucket}/tree", here / "back")
        assert same(here / "tree", here / "back")
        run("copyto", here / "large", f"R:{bucket}/large")
        run("copyto", f"R:{bucket}/large", f"R:{bucket}/copy")
        run("copyto", f"R:{bucket}/copy", here / "got")
        assert filecmp.cmp(here / "large", here / "got", shallow=False)
        assert sorted(run("lsf", "-R", "--files-only", f"R:{bucket}/tree").split("\n")[:-1]) == TREE
    run("purge", f"R:{bucket}/tree")
    assert keys(target, bucket) == ["copy", "large"]


@check
def s5cmd(target: Target) -> None:
    """s5cmd: sync, cp, ls, rm, rb"""
    run = Program(target, "s3", "s5cmd", "--endpoint-url", target.endpoint)
    bucket = target.bucket()
    with a_tree() as here:
        run("sync", f"{here}/tree/", f"s3://{bucket}/tree/")
        run("cp", f"s3://{bucket}/tree/*", f"{here}/back/")
        assert same(here / "tree", here / "back")
        run("cp", "--part-size=6", here / "large", f"s3://{bucket}/large")
        run("cp", f"s3://{bucket}/large", f"s3://{bucket}/copy")
        run("cp", f"s3://{bucket}/copy", here / "got")
        assert filecmp.cmp(here / "large", here / "got", shallow=False)
        assert "one.txt" in run("ls", f"s3://{bucket}/tree/*")
    run("rm", f"s3://{bucket}/*")
    run("rb", f"s3://{bucket}")
