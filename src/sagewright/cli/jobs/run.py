"""`sagewright run`: trains a script as a job, without any code of an SDK."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

import typer

from sagewright.cli.jobs.following import LogOptions, follow_job
from sagewright.cli.jobs.frameworks import (
    Framework,
    ScriptRun,
    framework_of,
    image_of,
    pairs,
    sdk_code,
    wire_hyperparameters,
)
from sagewright.cli.jobs.kinds import TRAINING, refuse
from sagewright.cli.lean import Document, ServiceError, lean_client
from sagewright.cli.options import FAILURE, USAGE, fail, settings_of
from sagewright.cli.storage.transfer import BadTransfer, S3Place, upload_tree
from sagewright.model.aws.arns import ROLE_NAME, role_arn
from sagewright.model.settings import Settings

MOST_SOURCE = 512 << 20
"""Bytes of the script and of the files beside it in --source."""
_CHANNEL = re.compile(r"[A-Za-z0-9.\-_]{1,64}")

ScriptArgument = Annotated[Path, typer.Argument(help="The script.", exists=True, dir_okay=False)]
InputsOption = Annotated[
    list[str] | None,
    typer.Option("--data", help="Folder, file or S3 URI of the channel training; NAME=PLACE for another; repeatable."),
]
ParametersOption = Annotated[
    list[str] | None, typer.Option("--hyperparameter", "-p", help="NAME=VALUE, an argument of the script; repeatable.")
]
SourceOption = Annotated[
    Path | None,
    typer.Option(
        "--source", help="Folder that contains the script and the files that it needs.", file_okay=False, exists=True
    ),
]
RequirementsOption = Annotated[
    Path | None, typer.Option("--requirements", help="Packages to install first.", exists=True, dir_okay=False)
]
WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- --NAME VALUE ...]", help="Hyperparameters as the script takes them.", show_default=False
    ),
]
ServerOption = Annotated[
    Path | None, typer.Option("--server", help="The server's data directory.", show_default="SAGEWRIGHT_DATA")
]


def run(
    script: ScriptArgument,
    words: WordsArgument = None,
    inputs: InputsOption = None,
    framework: Annotated[
        Framework | None, typer.Option(help="The framework.", show_default="what the script imports")
    ] = None,
    instance: Annotated[str, typer.Option("--instance", help="Instance type.")] = "ml.m5.large",
    instances: Annotated[int, typer.Option("--instances", min=1, help="Number of instances.")] = 1,
    hyperparameter: ParametersOption = None,
    source: SourceOption = None,
    requirements: RequirementsOption = None,
    name: Annotated[str, typer.Option(help="Name of the job.", show_default="the script's, with the time")] = "",
    output: Annotated[Path | None, typer.Option(help="Folder for the model.", show_default="the job's name")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the log, and download the model.")] = True,
    server: ServerOption = None,
) -> None:
    """Train a script: upload it and its data, create the job, follow its log, download its model.

    At the end it prints equivalent code for the SageMaker Python SDK. The exit status is 1 if the job did not
    complete.
    """
    settings = settings_of(data=server)
    parameters, places = _given([*(hyperparameter or []), *_worded(words or [])], inputs or [])
    chosen = framework or _guess(script)
    named = (
        name
        or f"{re.sub(r'[^A-Za-z0-9]+', '-', script.stem).strip('-')[:40] or 'job'}-{time.strftime('%Y%m%d-%H%M%S')}"
    )
    target = output or Path(named)
    if wait and target.exists() and (not target.is_dir() or any(target.iterdir())):
        fail(f"{target} is not empty; name another folder by --output.")
    sagemaker = lean_client(settings, "sagemaker")
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        uploads = RunUploads(settings, named)
        program = script.resolve().relative_to(source.resolve()).as_posix() if source else script.name
        code = uploads.code(script, source, requirements)
        channels = {channel: uploads.channel(channel, place) for channel, place in places.items()}
        one = ScriptRun(chosen, program, str(source or ""), instance, instances, parameters, channels)
        sagemaker.call("CreateTrainingJob", **_request(one, named, code, uploads, settings))
        typer.echo(f"training job {named} ({chosen}, {instances} x {instance})")
        if wait:
            _finish(settings, sagemaker, named, target, uploads)
    except ServiceError as error:
        refuse(error)
    except ClientError as error:
        refuse(error)
    except (BotoCoreError, BadTransfer, OSError, ValueError) as error:
        fail(str(error), FAILURE)
    typer.echo(f"\nThe same with the SageMaker Python SDK v2, run by `sagewright exec -- python`:\n\n{sdk_code(one)}")


def _worded(words: list[str]) -> list[str]:
    """Returns the arguments of a script as NAME=VALUE; ends the command for those that a job can't pass: it gives each name a
    value."""
    found: list[str] = []
    waiting = list(words)
    while waiting:
        name, equals, value = waiting.pop(0).partition("=")
        if not re.fullmatch(r"--\w[\w.-]*", name):
            fail(f"{name!r} after -- is no --NAME VALUE.")
        if not equals:
            if not waiting or re.match(r"--\w", waiting[0]):
                fail(f"{name} after -- needs a value: a job passes each hyperparameter with one.")
            value = waiting.pop(0)
        found.append(f"{name[2:]}={value}")
    return found


def _given(hyperparameters: list[str], inputs: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns hyperparameters, and places by channel; ends the command for a word that is neither."""
    try:
        parameters = pairs(hyperparameters)
    except ValueError as error:
        fail(f"--hyperparameter is NAME=VALUE, not {error}")
    places: dict[str, str] = {}
    for one in inputs:
        channel, equals, place = one.partition("=")
        if not equals or not _CHANNEL.fullmatch(channel):
            channel, place = "training", one
        if channel in places:
            fail(f"--data names the channel {channel} twice; write NAME=PLACE.")
        if not place.startswith("s3://") and not Path(place).exists():
            fail(f"--data {place}: there is no such file or folder.")
        places[channel] = place
    return parameters, places


def _guess(script: Path) -> Framework:
    try:
        return framework_of(script.read_text())
    except (SyntaxError, ValueError) as error:
        fail(f"{script} is not Python: {error}", USAGE)


def _request(one: ScriptRun, name: str, code: str, uploads: RunUploads, settings: Settings) -> Document:
    image = image_of(one.framework, one.instance_type, uploads.region)
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": role_arn(settings.account, ROLE_NAME),
        "HyperParameters": wire_hyperparameters(one.hyperparameters, one.script, code),
        **({"InputDataConfig": [_channel(*pair) for pair in one.channels.items()]} if one.channels else {}),
        "OutputDataConfig": {"S3OutputPath": uploads.folder.below("output").uri},
        "ResourceConfig": {"InstanceType": one.instance_type, "InstanceCount": one.instances, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }


def _channel(name: str, uri: str) -> Document:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


class RunUploads:
    """Uploads of one run to the default bucket, `sagemaker-REGION-ACCOUNT`. Errors are botocore's, and BadTransfer."""

    def __init__(self, settings: Settings, name: str) -> None:
        from sagewright.cli.client import client

        self.s3 = client(settings, "s3")
        self.region: str = self.s3.meta.region_name
        account = client(settings, "sts").get_caller_identity()["Account"]
        self.folder = S3Place(f"sagemaker-{self.region}-{account}", name)
        if self.folder.bucket not in {one["Name"] for one in self.s3.list_buckets()["Buckets"]}:
            placed = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            self.s3.create_bucket(
                Bucket=self.folder.bucket, **({"CreateBucketConfiguration": placed} if placed else {})
            )

    def code(self, script: Path, source: Path | None, requirements: Path | None) -> str:
        """Uploads the archive of the script, of --source, and of requirements.txt; returns its URI."""
        target = self.folder.below("source/sourcedir.tar.gz")
        with NamedTemporaryFile(suffix=".tar.gz") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                _pack(archive, script, source, requirements)
            file.flush()
            self.s3.upload_file(file.name, target.bucket, target.key)
        return target.uri

    def channel(self, name: str, place: str) -> str:
        """Uploads a folder or a file, unless it is in S3 already; returns its URI."""
        if place.startswith("s3://"):
            return S3Place.parse(place).uri
        target, path = self.folder.below(f"input/{name}"), Path(place)
        if path.is_dir():
            upload_tree(self.s3, path, target)
        else:
            self.s3.upload_file(str(path), target.bucket, target.below(path.name).key)
        return target.uri


def _pack(archive: tarfile.TarFile, script: Path, source: Path | None, requirements: Path | None) -> None:
    from sagewright.cli.storage.transfer import local_files

    files = dict(local_files(source)) if source else {script.name: script}
    if requirements is not None:
        files["requirements.txt"] = requirements
    size = 0
    for name, path in files.items():
        with path.open("rb") as content:
            state = os.fstat(content.fileno())
            size += state.st_size
            if size > MOST_SOURCE:
                raise BadTransfer(f"The source has more than {MOST_SOURCE >> 20} MB; pass data by --data.")
            member = tarfile.TarInfo(name)
            member.size, member.mode = state.st_size, 0o755 if state.st_mode & 0o100 else 0o644
            archive.addfile(member, content)


def _finish(settings: Settings, sagemaker: Any, name: str, target: Path, uploads: RunUploads) -> None:
    """Follows the job; downloads its model, or ends the command with 1 unless it completed."""
    job = follow_job(sagemaker, lean_client(settings, "logs"), TRAINING, name, LogOptions(follow=True))
    if TRAINING.status(job) != "Completed":
        reason = job.get("FailureReason")
        fail(f"{name} is {TRAINING.status(job)}{f': {reason}' if reason else '.'}", FAILURE)
    model = S3Place.parse(job["ModelArtifacts"]["S3ModelArtifacts"])
    target.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(suffix=".tar.gz", dir=target.resolve().parent) as file:
        uploads.s3.download_fileobj(model.bucket, model.key, file)
        file.flush()
        _unpack(Path(file.name), target)
    typer.echo(f"The model of {name} is in {target}/")


def _unpack(archive: Path, target: Path) -> None:
    """Unpacks a model, as the script wrote it: nothing outside of the folder is touched, and half of the free disk stays free."""
    from sagewright.jobfiles.directory import JobDirectory
    from sagewright.jobfiles.unpacking import BadArchive, unpack

    left = shutil.disk_usage(target).free // 2

    def spend(count: int) -> None:
        nonlocal left
        left -= count
        if left < 0:
            raise BadTransfer(f"The model does not fit: it would use more than half of the free disk of {target}.")

    with JobDirectory.at(target) as directory:
        try:
            unpack(archive, directory, spend)
        except BadArchive as error:
            raise BadTransfer(f"The model is not an archive: {error}") from error
