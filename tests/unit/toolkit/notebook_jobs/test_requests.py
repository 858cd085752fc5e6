"""Requests of notebook jobs, the files that go with them, and the notebook in a job's output."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sagewright.toolkit.notebook_jobs.options import read_options
from sagewright.toolkit.notebook_jobs.outputs import ArchiveLimits, NoOutput, output_in
from sagewright.toolkit.notebook_jobs.requests import (
    BadNotebookJob,
    NotebookJob,
    job_name,
    scheduled_name,
    training_request,
)
from sagewright.toolkit.notebook_jobs.service import files_beside

JOB: dict[str, Any] = {
    "label": "weekly report!",
    "notebook": "report.ipynb",
    "role": "arn:aws:iam::0:role/R",
    "image": "base",
}
LIMITS = ArchiveLimits(unpacked=1 << 20, notebook=1 << 16)


def test_a_request_has_what_awss_driver_reads() -> None:
    job = NotebookJob(**JOB, parameters={"who": "me"}, environment={"MINE": "1"}, startup_script="init.sh", retries=3)
    request = training_request(job, "name", "s3://b/in", "s3://b/out")
    assert request["AlgorithmSpecification"]["ContainerEntrypoint"] == ["amazon_sagemaker_scheduler"]
    assert request["HyperParameters"] == {"who": "me"}
    assert request["Environment"]["SM_INPUT_NOTEBOOK_NAME"] == "report.ipynb"
    assert request["Environment"]["SM_INIT_SCRIPT"] == "init.sh"
    assert request["Environment"]["MINE"] == "1"
    assert request["RetryStrategy"] == {"MaximumRetryAttempts": 3}
    tags = {one["Key"]: one["Value"] for one in request["Tags"]}
    assert tags["sagemaker:is-scheduling-notebook-job"] == "true"
    assert tags["sagewright:notebook-job-name"] == "weekly report_"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"retries": 31}, "retries of a notebook job is 31: it must be from 1 to 30"),
        ({"max_runtime_s": 0}, "max_runtime_s"),
        ({"notebook": "a/b.ipynb"}, "is not a notebook"),
        ({"notebook": "b.py"}, "is not a notebook"),
        ({"parameters": {"a": "x" * 2501}}, "2501 characters"),
    ],
)
def test_what_can_be_no_job(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadNotebookJob, match=words):
        NotebookJob(**JOB | changes)


def test_the_drivers_variables_are_its_own() -> None:
    with pytest.raises(BadNotebookJob, match="SM_KERNEL_NAME"):
        training_request(NotebookJob(**JOB, environment={"SM_KERNEL_NAME": "x"}), "n", "i", "o")


@pytest.mark.parametrize("label", ["a", "Ünï", "x" * 300, "---", "a b/c"])
def test_names_are_those_of_training_jobs(label: str) -> None:
    assert len(job_name(label, "0" * 12)) <= 63
    assert job_name(label, "0" * 12)[0].isalnum()
    assert len(scheduled_name(label).replace("<aws.scheduler.execution-id>", "x" * 36)) <= 63


def test_options_are_parameters() -> None:
    found = read_options({"a": "1", "sagemaker:environment:X": "y", "sagemaker:retries": "2", "sagemaker:kernel": "k"})
    assert (found.parameters, found.environment, found.retries, found.kernel) == ({"a": "1"}, {"X": "y"}, 2, "k")
    with pytest.raises(BadNotebookJob, match="is none of the options"):
        read_options({"sagemaker:other": "1"})
    with pytest.raises(BadNotebookJob, match="whole number"):
        read_options({"sagemaker:retries": "two"})


def test_files_beside_a_notebook(tmp_path: Path) -> None:
    notebook = tmp_path / "report.ipynb"
    for name in ("report.ipynb", "init.sh", "data/a.csv", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [name for name, _ in files_beside(notebook)] == ["report.ipynb"]
    assert [name for name, _ in files_beside(notebook, "init.sh")] == ["report.ipynb", "init.sh"]
    assert {name for name, _ in files_beside(notebook, folder=True)} == {"report.ipynb", "init.sh", "data/a.csv"}
    for script in ("none.sh", "../x.sh", "data/a.csv"):
        with pytest.raises(BadNotebookJob, match="is not in the folder"):
            files_beside(notebook, script)


def archive(*members: tuple[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    made.seek(0)
    return made


def test_the_notebook_in_an_output() -> None:
    found = output_in(archive(("log", b"x" * 9), ("out.ipynb", b"{}"), ("a/b", b"")), "out.ipynb", LIMITS)
    assert (found.notebook, found.files) == (b"{}", (("log", 9), ("a/b", 0)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive(("other", b"")), "has no out.ipynb"),
        (archive(("out.ipynb", b"x" * (1 << 17))), "at most 65536 are read"),
        (archive(("bomb", b"0" * (2 << 20)), ("out.ipynb", b"{}")), "once it is unpacked"),
        (io.BytesIO(b"no archive"), "can't be read"),
        (io.BytesIO(gzip.compress(b"no tar")), "can't be read"),
        (io.BytesIO(gzip.compress(b"x" * 5000)[:30]), "can't be read"),
    ],
)
def test_outputs_that_are_refused(content: io.BytesIO, words: str) -> None:
    with pytest.raises(NoOutput, match=words):
        output_in(content, "out.ipynb", LIMITS)


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_of_an_output(style: int) -> None:
    made, long = io.BytesIO(), f"{'d' * 200}/ä"
    with tarfile.open(fileobj=made, mode="w:gz", format=style) as tar:
        for name, content in ((long, b"x" * 700), ("folder", None), ("out.ipynb", b"{}")):
            member = tarfile.TarInfo(name)
            member.type, member.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
            tar.addfile(member, io.BytesIO(content or b""))
    made.seek(0)
    found = output_in(made, "out.ipynb", LIMITS)
    assert (found.notebook, found.files) == (b"{}", ((long, 700),))


def block(kind: bytes, body: bytes = b"", size: int | None = None) -> bytes:
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, len(body) if size is None else size
    return member.tobuf(tarfile.GNU_FORMAT) + body + b"\0" * (-len(body) % 512)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (block(tarfile.XHDTYPE, size=1 << 33), "bytes of extended headers"),
        (block(tarfile.GNUTYPE_LONGNAME, b"a") * 9000, "bytes of extended headers"),
        (block(tarfile.XHDTYPE, b"0 a=b\n") + block(tarfile.REGTYPE), "has no length"),
        (block(tarfile.XHDTYPE, b"a=b\n") + block(tarfile.REGTYPE), "can't be read"),
        (block(tarfile.XHDTYPE, b"11 size=-5\n") + block(tarfile.REGTYPE), "negative"),
        (block(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n") + block(tarfile.REGTYPE, b"9\n"), "sparse files"),
        (block(tarfile.GNUTYPE_SPARSE), "sparse files"),
        (block(tarfile.REGTYPE, size=-512), "negative"),
    ],
)
def test_hostile_headers_of_an_output(content: bytes, words: str) -> None:
    limits = ArchiveLimits(unpacked=16 << 20, notebook=1 << 16)
    with pytest.raises(NoOutput, match=words):
        output_in(io.BytesIO(gzip.compress(content + block(tarfile.DIRTYPE) + b"\0" * 1024)), "out.ipynb", limits)
