"""Channels of every mode and data type, driven by plain boto3, beside the embedded object store and through S3."""

from __future__ import annotations

import gzip
import json
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.agent.inputs.inputs import SMALL_FILES

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "python:3.11"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "inputs"
RUN = (
    "import json, os, sys, time; os.chdir('/opt/ml/input/data'); "
    "exec(json.loads(json.load(open('/opt/ml/input/config/hyperparameters.json'))['script']))"
)


@pytest.fixture(scope="module", params=["true", "false"], ids=["beside", "through S3"])
def server(
    request: pytest.FixtureRequest,
    server_with: Callable[..., RunningServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> RunningServer:
    """One that gives links, and one whose agents have nothing but S3."""
    folder = tmp_path_factory.mktemp("efs")
    (folder / "sets").mkdir()
    (folder / "sets" / "a.txt").write_text("on a file system")
    running = server_with(
        SAGEWRIGHT_LINK_CHANNELS=request.param, SAGEWRIGHT_FILE_SYSTEMS=f"fs-0123456789abcdef0={folder}"
    )
    s3 = running.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    for i in range(6):
        s3.put_object(Bucket=BUCKET, Key=f"data/part-{i}", Body=f"part {i}\n")
        s3.put_object(Bucket=BUCKET, Key=f"packed/part-{i}.gz", Body=gzip.compress(f"part {i}\n".encode()))
    s3.put_object(Bucket=BUCKET, Key="data/deep/er", Body=b"deep")
    return running


def channel(name: str, uri: str, mode: str = "", **changes: Any) -> dict[str, Any]:
    members = {
        key: changes.pop(key)
        for key in list(changes)
        if key in {"RecordWrapperType", "CompressionType", "ShuffleConfig"}
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{uri}", **changes}
    own = {"InputMode": mode} if mode else {}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members, **own}


def create(server: RunningServer, name: str, script: str, channels: list[dict[str, Any]], **changes: Any) -> None:
    mode = changes.pop("TrainingInputMode", "File")
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": mode,
            "ContainerEntrypoint": ["python", "-c", RUN],
        },
        "HyperParameters": {"script": json.dumps(script)},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "InputDataConfig": channels,
    }
    server.boto("sagemaker").create_training_job(**(request | changes))


def said(server: RunningServer, name: str) -> list[str]:
    """Lines that the script printed with the prefix `> `."""
    job = server.wait(name)
    lines = server.lines(name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines, server.log())
    return [line[2:] for line in lines if line.startswith("> ")]


def is_beside(server: RunningServer) -> bool:
    return server.environ["SAGEWRIGHT_LINK_CHANNELS"] == "true"


WALK = """
for top, _, files in os.walk('.'):
    for file in files:
        path = os.path.join(top, file)
        print('>', path, repr(open(path).read()), os.stat(path).st_nlink)
"""


def test_a_file_channel_can_be_written_and_the_objects_stay(server: RunningServer, job_name: str) -> None:
    script = """
path = 'train/part-0'
before = os.stat(path)
os.chmod(path, 0o755)
open(path, 'a').write('changed')
os.truncate('train/part-1', 0)
os.unlink('train/part-2')
os.rename('train/part-3', 'train/moved')
open('train/moved', 'r+b').write(b'XXXX')
os.link('train/part-4', 'train/link'); open('train/link', 'w').write('linked')
os.chmod('train/part-5', 0o600); os.utime('train/part-5', (0, 0)); os.chown('train/part-5', 0, 0)
print('>', sorted(os.listdir('train')))
assert open(path).read() == 'part 0\\nchanged' and os.path.getsize('train/part-1') == 0
"""
    create(server, job_name, script, [channel("train", "data/")])
    assert said(server, job_name) == ["['deep', 'link', 'moved', 'part-0', 'part-1', 'part-4', 'part-5']"]
    for i in range(6):
        assert (
            server.boto("s3").get_object(Bucket=BUCKET, Key=f"data/part-{i}")["Body"].read() == f"part {i}\n".encode()
        )


def test_a_file_channel_beside_the_store_is_links(server: RunningServer, job_name: str) -> None:
    for i in range(SMALL_FILES + 1):  # fewer may be copied
        server.boto("s3").put_object(Bucket=BUCKET, Key=f"many/part-{i:03}", Body=b"part\n")
    create(server, job_name, WALK, [channel("train", "many/part-")])
    links = 2 if is_beside(server) else 1
    names = [f"part-{i:03}" for i in range(SMALL_FILES + 1)]
    assert sorted(said(server, job_name)) == [rf"./train/{name} 'part\n' {links}" for name in names]


def test_what_a_job_sees_stays_when_objects_are_replaced_and_deleted(server: RunningServer, job_name: str) -> None:
    s3 = server.boto("s3")
    for name in ("stay/a", "stay/b"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"old")
    script = f"""
print('ready', flush=True)
time.sleep({12.5 if is_beside(server) else 1})  # longer than a deleted blob waits for its readers
print('>', open('train/a').read(), open('train/b').read())
first = open('piped_0').read()
print('>', first, open('piped_1').read())
"""
    create(server, job_name, script, [channel("train", "stay/"), channel("piped", "stay/", "Pipe")])
    when_logged(server, job_name, "ready")
    s3.put_object(Bucket=BUCKET, Key="stay/a", Body=b"new")
    if is_beside(server):
        s3.delete_object(Bucket=BUCKET, Key="stay/b")
    kept, piped = said(server, job_name)
    assert kept == "old old"
    assert piped == ("oldold oldold" if is_beside(server) else "newold newold")


def when_logged(server: RunningServer, name: str, text: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if text in server.lines(name):
                return
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        time.sleep(0.05)
    raise AssertionError(f"{name} did not log {text!r}\n{server.log()}")


def test_a_fastfile_channel_is_read_only(server: RunningServer, job_name: str) -> None:
    script = """
def refused(act):
    try:
        act()
    except OSError:
        return True
acts = [
    lambda: open('train/part-0', 'w'), lambda: os.truncate('train/part-0', 0), lambda: os.chmod('train/part-0', 0o777),
    lambda: os.unlink('train/part-0'), lambda: open('train/new', 'w'), lambda: os.rename('train/part-0', 'train/x'),
    lambda: os.link('train/part-0', 'train/y'), lambda: os.utime('train/part-0', (0, 0)), lambda: os.mkdir('train/z'),
]
print('>', [number for number, act in enumerate(acts) if not refused(act)])
print('>', open('train/part-3').read().strip(), open('train/deep/er').read(), sorted(os.listdir('train')))
file = open('train/part-4', 'rb'); file.seek(2); print('>', file.read(3))
"""
    create(server, job_name, script, [channel("train", "data", "FastFile")])
    names = ["deep", *(f"part-{i}" for i in range(6))]
    assert said(server, job_name) == ["[]", f"part 3 deep {names}", "b'rt '"]


READ_PIPE = """
def epoch(name, number):
    with open(f'{name}_{number}', 'rb') as pipe:
        return pipe.read()
"""


def test_a_pipe_carries_all_objects_in_each_epoch(server: RunningServer, job_name: str) -> None:
    script = READ_PIPE + "for k in range(3): print('>', epoch('train', k), sorted(os.listdir('.')))"
    create(server, job_name, script, [channel("train", "data/part-")], TrainingInputMode="Pipe")
    everything = "".join(f"part {i}\n" for i in range(6)).encode()
    assert [line.partition(" [")[0] for line in said(server, job_name)] == [str(everything)] * 3


def test_gzip_and_recordio_in_pipes(server: RunningServer, job_name: str) -> None:
    script = READ_PIPE + "print('>', epoch('plain', 0), '|', epoch('framed', 0), '|', epoch('both', 0))"
    channels = [
        channel("plain", "packed/part-1", CompressionType="Gzip"),
        channel("framed", "data/part-1", RecordWrapperType="RecordIO"),
        channel("both", "packed/part-1", RecordWrapperType="RecordIO", CompressionType="Gzip"),
    ]
    create(server, job_name, script, channels, TrainingInputMode="Pipe")
    frame = struct.pack("<II", 0xCED7230A, 7) + b"part 1\n\0"
    (line,) = said(server, job_name)
    assert line == f"{b'part 1' + bytes([10])} | {frame} | {frame}"


def test_a_reader_that_closes_early_gets_the_next_epoch(server: RunningServer, job_name: str) -> None:
    server.boto("s3").put_object(Bucket=BUCKET, Key="large/object", Body=b"0123456789" * 1_000_000)
    script = """
for k in range(4):
    with open(f'train_{k}', 'rb', buffering=0) as pipe:
        print('>', pipe.read(10))
print('>', len(open('train_4', 'rb').read()))
"""
    create(server, job_name, script, [channel("train", "large/")], TrainingInputMode="Pipe")
    assert said(server, job_name) == ["b'0123456789'"] * 4 + ["10000000"]


def test_a_pipe_that_nobody_opens_does_not_hold_the_job(server: RunningServer, job_name: str) -> None:
    create(server, job_name, "print('>', os.path.exists('train_0'))", [channel("train", "data/", "Pipe")])
    assert said(server, job_name) == ["True"]


def test_shuffled_epochs_differ_and_are_the_same_for_a_seed(server: RunningServer, job_name: str) -> None:
    script = READ_PIPE + "print('>', [epoch('a', k) for k in range(4)] == [epoch('b', k) for k in range(4)])\n"
    script += "seen = [epoch('c', k) for k in range(6)]\n"
    script += "print('>', len(set(seen)) > 1, {bytes(sorted(each)) for each in seen} == {bytes(sorted(epoch('d', 0)))})"
    channels = [
        channel(name, "data/part-", ShuffleConfig={"Seed": seed}) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    create(server, job_name, script, [*channels, channel("d", "data/part-")], TrainingInputMode="Pipe")
    assert said(server, job_name) == ["True", "True True"]


def test_an_augmented_manifest(server: RunningServer, job_name: str) -> None:
    lines = [
        {
            "image-ref": f"s3://{BUCKET}/data/part-{i}",
            "label": i,
            "name": f"n{i}",
            "other": {"not": "sent"},
            "m": {"a": [1]},
        }
        for i in range(3)
    ]
    body = "\n".join(json.dumps(line) for line in lines) + "\n"
    server.boto("s3").put_object(Bucket=BUCKET, Key="augmented.jsonl", Body=body)
    script = (
        READ_PIPE
        + "print('>', epoch('plain', 0), '|', (first := epoch('framed', 0)), '|', epoch('framed', 1) == first)"
    )
    source = {"S3DataType": "AugmentedManifestFile"}
    channels = [
        channel("plain", "augmented.jsonl", AttributeNames=["name", "image-ref", "m"], **source),
        channel(
            "framed", "augmented.jsonl", AttributeNames=["image-ref", "label"], RecordWrapperType="RecordIO", **source
        ),
    ]
    create(server, job_name, script, channels, TrainingInputMode="Pipe")
    plain = b"".join(f'n{i}part {i}\n{{"a": [1]}}'.encode() for i in range(3))
    framed = b"".join(
        struct.pack("<II", 0xCED7230A, 7)
        + f"part {i}\n\0".encode()
        + struct.pack("<II", 0xCED7230A, 1)
        + f"{i}\0\0\0".encode()
        for i in range(3)
    )
    assert said(server, job_name) == [f"{plain} | {framed} | True"]


def test_a_manifest_in_a_pipe_keeps_its_order(server: RunningServer, job_name: str) -> None:
    manifest = [{"prefix": f"s3://{BUCKET}/data/"}, "part-4", "deep/er", "part-0"]
    server.boto("s3").put_object(Bucket=BUCKET, Key="a.manifest", Body=json.dumps(manifest))
    create(
        server, job_name, READ_PIPE + "print('>', epoch('train', 0))",
        [channel("train", "a.manifest", "Pipe", S3DataType="ManifestFile")],
    )  # fmt: skip
    assert said(server, job_name) == [str(b"part 4\ndeeppart 0\n")]


def test_shards_of_hosts_are_disjoint_and_complete(server: RunningServer, job_name: str) -> None:
    script = READ_PIPE + "print('>', 'file', *sorted(os.listdir('files')))\n"
    script += "for k in range(3): print('>', k, *epoch('pipe', k).decode().splitlines())"
    sharded = {"S3DataDistributionType": "ShardedByS3Key"}
    channels = [
        channel("files", "data/part-", **sharded),
        channel("pipe", "data/part-", "Pipe", ShuffleConfig={"Seed": 7}, **sharded),
    ]
    config = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    create(server, job_name, script, channels, ResourceConfig=config)
    lines = said(server, job_name)
    assert sorted(word for line in lines if line.startswith("file") for word in line.split()[1:]) == [
        f"part-{i}" for i in range(6)
    ]
    for k in range(3):
        parts = [line[2:].split("part ") for line in lines if line.startswith(f"{k} ")]
        assert [len(part) for part in parts] == [4, 4]
        assert sorted(int(number) for part in parts for number in part[1:]) == list(range(6))


def test_a_channel_of_one_instance_group(server: RunningServer, job_name: str) -> None:
    config = {
        "VolumeSizeInGB": 1,
        "InstanceGroups": [
            {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": 1} for name in ("one", "two")
        ],
    }
    create(
        server, job_name, "print('>', sorted(os.listdir('.')))",
        [channel("a", "data/", InstanceGroupNames=["one"]), channel("b", "data/", "Pipe", InstanceGroupNames=["two"])],
        ResourceConfig=config,
    )  # fmt: skip
    assert sorted(said(server, job_name)) == ["['a']", "['b_0']"]


def test_a_file_system_channel(server: RunningServer, job_name: str) -> None:
    script = "print('>', open('ro/a.txt').read()); open('rw/new', 'w').write('x')\n"
    script += "try: open('ro/new', 'w')\nexcept OSError: print('>', 'refused')"
    create(
        server, job_name, script, [file_system("ro", "ro"), file_system("rw", "rw")],
        VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    )  # fmt: skip
    assert said(server, job_name) == ["on a file system", "refused"]


def file_system(name: str, access: str, **changes: str) -> dict[str, Any]:
    source = {
        "FileSystemId": "fs-0123456789abcdef0", "FileSystemType": "EFS", "DirectoryPath": "/sets",
        "FileSystemAccessMode": access, **changes,
    }  # fmt: skip
    return {"ChannelName": name, "DataSource": {"FileSystemDataSource": source}}


VPC = {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}
AUGMENTED = {"S3DataType": "AugmentedManifestFile"}


@pytest.mark.parametrize(
    ("channels", "changes", "text"),
    [
        ([channel("a", "data/", "Pipe"), channel("b", "data/", "FastFile")], {}, "both 'Pipe' and 'FastFile'"),
        ([channel("a", "data/", **AUGMENTED)], {}, "only with the input mode Pipe, got File"),
        ([channel("a", "data/", "Pipe", **AUGMENTED)], {}, "AttributeNames must be given"),
        ([channel("a", "data/", AttributeNames=["x"])], {}, "AttributeNames must be given"),
        ([channel("a", "data/", "FastFile", S3DataType="ManifestFile")], {}, "File or Pipe, got FastFile"),
        ([channel("a", "data/", CompressionType="Gzip")], {}, "Gzip is supported only with the input mode Pipe"),
        ([channel("a", "data/", RecordWrapperType="RecordIO")], {}, "RecordIO is supported only with the input mode Pipe"),
        ([channel("a", "data/", InstanceGroupNames=["x"])], {}, "no InstanceGroups"),
        ([channel("..", "data/")], {}, "name cannot be '..'"),
        ([channel("a", "data/", "Pipe"), channel("a_12", "data/")], {}, "the name of a pipe of the channel 'a'"),
        ([channel("a", "nothing/", "Pipe")], {}, "No S3 objects found under S3 URL"),
        ([file_system("a", "ro")], {}, "needs VpcConfig"),
        ([file_system("a", "ro") | {"InputMode": "Pipe"}], VPC, "only with the input mode File, got Pipe"),
        ([file_system("a", "ro", FileSystemId="fs-0000000000")], VPC, "setting file_systems"),
    ],
)  # fmt: skip
def test_wrong_combinations_are_refused(
    server: RunningServer, channels: list[dict[str, Any]], changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError) as caught:
        create(server, "refused", "", channels, **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert text in caught.value.response["Error"]["Message"]


def failure(server: RunningServer, name: str) -> str:
    job = server.wait(name)
    assert job["TrainingJobStatus"] == "Failed", server.lines(name)
    return str(job["FailureReason"])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["a", "a/b"], "cannot both be files of one directory"),
        (["a//b", "a/b"], "cannot both be files of one directory"),
        (["../x"], "would lead out of the channel's directory"),
    ],
)
def test_keys_that_no_directory_can_hold(server: RunningServer, job_name: str, keys: list[str], text: str) -> None:
    for key in keys:
        server.boto("s3").put_object(Bucket=BUCKET, Key=f"{job_name}/{key}", Body=b"x")
    create(server, job_name, "", [channel("train", f"{job_name}/")])
    reason = failure(server, job_name)
    assert reason.startswith("ClientError: Data download failed:")
    assert text in reason


def test_the_same_keys_are_fine_in_a_pipe(server: RunningServer, job_name: str) -> None:
    for key in ("a", "a/b", "../x", "a//b"):
        server.boto("s3").put_object(Bucket=BUCKET, Key=f"{job_name}/{key}", Body=key)
    create(server, job_name, READ_PIPE + "print('>', epoch('t', 0))", [channel("t", f"{job_name}/", "Pipe")])
    assert said(server, job_name) == ["b'../xaa//ba/b'"]


def test_data_that_cannot_be_given_fails_the_job_and_is_no_end_of_file(server: RunningServer, job_name: str) -> None:
    script = READ_PIPE + "epoch('train', 0); print('> read on'); time.sleep(50)"
    create(server, job_name, script, [channel("train", "data/", "Pipe", CompressionType="Gzip")])
    assert "cannot be decompressed as Gzip" in failure(server, job_name)
    assert "> read on" not in server.lines(job_name)


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_a_missing_object_of_a_manifest_is_named(server: RunningServer, job_name: str, mode: str) -> None:
    manifest = [{"prefix": f"s3://{BUCKET}/data/"}, "part-4", "no-such-part"]
    server.boto("s3").put_object(Bucket=BUCKET, Key="a.manifest", Body=json.dumps(manifest))
    source = channel("train", "a.manifest", mode, S3DataType="ManifestFile")
    create(server, job_name, READ_PIPE + "epoch('train', 0)", [source])
    reason = failure(server, job_name)
    assert reason.startswith("ClientError: Data download failed:cannot ")
    assert "NoSuchKey" in reason
    assert "data/no-such-part" in reason


def test_fastfile_needs_a_folder(server: RunningServer, job_name: str) -> None:
    create(server, job_name, "", [channel("train", "da", "FastFile")])
    assert "FastFile mode needs an S3Uri that names a folder" in failure(server, job_name)
