"""Channels of an agent that has nothing but S3, on a double of the server, each sandbox in turn."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.conftest import Start
from agent.double import Double, host_document
from agent.test_host import SANDBOXES, entry, prefix_channel
from sagewright.agent.control import Control
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.inputs import inputs
from sagewright.agent.optml import OptMl
from sagewright.agent.process.volume import Volume
from sagewright.sandbox.plain import PlainSandbox

ROOT = "import os, time; os.chdir(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt/' + 'ml') + '/input/data')\n"


def channels(double: Double, script: str, *modes: str) -> dict[str, Any]:
    """A request with a channel for each mode, named as the mode."""
    for i in range(3):
        double.put(f"s3://data/in/part-{i}", f"part {i};".encode())
    double.put("s3://data/in/deep/large", bytes(range(256)) * 20_000)
    given = [prefix_channel(mode.lower(), "s3://data/in/") | {"InputMode": mode} for mode in modes]
    return entry(ROOT + script, InputDataConfig=given)


READ = """
print(sorted(os.listdir('fastfile')), open('fastfile/part-1').read())
with open('fastfile/deep/large', 'rb') as file:
    print(file.seek(3_000_001) and list(file.read(3)), file.seek(10) and list(file.read(2)))
    file.seek(0)
    print(file.read() == bytes(range(256)) * 20_000, os.path.getsize('fastfile/deep/large'))
try: open('fastfile/part-1', 'w')
except OSError as error: print('refused')
print([line.split()[2] for line in open('/proc/self/mounts') if 'fastfile' in line and 'fuse' in line][:1])
"""


@SANDBOXES
def test_fastfile_is_a_mount_that_reads_on_demand(double: Double, start: Start, sandbox: str) -> None:
    start(sandbox=sandbox, request=channels(double, READ, "FastFile"))
    double.wait_finished()
    assert double.of("h1", "failed") == []
    listed, at_places, whole, refused, kind = double.lines("h1")[-5:]
    assert listed == "['deep', 'part-0', 'part-1', 'part-2'] part 1;"
    assert at_places == f"{[3_000_001 % 256, 3_000_002 % 256, 3_000_003 % 256]} [10, 11]"
    assert (whole, refused) == ("True 5120000", "refused")
    assert kind in {"['fuse']", "['fuse.sagewright']"}
    assert sum(int(end) - int(first) + 1 for first, end in double.ranges) < 3 * 5_120_000


@SANDBOXES
def test_pipes_from_s3(double: Double, start: Start, sandbox: str) -> None:
    script = "for k in range(2):\n  data = open(f'pipe_{k}', 'rb').read(); print(len(data), data[-21:])"
    start(sandbox=sandbox, request=channels(double, script, "Pipe"))
    double.wait_finished()
    assert double.lines("h1")[-2:] == ["5120021 b'part 0;part 1;part 2;'"] * 2


def mounts() -> set[str]:
    """All FUSE mounts that some process of this machine sees."""
    seen = set()
    for table in Path("/proc").glob("[0-9]*/mounts"):
        try:
            seen |= {line for line in table.read_text().splitlines() if line.startswith("sagewright ")}
        except OSError:
            continue
    return seen


def processes(host: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SAGEWRIGHT_HOST_ID") == host:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@SANDBOXES
def test_a_killed_agent_leaves_no_mount_and_no_process(double: Double, start: Start, sandbox: str) -> None:
    script = "file = open('fastfile/part-1'); pipe = open('pipe_0', 'rb')\n"
    script += "print('reading', file.read(1), pipe.read(1), flush=True)\n"
    request = channels(double, script + "time.sleep(600)", "FastFile", "Pipe")
    handle = start(sandbox=sandbox, request=request)
    double.wait(lambda: any(line.startswith("reading") for line in double.lines("h1")))
    host_id = str(handle["host_id"])
    assert processes(host_id)
    assert mounts()
    psutil.Process(int(handle["pid"])).kill()
    wait_for(lambda: not processes(host_id))
    wait_for(lambda: not mounts())


def test_fastfile_is_copied_and_says_so_where_fuse_is_closed(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host.json").write_text(json.dumps(host_document(double, request=channels(double, "", "FastFile"))))
    monkeypatch.setattr(inputs, "no_mounts_reason", lambda: "/dev/fuse cannot be opened")
    said: list[str] = []
    prepared = inputs.Inputs(
        read_host_file(tmp_path),
        OptMl(tmp_path / "ml"),
        Control(),
        said.append,
        Volume(read_host_file(tmp_path), Control().fail),
    )
    prepared.prepare(PlainSandbox())
    assert (tmp_path / "ml" / "input" / "data" / "fastfile" / "part-1").read_text() == "part 1;"
    assert said == ["Channel fastfile: FastFile mode by copying (/dev/fuse cannot be opened)."]
    with prepared.mounted() as mounts:
        assert mounts is None
