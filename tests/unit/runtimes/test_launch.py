"""What a request starts, and what cannot be started."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.launch import (
    CannotRun,
    check_runnable,
    client_requirements,
    has_environment,
    is_script_mode,
    sandbox_for,
    training_command,
)

TORCH = "x/pytorch-training:2.0.0-cpu-py310"
XGBOOST = "x/sagemaker-xgboost:1.7-1"
OWN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/churn:3"


def request(hyperparameters: dict[str, str] | None = None, **specification: Any) -> dict[str, Any]:
    return {"AlgorithmSpecification": specification, "HyperParameters": hyperparameters}


@pytest.mark.parametrize(
    ("uri", "given", "argv"),
    [
        (TORCH, request(), ["python", "-m", "sagewright.toolkit", "train"]),
        (XGBOOST, request(), ["python", "-m", "sagewright.algorithms", "sagemaker-xgboost", "train"]),
        (XGBOOST, request({"sagemaker_program": "a.py"}), ["python", "-m", "sagewright.toolkit", "train"]),
        (TORCH, request(ContainerEntrypoint=["/bin/bash"]), ["/bin/bash"]),
        (
            TORCH,
            request(ContainerEntrypoint=["/bin/bash"], ContainerArguments=["-c", "a b"]),
            ["/bin/bash", "-c", "a b"],
        ),
        (TORCH, request(ContainerArguments=["x"]), ["python", "-m", "sagewright.toolkit", "x"]),
        (OWN, request(), ["train"]),
        (OWN, request({"sagemaker_program": "a.py"}), ["train"]),
        (OWN, request(ContainerArguments=["x", "y"]), ["x", "y"]),
        (OWN, request(ContainerEntrypoint=["/bin/sh"]), []),
        (OWN, request(ContainerEntrypoint=["/bin/sh"], ContainerArguments=["x"]), ["x"]),
    ],
)
def test_the_command_of_a_request(uri: str, given: dict[str, Any], argv: list[str]) -> None:
    assert training_command(resolve_image(uri), given) == argv


def test_an_entry_point_of_ones_own_is_no_script_mode() -> None:
    image = resolve_image(TORCH)

    assert is_script_mode(image, request())
    assert not is_script_mode(image, request(ContainerEntrypoint=["x"]))
    assert not is_script_mode(resolve_image(XGBOOST), request())


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("x/seq2seq:1", "the built-in algorithm seq2seq is not implemented yet"),
        ("x/pytorch-inference:2.0.0", "an image that serves models"),
        ("x/sagemaker-chainer:5.0.0-cpu-py3", "Chainer"),
        ("x/sagemaker-clarify-processing:1.0", "for processing jobs"),
    ],
)
def test_what_cannot_be_run_names_the_image_and_what_is_missing(uri: str, why: str) -> None:
    with pytest.raises(CannotRun, match=why) as caught:
        check_runnable(resolve_image(uri))
    assert uri in str(caught.value)


@pytest.mark.parametrize("uri", [TORCH, "x/sagemaker-scikit-learn:1.2-1-cpu-py3", "python:3.11"])
def test_what_can_be_run(uri: str) -> None:
    check_runnable(resolve_image(uri))


def test_an_image_of_ones_own_is_a_container_whatever_the_setting() -> None:
    own, torch = resolve_image(OWN), resolve_image(TORCH)

    check_runnable(own)
    assert (sandbox_for(own, "bwrap"), sandbox_for(torch, "bwrap")) == ("container", "bwrap")
    assert (has_environment(own), has_environment(torch)) == (False, True)
    assert not is_script_mode(own, request({"sagemaker_program": "a.py"}))


@pytest.mark.parametrize(
    ("version", "wanted"), [("2.257.7", "sagemaker==2.257.7\n"), ("2 --index-url http://elsewhere", None), ("", None)]
)
def test_a_remote_function_needs_the_sdk_of_its_client(version: str, wanted: str | None) -> None:
    arguments = ["--region", "us-east-1", "--client_sagemaker_pysdk_version", version]

    assert client_requirements({"AlgorithmSpecification": {"ContainerArguments": arguments}}) == wanted
    assert client_requirements({"AlgorithmSpecification": {}}) is None
