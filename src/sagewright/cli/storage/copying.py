"""`sagewright cp`, `sagewright ls` and `sagewright sync`: data between folders and S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import (
    Format,
    JsonOption,
    OutputColumn,
    OutputOption,
    chosen,
    gigabytes,
    moment,
    print_rows,
)
from sagewright.cli.storage.transfer import (
    BadTransfer,
    S3Place,
    TransferProgress,
    download,
    local_files,
    local_path,
    objects_below,
    upload,
)

SourceArgument = Annotated[
    str, typer.Argument(help="A file, a folder, or an S3 URI; a folder in S3 ends with a slash.")
]
TargetArgument = Annotated[str, typer.Argument(help="A file, a folder, or an S3 URI.")]
_DELETED_AT_ONCE = 1000
LISTED = [
    OutputColumn("name", lambda one: str(one["Name"])),
    OutputColumn("size", lambda one: gigabytes(one["Size"]) if "Size" in one else ""),
    OutputColumn("changed", lambda one: moment(one.get("LastModified"))),
]


def cp(source: SourceArgument, target: TargetArgument, data: DataOption = None) -> None:
    """Copy a file, or a folder with everything in it, to or from S3."""
    _with_s3(data, lambda s3: _copy(s3, source, target))


def sync(
    source: SourceArgument,
    target: TargetArgument,
    data: DataOption = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete files of the target that the source lacks.")] = False,
) -> None:
    """Copy the files of a folder to or from S3 that differ in size, or are newer in the source."""
    _with_s3(data, lambda s3: _synchronise(s3, source, target, delete))


def ls(
    uri: Annotated[str, typer.Argument(help="An S3 URI; without it, all buckets.")] = "",
    data: DataOption = None,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List buckets, or folders and objects in S3. JSON has Name, and for objects Size and LastModified."""
    _with_s3(data, lambda s3: print_rows(_listed(s3, uri), LISTED, chosen(output, json)))


def _with_s3(data: Path | None, work: Callable[[Any], None]) -> None:
    """Calls `work` with a client of S3; ends the command with the server's message, or with why a copy is refused."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    from sagewright.cli.client import client
    from sagewright.cli.jobs.kinds import refuse

    try:
        work(client(settings_of(data=data), "s3"))
    except (ClientError, Boto3Error) as error:
        said = error if isinstance(error, ClientError) else error.__context__  # an upload's error wraps the server's
        if not isinstance(said, ClientError):
            fail(str(error), FAILURE)
        if bucket := _missing_bucket(said):
            fail(f"There is no bucket {bucket}. sagewright exec -- aws s3 mb s3://{bucket} creates it.", FAILURE)
        refuse(said)
    except (BotoCoreError, BadTransfer, OSError) as error:
        fail(str(error), FAILURE)


def _missing_bucket(error: Any) -> str:
    """Returns the name of the bucket that an error says does not exist, "" for other errors."""
    said = error.response["Error"]
    return str(said.get("BucketName", "")) if said.get("Code") == "NoSuchBucket" else ""


def _listed(s3: Any, uri: str) -> list[dict[str, Any]]:
    if not uri or uri == "s3://":
        return [{"Name": f"s3://{one['Name']}/"} for one in s3.list_buckets()["Buckets"]]
    place, found = S3Place.parse(uri), []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key, Delimiter="/"):
        found += [{"Name": S3Place(place.bucket, one["Prefix"]).uri} for one in page.get("CommonPrefixes", [])]
        for one in page.get("Contents", []):
            name = S3Place(place.bucket, one["Key"]).uri
            found.append({"Name": name, "Size": one["Size"], "LastModified": one["LastModified"]})
    return found


def _copy(s3: Any, source: str, target: str) -> None:
    upwards = _direction(source, target)
    progress = TransferProgress("copied")
    try:
        if upwards and Path(source).is_dir():
            for name, path in local_files(Path(source)):
                upload(s3, path, S3Place.parse(target).below(name), progress)
        elif upwards:
            place = S3Place.parse(target)
            named = place.below(Path(source).name) if not place.key or place.key.endswith("/") else place
            upload(s3, Path(source), named, progress)
        elif source.endswith("/") or not S3Place.parse(source).key:
            place = S3Place.parse(source)
            for one in objects_below(s3, place):
                if not one["Key"].endswith("/"):
                    path = local_path(Path(target), one["Key"].removeprefix(place.key))
                    download(s3, S3Place(place.bucket, one["Key"]), path, progress)
        else:
            place, path = S3Place.parse(source), Path(target)
            whole = path / place.key.rpartition("/")[2] if path.is_dir() or target.endswith("/") else path
            download(s3, place, whole, progress)
    finally:
        progress.close()
    _report(progress, f"{source} has no files.")


def _direction(source: str, target: str) -> bool:
    """Returns True for a copy to S3, False for one from it. Raises BadTransfer."""
    remote = source.startswith("s3://"), target.startswith("s3://")
    if remote[0] == remote[1]:
        raise BadTransfer("One of the two places has to be in S3 (s3://bucket/…), the other a path.")
    if not remote[0] and not Path(source).exists():
        raise BadTransfer(f"{source} does not exist.")
    return remote[1]


@dataclass(frozen=True)
class FileState:
    """Size and time of a file or an object, in seconds since the epoch."""

    size: int
    changed_s: float


def _synchronise(s3: Any, source: str, target: str, delete: bool) -> None:
    upwards = _direction(source, target)
    folder, uri = (Path(source), target) if upwards else (Path(target), source)
    if folder.exists() and not folder.is_dir():
        raise BadTransfer(f"{folder} is not a folder.")
    place = S3Place.parse(uri if uri.endswith("/") else f"{uri}/")
    local = {name: _state(path) for name, path in local_files(folder)}
    remote = {
        one["Key"].removeprefix(place.key): FileState(one["Size"], one["LastModified"].timestamp())
        for one in objects_below(s3, place)
        if not one["Key"].endswith("/")
    }
    here, there = (local, remote) if upwards else (remote, local)
    progress = TransferProgress("copied")
    try:
        for name, state in here.items():
            if not _differs(state, there.get(name)):
                continue
            if upwards:
                upload(s3, folder / name, place.below(name), progress)
            else:
                download(s3, place.below(name), local_path(folder, name), progress)
    finally:
        progress.close()
    extra = sorted(there.keys() - here.keys()) if delete else []
    _delete(s3, place if upwards else None, folder, extra)
    deleted = f", {len(extra)} deleted" if extra else ""
    typer.echo(
        f"{progress.files} files copied ({gigabytes(progress.bytes)}), {len(here) - progress.files} unchanged{deleted}"
    )


def _state(path: Path) -> FileState:
    found = path.stat()
    return FileState(found.st_size, found.st_mtime)


def _differs(source: FileState, target: FileState | None) -> bool:
    return target is None or source.size != target.size or source.changed_s > target.changed_s


def _delete(s3: Any, place: S3Place | None, folder: Path, names: list[str]) -> None:
    """Deletes objects below `place`, or files of the folder without one."""
    if place is None:
        for name in names:
            local_path(folder, name).unlink()
        return
    for first in range(0, len(names), _DELETED_AT_ONCE):
        keys = [{"Key": place.below(name).key} for name in names[first : first + _DELETED_AT_ONCE]]
        failed = s3.delete_objects(Bucket=place.bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors", [])
        if failed:
            raise BadTransfer(f"{failed[0]['Key']} is not deleted: {failed[0]['Message']}")


def _report(progress: TransferProgress, nothing: str) -> None:
    if not progress.files:
        raise BadTransfer(nothing)
    typer.echo(f"{progress.files} file{'s' if progress.files > 1 else ''} copied ({gigabytes(progress.bytes)})")
