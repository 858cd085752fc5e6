"""Two servers that share a store but no machine: an endpoint's instances run on one of them, and both answer for it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.hosting import BUCKET, Hosting, kept

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

ELSEWHERE = """
import os, socket, subprocess, sys
hidden, program = sys.argv[1], sys.argv[2:]
socket.sethostname("elsewhere")
subprocess.run(["mount", "-t", "tmpfs", "none", hidden], check=True)
os.execv(program[0], program)
"""
"""Executes a program as on another machine: with another name, and without a directory of this one."""


@pytest.fixture(scope="module")
def pair(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hosting, Hosting]]:
    """A server here, and one elsewhere, which does not see the data directory of the first."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a server another machine's name")
    objects = server_class(tmp_path_factory.mktemp("objects"))
    objects.start()
    environ = {
        "SAGEWRIGHT_DATABASE": postgres.new_database(),
        "SAGEWRIGHT_MASTER_KEY": "5a" * 32,
        "SAGEWRIGHT_CAPACITY_CPUS": "8",
        "SAGEWRIGHT_OBJECTS": objects.endpoint.replace("http://", "s3://"),
        "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(objects.data / "credentials"),
        "SAGEWRIGHT_HOST": "0.0.0.0",
        "SAGEWRIGHT_INSECURE": "true",
    }
    here = server_class(tmp_path_factory.mktemp("here"), environ, by_command=True)
    here.start()
    other = server_class(tmp_path_factory.mktemp("elsewhere"), environ, by_command=True)
    other.wrapper = ("unshare", "--uts", "--mount", sys.executable, "-c", ELSEWHERE, str(here.data))
    with Hosting(here) as hosting:
        hosting.model("shared")
        hosting.endpoint("shared", hosting.variant("v", "shared"))
        other.start()
        yield hosting, Hosting(other)
    for running in (here, other, objects):
        running.kill_everything()


def test_both_answer(pair: tuple[Hosting, Hosting]) -> None:
    for hosting in pair:
        hosting.all_answered("shared", "shared x")


def test_an_asynchronous_invocation_through_the_other(pair: tuple[Hosting, Hosting]) -> None:
    here, other = pair
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/later"}}
    here.endpoint("later", here.variant("v", "shared"), AsyncInferenceConfig=output)
    here.s3.put_object(Bucket=BUCKET, Key="in", Body=b"x", ContentType="text/plain")
    asked = other.runtime.invoke_endpoint_async(EndpointName="later", InputLocation=f"s3://{BUCKET}/in")
    assert kept(other, asked["OutputLocation"]) == "shared x"


def test_the_other_answers_while_the_first_is_down(pair: tuple[Hosting, Hosting]) -> None:
    here, other = pair
    here.server.end(signal.SIGKILL)
    other.all_answered("shared", "shared x")
    here.server.start()
    here.all_answered("shared", "shared x")
