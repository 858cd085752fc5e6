"""The agent from end to end, on a double of the server."""

from __future__ import annotations

import io
import json
import signal
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.conftest import Start
from agent.double import PYTHON_IMAGE, Double, code_archive, script_request
from sagewright.compute.local import LocalBackend
from sagewright.model.clock import now_ms

SANDBOXES = pytest.mark.parametrize("sandbox", ["bwrap", "plain"])


def entry(script: str, **members: Any) -> dict[str, Any]:
    """A request that runs a Python script through ContainerEntrypoint, without the toolkit."""
    specification = {"TrainingImage": "python:3.11", "ContainerEntrypoint": ["python", "-c", script]}
    return {"AlgorithmSpecification": specification, **members}


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_block_soon_unless_the_job_has_a_policy_of_its_own(
    double: Double, start: Start, given: dict[str, str], spins: str
) -> None:
    start(request=entry("import os; print(os.environ.get('GOMP_SPINCOUNT'))", Environment=given))
    double.wait_finished()
    assert spins in double.lines("h1")


def prefix_channel(name: str, uri: str, **source: Any) -> dict[str, Any]:
    s3 = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated", **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": s3}}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@SANDBOXES
def test_a_script_runs_and_its_model_is_uploaded(double: Double, start: Start, sandbox: str) -> None:
    script = (
        "import os, sys, pathlib\n"
        "print('hello', sys.argv[1:])\n"
        "print('loss=0.25')\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text('weights')\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DATA_DIR'], 'plot.txt').write_text('plot')\n"
    )
    request = script_request(double, {"train.py": script}, epochs=3, name="x y")
    definitions = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    request["AlgorithmSpecification"] = {"TrainingImage": PYTHON_IMAGE, "MetricDefinitions": definitions}

    start(sandbox=sandbox, request=request, warnings=["a warning"])
    double.wait_finished()

    assert double.of("h1", "failed") == []
    lines = double.lines("h1")
    assert lines[0].startswith("Image python 3.11: running on Python 3.11")
    assert lines[1] == "a warning"
    assert "hello ['--epochs', '3', '--name', 'x y']" in lines
    assert double.metrics("h1") == [("loss", 0.25)]
    assert double.of("h1", "phase") == ["Downloading", "Running", "Uploading"]
    assert double.of("h1", "exited") == [{"code": 0, "cause": "exit", "failure": None}]
    assert double.archive("s3://out/base/job/output/model.tar.gz") == {"model.txt": b"weights"}
    assert double.archive("s3://out/base/job/output/output.tar.gz") == {"plot.txt": b"plot"}


@SANDBOXES
def test_a_failing_script_gives_its_code_and_its_tracebacks_end(double: Double, start: Start, sandbox: str) -> None:
    start(sandbox=sandbox, request=script_request(double, {"train.py": "raise ValueError('no such column: age')\n"}))
    double.wait_finished()

    (exited,) = double.of("h1", "exited")
    assert (exited["code"], exited["cause"]) == (1, "exit")
    assert exited["failure"].startswith("ExecuteUserScriptError:\nExitCode 1\nErrorMessage ")
    assert "ValueError: no such column: age" in exited["failure"][:1024]
    assert not double.objects.keys() & {("out", "base/job/output/model.tar.gz")}


@SANDBOXES
def test_channels_of_all_kinds(double: Double, start: Start, sandbox: str) -> None:
    for name in ("data/train/a.csv", "data/train/deep/b.csv", "data/train/deep/", "m/k1", "m/x/k2"):
        double.put(f"s3://in/{name}", b"" if name.endswith("/") else name.encode())
    double.put("s3://in/manifest", json.dumps([{"prefix": "s3://in/m/"}, "k1", "x/k2"]).encode())
    script = (
        "import os, pathlib, json\n"
        "root = pathlib.Path(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt' + '/ml'), 'input')\n"
        "files = sorted(str(f.relative_to(root / 'data')) for f in (root / 'data').rglob('*') if f.is_file())\n"
        "print(json.dumps(files))\n"
        "(root / 'data' / 'train' / 'new').write_text('channels can be written')\n"
        "print((root / 'config' / 'inputdataconfig.json').read_text())\n"
    )
    channels = [
        {**prefix_channel("train", "s3://in/data/train"), "ContentType": "text/csv"},
        prefix_channel("one", "s3://in/data/train/a.csv"),
        prefix_channel("listed", "s3://in/manifest", S3DataType="ManifestFile"),
    ]

    start(sandbox=sandbox, request=entry(script, InputDataConfig=channels))
    double.wait_finished()

    files, config = double.lines("h1")[1:]
    assert json.loads(files) == ["listed/k1", "listed/x/k2", "one/a.csv", "train/a.csv", "train/deep/b.csv"]
    assert json.loads(config)["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }


def test_shards_are_every_nth_key(double: Double, start: Start) -> None:
    for number in range(5):
        double.put(f"s3://in/s/{number}", b"x")
    script = "import os; print(sorted(os.listdir('/opt/ml/input/data/train')))"
    channels = [prefix_channel("train", "s3://in/s/", S3DataDistributionType="ShardedByS3Key")]

    for host in ("algo-1", "algo-2"):
        start(host=host, hosts=2, request=entry(script, InputDataConfig=channels))
    double.wait(lambda: double.of("h1", "exited") and double.of("algo-2", "finished"))

    assert double.lines("h1")[-1] == "['0', '2', '4']"
    assert double.lines("algo-2")[-1] == "['1', '3']"


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"InputDataConfig": [prefix_channel("train", "s3://in/none/")]},
            'No S3 objects found under S3 URL "s3://in/none/"',
        ),
        (
            {"InputDataConfig": [prefix_channel("train", "s3://in/none", S3DataType="ManifestFile")]},
            "Data download failed:",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"
                }
            },
            "Chainer's last release does not install on any Python that is still kept",
        ),
        ({"OutputDataConfig": {"S3OutputPath": "s3://full/x"}}, "Artifact upload failed:"),
    ],
)
def test_what_is_the_clients_fault(double: Double, start: Start, members: dict[str, Any], text: str) -> None:
    start(request={**entry("print(1)"), **members})
    double.wait_finished()

    (failed,) = double.of("h1", "failed")
    assert failed["class"] == "ClientError"
    assert text in failed["message"]


def test_code_that_is_not_there_is_the_clients_fault(double: Double, start: Start) -> None:
    request = script_request(double, {"train.py": ""})
    del double.objects["code", "sourcedir.tar.gz"]
    start(request=request)
    double.wait_finished()

    (failed,) = double.of("h1", "failed")
    assert failed["class"] == "ClientError"
    assert "Cannot get the code of the job from s3://code/sourcedir.tar.gz" in failed["message"]


@pytest.mark.parametrize(
    ("left_ms", "there", "printed"),
    [(60_000, True, "of the launch"), (-1, True, "of the store"), (60_000, False, "of the store")],
    ids=["named", "too old", "gone"],
)
def test_the_archive_that_the_server_names_is_used_for_a_moment(
    double: Double, start: Start, tmp_path: Path, left_ms: int, there: bool, printed: str
) -> None:
    request = script_request(double, {"train.py": "print('of the store')"})
    named = tmp_path / "named.tar.gz"
    if there:
        named.write_bytes(code_archive({"train.py": "print('of the launch')"}))
    start(request=request, code_file=str(named), code_until_ms=now_ms() + left_ms)
    double.wait_finished()
    assert printed in double.lines("h1")


def test_keys_cannot_leave_the_channel(double: Double, start: Start) -> None:
    double.put("s3://in/x/../../../evil", b"x")
    start(request=entry("print(1)", InputDataConfig=[prefix_channel("train", "s3://in/x")]))
    double.wait_finished()

    assert "would lead out of the channel's directory" in double.of("h1", "failed")[0]["message"]


_STUBBORN = """
import pathlib, signal, sys, time, os
root = pathlib.Path(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt' + '/ml'))
def on_term(*_):
    print('got SIGTERM')
    (root / 'model' / 'partial').write_text('partial')
    if 'stubborn' not in os.environ: sys.exit(0)
signal.signal(signal.SIGTERM, on_term)
print('ready')
while True: time.sleep(0.05)
"""


@SANDBOXES
@pytest.mark.parametrize("how", ["desired", "signal"])
def test_a_stop_reaches_the_process_and_its_model_is_kept(
    double: Double, start: Start, backend: LocalBackend, sandbox: str, how: str
) -> None:
    handle = start(sandbox=sandbox, request=entry(_STUBBORN))
    double.wait(lambda: "ready" in double.lines("h1"))
    if how == "desired":
        double.desired = lambda _host: "stop"
    else:
        backend.stop(handle)
    double.wait_finished()

    assert "got SIGTERM" in double.lines("h1")
    assert double.of("h1", "exited") == [{"code": 0, "cause": "stop", "failure": None}]
    assert double.archive("s3://out/base/job/output/model.tar.gz") == {"partial": b"partial"}


@SANDBOXES
def test_what_does_not_stop_is_killed_after_the_grace(double: Double, start: Start, sandbox: str) -> None:
    start(sandbox=sandbox, request=entry(_STUBBORN, Environment={"stubborn": "1"}), stop_grace_s=0.5)
    double.wait(lambda: "ready" in double.lines("h1"))
    double.desired = lambda _host: "stop"
    double.wait_finished()

    (exited,) = double.of("h1", "exited")
    assert (exited["code"], exited["cause"]) == (137, "stop")


def test_the_runtime_is_limited(double: Double, start: Start) -> None:
    start(request=entry(_STUBBORN), max_runtime_s=1)
    double.wait_finished()

    assert double.of("h1", "exited") == [{"code": 0, "cause": "max_runtime", "failure": None}]


_COUNT = "import time\nfor i in range(400):\n    print('line', i)\n    time.sleep(0.005)\n"


def test_every_line_is_kept_once_while_the_server_is_away(double: Double, start: Start) -> None:
    start(request=entry(_COUNT))
    double.wait(lambda: "line 20" in double.lines("h1"))
    double.stop()
    time.sleep(1)
    double.start()
    double.wait_finished()

    assert double.lines("h1")[1:] == [f"line {number}" for number in range(400)]
    assert ("out", "base/job/output/model.tar.gz") in double.objects


def test_every_line_is_kept_once_when_answers_are_lost(double: Double, start: Start) -> None:
    double.lose_answers = 6
    start(request=entry(_COUNT))
    double.wait_finished()

    assert double.lose_answers == 0
    assert double.lines("h1")[1:] == [f"line {number}" for number in range(400)]


_FAMILY = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import os, time; os.setsid(); time.sleep(1000)'])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(1000)
    os._exit(0)
print('ready')
time.sleep(1000 if 'stay' in os.environ else 0)
"""


def _of_host(double: Double) -> list[psutil.Process]:
    marker, found = f"SAGEWRIGHT_HOST_ID=h1~{double.name}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            alive = (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            if alive and marker in (process / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(process.name)))
        except (OSError, psutil.Error):
            continue
    return found


@SANDBOXES
def test_killing_the_agent_leaves_no_process(double: Double, start: Start, backend: LocalBackend, sandbox: str) -> None:
    handle = start(sandbox=sandbox, request=entry(_FAMILY, Environment={"stay": "1"}))
    double.wait(lambda: "ready" in double.lines("h1"))
    until(lambda: len(_of_host(double)) >= 3)

    psutil.Process(handle["pid"]).send_signal(signal.SIGKILL)
    until(lambda: not backend.poll(handle))
    backend.kill(handle)

    assert _of_host(double) == []


@SANDBOXES
def test_children_that_are_left_end_with_the_process(double: Double, start: Start, sandbox: str) -> None:
    start(sandbox=sandbox, request=entry(_FAMILY))
    double.wait_finished()

    assert _of_host(double) == []


def test_a_job_that_is_gone_ends_quietly(double: Double, start: Start, backend: LocalBackend) -> None:
    handle = start(request=entry(_STUBBORN))
    double.wait(lambda: "ready" in double.lines("h1"))
    double.desired = lambda _host: "gone"
    until(lambda: not backend.poll(handle))

    assert double.of("h1", "exited") == []


def test_without_a_network_only_loopback_is_there(double: Double, start: Start) -> None:
    script = (
        "import os, socket\n"
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); print('loopback')\n"
        "print(sorted(name for name in os.environ if name.startswith('AWS_')))\n"
        f"socket.create_connection(('127.0.0.1', {double.port}), 1)\n"
    )
    start(request=entry(script, EnableNetworkIsolation=True))
    double.wait_finished()

    lines = double.lines("h1")
    assert lines[1:3] == ["loopback", "['AWS_DEFAULT_REGION', 'AWS_REGION']"]
    assert "refused" in lines[-1]


def test_isolation_that_cannot_be_given_is_said_before_the_start(double: Double, start: Start) -> None:
    start(sandbox="plain", request=entry("print(1)", EnableNetworkIsolation=True))
    double.wait_finished()

    (failed,) = double.of("h1", "failed")
    assert failed["message"].startswith(
        "Network isolation (EnableNetworkIsolation) needs a sandbox where it can be cut off"
    )
    assert double.lines("h1") == []


def test_two_hosts_are_merged_by_the_first(double: Double, start: Start) -> None:
    script = (
        "import os, pathlib, socket\n"
        "host = socket.gethostname(); model = pathlib.Path('/opt/ml/model')\n"
        "print(socket.gethostbyname('algo-1'), socket.gethostbyname('algo-2'))\n"
        "(model / host).write_text(host); (model / 'both').write_text(host)\n"
        "pathlib.Path('/opt/ml/output/data', host).write_text('out')\n"
    )
    done = lambda: len(double.of("h1", "exited") + double.of("algo-2", "exited")) == 2  # noqa: E731
    double.desired = lambda _host: "collect" if done() else "run"
    for host in ("algo-1", "algo-2"):
        start(host=host, hosts=2, request=entry(script), network="shared")
    double.wait_finished("h1")

    assert double.lines("algo-2")[-1] == "127.10.0.1 127.10.0.2"
    model = double.archive("s3://out/base/job/output/model.tar.gz")
    assert model == {"algo-1": b"algo-1", "algo-2": b"algo-2", "both": b"algo-2"}
    assert set(double.archive("s3://out/base/job/output/output.tar.gz")) == {"algo-1", "algo-2"}


def test_output_without_compression(double: Double, start: Start) -> None:
    script = "import pathlib; m = pathlib.Path('/opt/ml/model/a'); m.mkdir(); (m / 'w').write_bytes(b'x' * 9_000_000)"
    output = {"S3OutputPath": "s3://out", "CompressionType": "NONE"}
    start(request=entry(script, OutputDataConfig=output))
    double.wait_finished()

    assert len(double.objects["out", "job/output/model/a/w"]) == 9_000_000


def test_an_empty_model_is_an_empty_archive(double: Double, start: Start) -> None:
    start(request=entry("print(1)"))
    double.wait_finished()

    assert double.archive("s3://out/base/job/output/model.tar.gz") == {}
    assert ("out", "base/job/output/output.tar.gz") not in double.objects


def _wheel(name: str) -> bytes:
    """The smallest wheel that pip installs."""
    out, info = io.BytesIO(), f"{name}-1.0.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}.py", "value = 42\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return out.getvalue()


@SANDBOXES
def test_pip_works_inside_and_changes_nothing_for_the_next_job(double: Double, start: Start, sandbox: str) -> None:
    double.put("s3://in/w/sagewright_tiny-1.0-py3-none-any.whl", _wheel("sagewright_tiny"))
    script = (
        "import importlib.util, os, subprocess, sys\n"
        "print('before', importlib.util.find_spec('sagewright_tiny'))\n"
        "links = os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt' + '/ml') + '/input/data/w'\n"
        "subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-index', '--find-links', links, "
        "'sagewright_tiny'], check=True)\n"
        "importlib.invalidate_caches(); import sagewright_tiny; print('value', sagewright_tiny.value)\n"
    )
    for number in (1, 2):
        host = f"pip-{number}"
        start(host_id=host, sandbox=sandbox, request=entry(script, InputDataConfig=[prefix_channel("w", "s3://in/w")]))
        double.wait_finished(host)
        assert double.lines(host)[1:] == ["before None", "value 42"]


def test_the_machine_is_not_seen_from_inside(double: Double, start: Start, tmp_path: Path) -> None:
    secret = tmp_path / "credentials"
    secret.write_text("secret")
    script = (
        "import os, pathlib\n"
        f"print([os.path.exists(p) for p in ({str(secret)!r}, {str(Path(__file__))!r}, '/etc/shadow', '/root/.bashrc')])\n"
        "print([p.name for p in pathlib.Path('/proc').iterdir() if p.name.isdigit() and int(p.name) > 9])\n"
        "for place in ('/usr/x', '/opt/sagewright/x'):\n"
        "    try: open(place, 'w'); print('could write', place)\n"
        "    except OSError: pass\n"
        "open('/tmp/mine', 'w'); print(os.path.exists('/tmp/mine'), os.getcwd())\n"
    )
    start(request=entry(script))
    double.wait_finished()

    assert double.lines("h1")[1:] == ["[False, False, False, False]", "[]", "True /opt/ml"]
    assert not Path("/tmp/mine").exists()


def test_odd_output_is_kept(double: Double, start: Start) -> None:
    script = (
        "import os, sys\n"
        "os.write(1, b'tab\\there\\nbytes \\xff\\n'); os.write(2, b'nul \\0 end\\r\\n'); os.write(1, b'x' * 300000 + b'\\n')\n"
        "os.write(1, b'no end')\n"
    )
    start(request=entry(script))
    double.wait_finished()

    first, second, third, *parts, last = double.lines("h1")[1:]
    assert (first, second, third) == (
        "tab#011here",
        "bytes \N{REPLACEMENT CHARACTER}",
        "nul \N{REPLACEMENT CHARACTER} end",
    )
    assert [len(part) for part in parts] == [256 * 1024, 300000 - 256 * 1024]
    assert last == "no end"


def test_a_broken_agent_says_so(double: Double, start: Start, tmp_path: Path) -> None:
    start(environments="/proc/nowhere", request=entry("print(1)"))
    double.wait_finished()

    (failed,) = double.of("h1", "failed")
    assert failed["class"] == "InternalServerError"
    assert "Traceback" in (tmp_path / "h1" / "agent.log").read_text()


def test_an_archive_of_code_cannot_leave_its_directory(double: Double, start: Start) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../evil"))
    request = script_request(double, {"train.py": ""})
    double.put("s3://code/sourcedir.tar.gz", out.getvalue())
    start(request=request)
    double.wait_finished()

    (exited,) = double.of("h1", "exited")
    assert exited["code"] == 2  # the client's fault
    assert exited["failure"].startswith("Cannot get the code of the job from s3://code/sourcedir.tar.gz: ")
