"""`sagewright processing history`: Spark's own history pages over the event logs of a job."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

import sagewright
from sagewright.agent.library import staged_library
from sagewright.cli.client import client
from sagewright.cli.jobs.kinds import JobKind, refuse
from sagewright.cli.lean import lean_client
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.jobfiles.removal import remove_tree
from sagewright.model.settings import Settings
from sagewright.runtimes.environments import EnvironmentFailed, Environments
from sagewright.runtimes.images import resolve_image
from sagewright.sandbox.base import Launch, Unavailable
from sagewright.sandbox.choose import choose_sandbox

IMAGE = "sagemaker-spark-processing"
EVENTS = "/opt/ml/processing/spark-events"
_UP_S = 120
_MOST_LOGS, _MOST_BYTES = 10_000, 2 << 30


def show_history(kind: JobKind, name: str, port: int, data: DataOption) -> None:
    """Serve the pages until Ctrl-C. `name`: a job's or an S3 URI."""
    settings = settings_of(data=data)
    uri = name if name.startswith("s3://") else _events_of(kind.describe(lean_client(settings, "sagemaker"), name))
    with tempfile.TemporaryDirectory(prefix="sagewright-history-", ignore_cleanup_errors=True) as scratch:
        place = Path(scratch)
        count = _bring(client(settings, "s3"), uri, place / "ml" / "processing" / "spark-events")
        if count == 0:
            fail(f"There are no event logs in {uri}.")
        try:
            _serve(settings, place, port or _free_port(), count)
        except (EnvironmentFailed, Unavailable) as error:
            fail(str(error))
        finally:
            for directory in place.iterdir():
                remove_tree(directory)


def _events_of(job: dict[str, Any]) -> str:
    outputs = [one.get("S3Output", {}) for one in job.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    uris = [str(one["S3Uri"]) for one in outputs if one.get("LocalPath", "").rstrip("/") == EVENTS]
    if not uris:
        fail(f"The job {job['ProcessingJobName']} keeps no event logs: run it with spark_event_logs_s3_uri.")
    return uris[0]


def _bring(s3: Any, uri: str, target: Path) -> int:
    """Returns the number of downloaded event logs."""
    parts = urlsplit(uri)
    prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
    target.mkdir(parents=True)
    count = size = 0
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix):
            for found in page.get("Contents", []):
                file = found["Key"].rpartition("/")[2]
                if file in {"", ".", ".."}:
                    continue
                count, size = count + 1, size + found["Size"]
                if count > _MOST_LOGS or size > _MOST_BYTES:
                    fail(
                        f"{uri} contains more than {_MOST_LOGS} event logs or {_MOST_BYTES >> 30} GiB; name a longer prefix."
                    )
                s3.download_file(parts.netloc, found["Key"], str(target / file))
    except ClientError as error:
        refuse(error)
    except (OSError, ValueError) as error:
        fail(f"The event logs in {uri} cannot be downloaded: {error}")
    return count


def _serve(settings: Settings, place: Path, port: int, count: int) -> None:
    """Serves the pages in a sandbox, since event logs are written by jobs: it sees only them and Spark."""
    console.print(f"{count} event logs; preparing Spark's history server.")
    environments = Environments(settings.environments_dir, settings.framework_versions)
    environment = environments.ensure(resolve_image(IMAGE), console.print)
    sandbox, reason = choose_sandbox(settings.sandbox, place)
    if sandbox.name == "plain":
        console.print(f"The history server runs without isolation: {reason}.")
    (place / "tmp").mkdir()
    launch = Launch(
        argv=["python", "-m", "sagewright.toolkit.spark.history", str(port)],
        directory=place,
        environ={"LANG": "C.UTF-8", "SAGEWRIGHT_CPUS": str(min(os.cpu_count() or 1, 4))},
        host="history",
        addresses={},
        library=staged_library(Path(sagewright.__file__).parent, settings.environments_dir),
        environment=environment.path,
    )
    command = sandbox.command(launch)
    for number in (signal.SIGINT, signal.SIGTERM):  # shells start background commands with Ctrl-C ignored
        signal.signal(number, signal.default_int_handler)
    try:
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command.wrapper, *command.argv],
                env=command.environ,
                cwd=command.cwd,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=command.descriptors,
            )
        try:
            _await(process, port, place / "log")
            console.print(f"http://127.0.0.1:{port}/ (Ctrl-C ends it)")
            process.wait()
        except KeyboardInterrupt:
            pass
        finally:
            process.kill()
            process.wait()
    finally:
        sandbox.close(place)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _UP_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                fail(f"Spark's history server did not start: {log.read_bytes()[-1500:].decode(errors='replace')}")
            time.sleep(0.2)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
