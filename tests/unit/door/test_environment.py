"""The environment of the door: what is set, what is unset, what stays."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sagewright.door.environment import HOOK, NoServer, ServerTarget, applied, find_target, variables
from sagewright.model.aws.access_keys import AccessKey
from sagewright.server import credentials

TARGET = ServerTarget("http://127.0.0.1:4700", "AKIA", "secret", "us-east-1", "000000000000")


def test_variables_of_the_users_own_that_would_lead_elsewhere_are_unset() -> None:
    own = {
        "AWS_PROFILE": "work",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "AWS_SESSION_TOKEN": "old",
        "PYTHONPATH": "/mine:/other",
        "NO_PROXY": "internal",
        "EDITOR": "vi",
    }
    environ = applied(variables(TARGET, Path("/data"), own), own)
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"} & set(environ)
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4700"
    assert environ["PYTHONPATH"] == f"{HOOK}:/mine:/other"
    assert environ["NO_PROXY"] == "127.0.0.1,internal"
    assert environ["EDITOR"] == "vi"
    assert environ["SAGEMAKER_ROLE_ARN"] == "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def test_doing_it_twice_changes_nothing_more() -> None:
    once = applied(variables(TARGET, Path("/data"), {}), {})
    assert applied(variables(TARGET, Path("/data"), once), once) == once


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="sagewright up --data"):
        find_target(tmp_path, "us-east-1", "000000000000")


def test_region_and_account_are_the_running_servers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (tmp_path / "endpoint").write_text(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        key = AccessKey("AKIA", "secret", None, "arn:aws:iam::123456789012:root", "123456789012", None, None)
        credentials.write(tmp_path / "credentials", key, "eu-west-1", "123456789012")
        target = find_target(tmp_path, "us-east-1", "000000000000")
    assert (target.region, target.account, target.secret_access_key) == ("eu-west-1", "123456789012", "secret")


def test_the_users_own_switch_of_waits_is_kept_unless_an_option_says_otherwise() -> None:
    own = {"SAGEWRIGHT_FAST_WAITS": "0"}
    assert variables(TARGET, Path("/data"), own)["SAGEWRIGHT_FAST_WAITS"] == "0"
    assert variables(TARGET, Path("/data"), own, True)["SAGEWRIGHT_FAST_WAITS"] == "1"
    assert variables(TARGET, Path("/data"), {})["SAGEWRIGHT_FAST_WAITS"] == "1"
    assert variables(TARGET, Path("/data"), {}, False)["SAGEWRIGHT_FAST_WAITS"] == "0"
