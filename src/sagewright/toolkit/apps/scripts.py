"""Life-cycle scripts, run in the sandbox before the program starts, each for five minutes at most.

Source: AWS's developer guide, "Lifecycle configurations". A script's output goes to the app's log while it runs, and the first
part of it to the script's own log stream. Processes that it leaves running go on.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagewright.toolkit.apps.errors import SetupFailed

LIMIT_S = 300
LIMIT_VARIABLE = "SAGEWRIGHT_TEST_SCRIPT_S"
MOST_LOGGED = 256 * 1024
_LINE, _BATCH = 8192, 1000
_LOOK_S = 0.1


def run(scripts: list[dict[str, str]], home: Path) -> None:
    """Runs each script: `name` of its configuration, `hook` (OnStart or OnCreate), `content` in base64, `group` and `stream` of its
    log. Raises SetupFailed."""
    for script in scripts:
        _run(script, home)


def _run(script: dict[str, str], home: Path) -> None:
    limit_s = float(os.environ.get(LIMIT_VARIABLE) or LIMIT_S)
    folder = Path(tempfile.mkdtemp(prefix="lifecycle-"))
    program, output = folder / script["hook"], folder / "output"
    program.write_bytes(base64.b64decode(script["content"]))
    program.chmod(0o755)
    called = f"The life-cycle configuration {script['name']} ({script['hook']})"
    print(f"{called} starts.", flush=True)
    with output.open("wb") as writing:
        try:
            process = subprocess.Popen(
                _command(program),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except OSError as error:
            raise SetupFailed(f"{called} can't be executed: {error.strerror}.") from None
    code = _watched(process, output, limit_s)
    _store(script, output)
    if code is None:
        raise SetupFailed(f"{called} did not end within its limit of {limit_s:g} s.")
    if code:
        raise SetupFailed(f"{called} ended with exit code {code}: {_last_line(output)}")


def _command(program: Path) -> list[str]:
    """Returns the program itself if it names its interpreter, otherwise as a script of bash."""
    return [str(program)] if program.read_bytes()[:2] == b"#!" else ["/bin/bash", str(program)]


def _watched(process: subprocess.Popen[bytes], output: Path, limit_s: float) -> int | None:
    """Returns the exit code, None if the script was ended at its limit. Prints its output meanwhile."""
    until = time.monotonic() + limit_s
    with output.open("rb") as reading:
        while (code := process.poll()) is None and time.monotonic() < until:
            if not _print(reading.read(_LINE * 8)):
                time.sleep(_LOOK_S)
        if code is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _print(reading.read(MOST_LOGGED))
    return code


def _print(read: bytes) -> bool:
    if read:
        print(read.decode(errors="replace"), end="", flush=True)
    return bool(read)


def _last_line(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _LINE))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it printed nothing."


def _store(script: dict[str, str], output: Path) -> None:
    """Stores the beginning of the output in the script's own log stream; the app's log says it if that fails."""
    if not script.get("stream"):
        return
    with output.open("rb") as file:
        lines = [line[:_LINE] for line in file.read(MOST_LOGGED).decode(errors="replace").splitlines()]
    try:
        _put(script["group"], script["stream"], lines or ["(no output)"])
    except Exception as error:
        print(f"The log stream {script['stream']} can't be written: {error}", flush=True)


def _put(group: str, stream: str, lines: list[str]) -> None:
    import boto3
    from botocore.exceptions import ClientError

    logs: Any = boto3.client("logs")
    calls: list[tuple[Any, dict[str, str]]] = [
        (logs.create_log_group, {"logGroupName": group}),
        (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ]
    for call, names in calls:
        try:
            call(**names)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise
    at_ms = int(time.time() * 1000)
    for first in range(0, len(lines), _BATCH):
        batch = [{"timestamp": at_ms, "message": line or " "} for line in lines[first : first + _BATCH]]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
