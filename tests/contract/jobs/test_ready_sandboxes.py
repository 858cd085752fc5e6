"""A job that runs in a sandbox that was made before it sees what it sees in one that is made for it."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.readiness import ran_ahead, spares, until_ready

from sagewright.agent.cells.cell import cell_group
from sagewright.sandbox.cgroups import find_cgroups

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
WORLD = (Path(__file__).parents[1] / "programs" / "world.py").read_text()
ENCODED = base64.b64encode(WORLD.encode()).decode()
PIECES = {f"piece{at:05}": ENCODED[at : at + 2000] for at in range(0, len(ENCODED), 2000)}
RUN_PIECES = (
    "import base64, json; p = json.load(open('/opt/ml/input/config/hyperparameters.json')); "
    "exec(base64.b64decode(''.join(p[k] for k in sorted(p))).decode())"
)
"""An argument of an entry point is short: the program comes in hyperparameters."""
BUCKET = "ready-sandboxes"
OWN = re.compile(r"[0-9a-f]{32}|ready-[0-9a-f]+|ASIA\w+")
TRIES = 8


@pytest.fixture(scope="module")
def servers(server_with: Callable[..., RunningServer]) -> Iterator[dict[str, RunningServer]]:
    """One that keeps sandboxes ready, and one that does not."""
    made = {"ahead": server_with(), "now": server_with(SAGEWRIGHT_READY_SANDBOXES="0")}
    for one in made.values():
        one.boto("s3").create_bucket(Bucket=BUCKET)
    yield made


def submit(server: RunningServer, script: str | None, entrypoint: list[str], **changes: Any) -> str:
    """A job of a script in script mode, or of an entry point; its name."""
    name = f"ready-{uuid.uuid4().hex}"
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100},
        "HyperParameters": {"epochs": "3", "name": '"a b"'},
    }
    if entrypoint:
        request["AlgorithmSpecification"] |= {
            "ContainerEntrypoint": entrypoint[:1],
            "ContainerArguments": entrypoint[1:],
        }
    if script is not None:
        server.boto("s3").put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=packed(script))
        request["HyperParameters"] |= {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{BUCKET}/code/{name}.tar.gz",
        }
    server.boto("sagemaker").create_training_job(**(request | changes))
    return name


def packed(script: str, others: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in {"train.py": script, **(others or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def outcome(
    server: RunningServer, script: str | None, entrypoint: list[str], **changes: Any
) -> tuple[dict[str, Any], list[str]]:
    """How the job ended, and what it logged. On the server that keeps sandboxes ready it ran in one, or there is none for it."""
    for _attempt in range(TRIES):
        if server.environ.get("SAGEWRIGHT_READY_SANDBOXES") != "0":
            until_ready(server)
        name = submit(server, script, entrypoint, **changes)
        found = server.wait(name)
        if server.environ.get("SAGEWRIGHT_READY_SANDBOXES") == "0" or ran_ahead(server):
            return found, [OWN.sub("N", line) for line in server.lines(name)]
    raise AssertionError("no job ran in a sandbox that was ready")


@pytest.fixture(scope="module")
def used(servers: dict[str, RunningServer]) -> dict[str, RunningServer]:
    """A job has run on each, so that the environment is there."""
    for one in servers.values():
        one.wait(submit(one, None, ["bash", "-c", "true"]))
    return servers


def worlds(
    used: dict[str, RunningServer], script: str | None, entrypoint: list[str], **changes: Any
) -> list[dict[str, Any]]:
    found = []
    for one in (used["now"], used["ahead"]):
        ended, lines = outcome(one, script, entrypoint, **changes)
        assert ended["TrainingJobStatus"] == "Completed", "\n".join(lines)[-1500:]
        said = [line.replace(one.endpoint, "ENDPOINT").split(" ", 2) for line in lines if line.startswith("WORLD ")]
        found.append({name: json.loads(value) for _world, name, value in said})
        assert len(found[-1]) > 20
    return found


SECRETS = ("AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "AWS_ACCESS_KEY_ID=")


def comparable(world: dict[str, Any]) -> dict[str, Any]:
    variables = [one.partition("=")[0] if one.startswith(SECRETS) else one for one in world["environ"]]
    return {**world, "environ": variables}


@pytest.mark.parametrize("environment", [{}, {"ANSWER": "42", "PATH": "/bin", "EMPTY": "", "LONG": "x" * 500}])
def test_a_script_sees_the_same_world(used: dict[str, RunningServer], environment: dict[str, str]) -> None:
    now, ahead = worlds(used, WORLD, [], Environment=environment)
    for name, value in comparable(now).items():
        assert comparable(ahead)[name] == value, name


@pytest.mark.parametrize("environment", [{}, {"PYTHONPATH": "/opt/ml/code", "LANG": "C", "LD_LIBRARY_PATH": "/opt/ml"}])
def test_an_entry_point_sees_the_same_world(used: dict[str, RunningServer], environment: dict[str, str]) -> None:
    now, ahead = worlds(
        used, None, ["python", "-c", RUN_PIECES, "--an", "argument"], Environment=environment, HyperParameters=PIECES
    )
    for name, value in comparable(now).items():
        assert comparable(ahead)[name] == value, name


ENDINGS: list[tuple[str | None, list[str]]] = [
    (None, ["no-such-program", "x"]),
    (None, ["/opt/ml/input", "x"]),
    (None, ["/opt/ml/input/config/hyperparameters.json", "x"]),
    (None, ["", "x"]),
    (None, ["bash", "-c", "echo out; echo err >&2; exit 3"]),
    (None, ["bash", "-c", "kill -9 $$"]),
    (None, ["bash", "-c", "kill -PIPE $$"]),
    (None, ["bash", "-c", "sleep 60 & echo left; true"]),
    (None, ["sh", "-c", "cat; echo end of input"]),
    ("print('no end of line', end='')", []),
    ("import sys; sys.exit(4)", []),
    ("import os; os.abort()", []),
    ("raise ValueError('wrong')", []),
    ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", []),
]


Ended = tuple[dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def usual(used: dict[str, RunningServer]) -> list[Ended]:
    """How they end in sandboxes that are made for them: all of them at the same time."""
    server = used["now"]
    names = [submit(server, script, entrypoint) for script, entrypoint in ENDINGS]
    return [(server.wait(name), [OWN.sub("N", line) for line in server.lines(name)]) for name in names]


@pytest.mark.parametrize("number", range(len(ENDINGS)), ids=[str(one) for one in ENDINGS])
def test_a_job_ends_alike(used: dict[str, RunningServer], usual: list[Ended], number: int) -> None:
    (now, said), (ahead, said_ahead) = usual[number], outcome(used["ahead"], *ENDINGS[number])
    endings = [(one["TrainingJobStatus"], OWN.sub("N", one.get("FailureReason", ""))) for one in (now, ahead)]
    assert endings[0] == endings[1]
    assert without_times(said) == without_times(said_ahead)


def without_times(lines: list[str]) -> list[str]:
    return [re.sub(r"\d{4}-\d\d-\d\d [\d:,]+ ", "", line) for line in lines]


def test_a_stop_reaches_the_process(used: dict[str, RunningServer]) -> None:
    until_ready(used["ahead"])
    shell = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    name = submit(used["ahead"], None, ["bash", "-c", shell])
    used["ahead"].when_logged(name, "ready")
    assert ran_ahead(used["ahead"])
    used["ahead"].boto("sagemaker").stop_training_job(TrainingJobName=name)
    assert used["ahead"].wait(name)["TrainingJobStatus"] == "Stopped"
    assert "told" in used["ahead"].lines(name)


def test_a_job_is_held_to_its_share(used: dict[str, RunningServer]) -> None:
    if not find_cgroups().places:
        pytest.skip("no control groups here")
    held = []
    for which in ("now", "ahead"):
        if which == "ahead":
            until_ready(used[which])
        name = submit(used[which], None, ["bash", "-c", "echo ready; sleep 60"])
        used[which].when_logged(name, "ready")
        assert ran_ahead(used[which]) == (which == "ahead")
        group = cell_group(used[which].handles()[-1]["group"])
        assert group is not None
        settings = [
            file for place in set(group.directories.values()) for file in sorted(place.glob("*")) if is_limit(file)
        ]
        held.append({file.name: file.read_text() for file in settings})
        assert len(group.pids()) >= 2
        used[which].boto("sagemaker").stop_training_job(TrainingJobName=name)
        used[which].wait(name)
        assert not any(place.exists() for place in group.directories.values())
    assert held[0] == held[1]
    assert len(held[0]) >= 3


def is_limit(file: Path) -> bool:
    return (
        file.name.endswith((".limit_in_bytes", ".cfs_quota_us", ".cfs_period_us", ".max")) and "kmem" not in file.name
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"EnableNetworkIsolation": True},
        {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
    ],
)
def test_a_job_that_asks_for_another_view_gets_one_of_its_own(
    used: dict[str, RunningServer], changes: dict[str, Any]
) -> None:
    until_ready(used["ahead"])
    name = submit(used["ahead"], None, ["bash", "-c", "echo done"], **changes)
    assert used["ahead"].wait(name)["TrainingJobStatus"] == "Completed"
    assert not ran_ahead(used["ahead"])


LOOK = (
    "cd /opt/ml/input/data/train; find . -type f -printf '%P %u %s\\n' | sort; cat a; "
    "echo changed >> a; ln a b; rm sub/c; cat b; touch new; ls"
)


@pytest.mark.parametrize("size", [1000, 20 << 20], ids=["small", "large"])
def test_a_channel_is_there_and_is_the_jobs_own(used: dict[str, RunningServer], size: int) -> None:
    """A small one is copied into the sandbox that is there; for a large one another is made."""
    said = {}
    for which, server in used.items():
        s3 = server.boto("s3")
        for key, body in (("a", b"as it was\n"), ("sub/c", bytes(size))):
            s3.put_object(Bucket=BUCKET, Key=f"channel-{size}/{key}", Body=body)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/channel-{size}/"}
        channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
        if which == "ahead":
            until_ready(server)
        name = submit(server, None, ["bash", "-c", LOOK], InputDataConfig=[channel])
        assert server.wait(name)["TrainingJobStatus"] == "Completed", server.lines(name)
        assert ran_ahead(server) == (which == "ahead")
        said[which] = server.lines(name)[-8:]
        for key in ("a", "sub/c"):
            kept = s3.head_object(Bucket=BUCKET, Key=f"channel-{size}/{key}")["ContentLength"]
            assert kept == (10 if key == "a" else size)
    assert said["ahead"] == said["now"]
    assert "as it was" in said["now"]


def test_variables_of_the_interpreter_reach_the_toolkit(used: dict[str, RunningServer]) -> None:
    """One that stands has not read them."""
    until_ready(used["ahead"])
    name = submit(used["ahead"], "print('done')", [], Environment={"PYTHONHASHSEED": "1"})
    assert used["ahead"].wait(name)["TrainingJobStatus"] == "Completed"
    assert not ran_ahead(used["ahead"])


def test_requirements_are_installed_in_a_sandbox_of_its_own(used: dict[str, RunningServer]) -> None:
    """The script runs twice: where the toolkit finds the file, and where it has been looked after."""
    until_ready(used["ahead"])
    name = f"ready-{uuid.uuid4().hex}"
    code = packed(
        "import os; print('installed', os.environ['SAGEWRIGHT_REQUIREMENTS'])", {"requirements.txt": "# nothing\n"}
    )
    used["ahead"].boto("s3").put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=code)
    words = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/{name}.tar.gz"}
    job = submit(used["ahead"], None, [], HyperParameters=words)
    assert used["ahead"].wait(job)["TrainingJobStatus"] == "Completed"
    assert ran_ahead(used["ahead"])
    assert "installed inside" in used["ahead"].lines(job)


def test_hashes_differ_from_job_to_job(used: dict[str, RunningServer]) -> None:
    """A waiting interpreter has drawn its seed, and serves one job."""
    said = {outcome(used["ahead"], "print('HASH', hash('a word'))", [])[1][-2] for _job in range(2)}
    assert len(said) == 2


BELOW = "import sys; below = sys._getframe().f_back; print('TWIN' if below else 'NEW', flush=True)"


@pytest.mark.parametrize(
    ("others", "environment", "said"),
    [
        ({}, {}, "TWIN"),
        ({"stat.py": ""}, {}, "NEW"),
        ({}, {"ANSWER": "42"}, "NEW"),
        ({"other.py": "x = 1"}, {}, "TWIN"),
    ],
)
def test_a_script_runs_in_the_interpreter_that_waits_where_it_is_as_a_new_one(
    used: dict[str, RunningServer], others: dict[str, str], environment: dict[str, str], said: str
) -> None:
    """Not where the job has files or variables that the start of a Python might have seen."""
    server = used["ahead"]
    server.boto("s3").put_object(Bucket=BUCKET, Key="twin.tar.gz", Body=packed(BELOW, others))
    words = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/twin.tar.gz"}
    ended, lines = outcome(server, None, [], HyperParameters=words, Environment=environment)
    assert ended["TrainingJobStatus"] == "Completed", lines
    assert said in lines


ALGORITHM = {
    "AlgorithmSpecification": {
        "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
        "TrainingInputMode": "File",
    },
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "ContentType": "text/csv;label_size=0",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows/"}},
        }
    ],
}
MEASURED = re.compile(r"\[[^]]*\] |[-+]?\d[\d.e+-]*")
"""Times, processes and measures."""


def has_imported(server: RunningServer, module: str) -> bool:
    """Whether a toolkit of a ready sandbox has a library of that name loaded."""
    inside = [one for spare in spares(server) for one in spare.children(recursive=True)]
    return any(module in Path(f"/proc/{one.pid}/maps").read_text() for one in inside)


@pytest.mark.parametrize("changes", [{}, {"k": "0"}, {"init_method": "none"}], ids=["trains", "a bound", "a word"])
def test_a_built_in_algorithm_ends_alike_where_it_was_imported_before(
    used: dict[str, RunningServer], changes: dict[str, str]
) -> None:
    """Comes last in this file: others find a ready sandbox of their own kind."""
    rows = "".join(f"{at % 7},{at % 5}\n" for at in range(200)).encode()
    request = ALGORITHM | {"HyperParameters": {"k": "3", "feature_dim": "2", **changes}}
    found = []
    for server in (used["now"], used["ahead"]):
        server.boto("s3").put_object(Bucket=BUCKET, Key="rows/a.csv", Body=rows)
        server.wait(submit(server, None, [], **request))
    deadline = time.monotonic() + 60
    while not has_imported(used["ahead"], "_multiarray_umath"):
        assert time.monotonic() < deadline, "no ready sandbox has NumPy"
        time.sleep(0.05)
    for server in (used["now"], used["ahead"]):
        ended, lines = outcome(server, None, [], **request)
        found.append((ended["TrainingJobStatus"], OWN.sub("N", ended.get("FailureReason", "")), len(lines)))
        found.append([MEASURED.sub("", line) for line in lines if not line.startswith("#metrics")])
    assert found[:2] == found[2:]
    assert found[0][0] == ("Failed" if changes else "Completed")
