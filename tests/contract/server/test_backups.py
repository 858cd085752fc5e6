"""Backups of a server under load, restored into a server that answers as the first did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
LARGE = 100_000


def run(*words: str, data: Path, environ: dict[str, str] | None = None, status: int = 0) -> str:
    done = subprocess.run(
        [COMMAND, *words, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environ or {})},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def started(server_class: type[RunningServer], data: Path, **environ: str) -> RunningServer:
    made = server_class(data, environ)
    made.start()
    return made


def test_a_backup_under_load_is_whole(
    own_server: RunningServer, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="load")
    own_server.run_shell("before", "true")
    own_server.wait("before")
    acknowledged: dict[str, bytes] = {}
    ends = threading.Event()

    def write(number: int) -> None:
        s3 = own_server.boto("s3")
        at = 0
        while not ends.is_set():
            key, body = f"{number}/{at}", os.urandom(LARGE if at % 2 else 100)
            s3.put_object(Bucket="load", Key=key, Body=body)
            acknowledged[key] = body
            if at % 3 == 0:
                s3.delete_object(Bucket="load", Key=key)
                del acknowledged[key]
            at += 1

    folder, backups = tmp_path_factory.mktemp("backups") / "all", []
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, number) for number in range(3)]
        try:
            for _ in range(3):
                time.sleep(0.6)
                before = dict(acknowledged)
                run("backup", str(folder), data=own_server.data)
                backups.append(before)
                time.sleep(1)  # the names of backups are seconds
        finally:
            ends.set()
        for one in writing:
            one.result()
    names = run("backup", str(folder), "--list", "-o", "name", data=own_server.data).split()
    assert len(names) == 3
    restored = tmp_path_factory.mktemp("restored") / "data"
    run("restore", str(folder), "--at", stamped(names[1]), data=restored)
    assert "0 missing, 0 corrupt" in run("objects", "scrub", data=restored)
    again = started(server_class, restored)
    try:
        s3 = again.boto("s3")
        for key, body in backups[1].items():
            try:
                assert s3.get_object(Bucket="load", Key=key)["Body"].read() == body
            except ClientError as error:  # deleted while the backup was taken
                assert error.response["Error"]["Code"] == "NoSuchKey"
                assert key not in acknowledged
        assert len(s3.list_objects_v2(Bucket="load")["Contents"]) > 3
        assert (
            again.boto("sagemaker").describe_training_job(TrainingJobName="before")["TrainingJobStatus"] == "Completed"
        )
        assert again.key() == own_server.key()
    finally:
        again.kill_everything()


def stamped(name: str) -> str:
    return f"{name[:4]}-{name[4:6]}-{name[6:11]}:{name[11:13]}:{name[13:]}"


def test_older_backups_go_with_their_bytes_and_a_killed_one_leaves_none(
    own_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own_server.start()
    s3, folder = own_server.boto("s3"), tmp_path_factory.mktemp("backups") / "all"
    s3.create_bucket(Bucket="backups")
    for name in ("first", "second"):
        s3.put_object(Bucket="backups", Key=name, Body=os.urandom(LARGE))
        run("backup", str(folder), "--keep", "1", data=own_server.data)
        s3.delete_object(Bucket="backups", Key=name)
        time.sleep(1.1)
    assert len([one for one in (folder / "blobs").glob("*/*") if one.is_file()]) <= 2
    s3.put_object(Bucket="backups", Key="third", Body=os.urandom(LARGE))
    process = subprocess.Popen([COMMAND, "backup", str(folder), "--data", str(own_server.data)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not list((folder / "backups").glob("*.unfinished")) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(1.1)
    run("backup", str(folder), "--keep", "1", data=own_server.data)
    assert not list((folder / "backups").glob("*.unfinished"))
    assert len(list((folder / "backups").iterdir())) == 1


def test_what_can_not_be_restored_says_why(own_server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    own_server.start()
    s3, place = own_server.boto("s3"), tmp_path_factory.mktemp("backups")
    s3.create_bucket(Bucket="backups")
    s3.put_object(Bucket="backups", Key="k", Body=os.urandom(LARGE))
    folder = place / "all"
    assert "contains no backups" in run("restore", str(folder), data=place / "x", status=1)
    run("backup", str(folder), data=own_server.data)
    assert "is not empty" in run("restore", str(folder), data=own_server.data, status=1)
    assert "is not an ISO 8601 time" in run("restore", str(folder), "--at", "yesterday", data=place / "x", status=1)
    assert "has no backup of 2020" in run("restore", str(folder), "--at", "2020-01-01", data=place / "x", status=1)
    (blob,) = [one for one in (folder / "blobs").glob("*/*") if one.is_file()]
    blob.write_bytes(blob.read_bytes()[:-1])
    assert "damaged" in run("restore", str(folder), data=place / "x", status=1)
    assert not (place / "x").exists()
    (place / "other").mkdir()
    (place / "other" / "file").write_text("x")
    assert "other files" in run("backup", str(place / "other"), data=own_server.data, status=1)


def test_postgresql_by_its_own_tools(
    postgres: Any, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("backups")
    urls, tools = (
        (postgres.new_store(), postgres.new_database()),
        {"PATH": f"{postgres.binaries}{os.pathsep}{os.environ['PATH']}"},
    )
    server = started(server_class, tmp_path_factory.mktemp("server"), SAGEWRIGHT_DATABASE=urls[0])
    try:
        server.boto("s3").create_bucket(Bucket="postgres")
        server.boto("s3").put_object(Bucket="postgres", Key="k", Body=b"x" * LARGE)
        run("backup", str(place / "all"), data=server.data, environ={"SAGEWRIGHT_DATABASE": urls[0], **tools})
    finally:
        server.kill_everything()
    restored = place / "data"
    run("restore", str(place / "all"), "--database", urls[1], data=restored, environ=tools)
    again = started(server_class, restored, SAGEWRIGHT_DATABASE=urls[1])
    try:
        assert again.boto("s3").get_object(Bucket="postgres", Key="k")["Body"].read() == b"x" * LARGE
    finally:
        again.kill_everything()
    postgres.give_back(urls[0])
