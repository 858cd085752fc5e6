"""Programs that requests start, and requests that cannot be started."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.algorithms.schema import catalogue
from sagewright.model.jobs.brief import Brief, Program, Purpose
from sagewright.runtimes import recipes
from sagewright.runtimes.images import ALGORITHMS, resolve_image
from sagewright.runtimes.launch import (
    CannotRun,
    check_runnable,
    client_requirements,
    command,
    has_environment,
    is_script_mode,
    sandbox_for,
    serving_requirements,
)
from sagewright.toolkit.serving.languagemodels import MODEL_VARIABLES

TORCH = "x/pytorch-training:2.0.0-cpu-py310"
XGBOOST = "x/sagemaker-xgboost:1.7-1"
OLD = "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1"
SPARK = "x/sagemaker-spark-processing:3.5-cpu-py39-v1.0"
OWN = "000000000000.dkr.ecr.us-east-1.amazonaws.com/churn:3"


def brief(hyperparameters: dict[str, str] | None = None, **program: Any) -> Brief:
    requested = Program("image", **program)
    return Brief("training", "job", "arn", requested, [], "r", hyperparameters=hyperparameters or {})


def serving(environment: dict[str, str] | None = None, **program: Any) -> Brief:
    requested = Program("image", purpose=Purpose.SERVE, **program)
    return Brief("serving", "model", "arn", requested, [], "r", environment=environment or {})


def processing(**program: Any) -> Brief:
    return brief(purpose=Purpose.PROCESS, **program)


@pytest.mark.parametrize(
    ("uri", "given", "argv"),
    [
        (TORCH, brief(), ["python", "-m", "sagewright.toolkit", "train"]),
        (XGBOOST, brief(), ["python", "-m", "sagewright.algorithms", "sagemaker-xgboost:1.7-1", "train"]),
        (XGBOOST, brief({"sagemaker_program": "a.py"}), ["python", "-m", "sagewright.toolkit", "train"]),
        (TORCH, brief(entrypoint=["/bin/bash"]), ["/bin/bash"]),
        (
            TORCH,
            brief(entrypoint=["/bin/bash"], arguments=["-c", "a b"]),
            ["/bin/bash", "-c", "a b"],
        ),
        (TORCH, brief(arguments=["x"]), ["python", "-m", "sagewright.toolkit", "x"]),
        (OWN, brief(), ["train"]),
        (OWN, brief({"sagemaker_program": "a.py"}), ["train"]),
        (OWN, brief(arguments=["x", "y"]), ["x", "y"]),
        (OWN, brief(entrypoint=["/bin/sh"]), []),
        (OWN, brief(entrypoint=["/bin/sh"], arguments=["x"]), ["x"]),
        (TORCH, processing(entrypoint=["python3", "/opt/ml/a.py"], arguments=["x"]), ["python3", "/opt/ml/a.py", "x"]),
        (TORCH, serving(), ["python", "-m", "sagewright.toolkit", "serve", "pytorch"]),
        ("x/pytorch-inference:2.0.0-cpu-py310", serving(), ["python", "-m", "sagewright.toolkit", "serve", "pytorch"]),
        (XGBOOST, serving(), ["python", "-m", "sagewright.algorithms", "sagemaker-xgboost:1.7-1", "serve"]),
        (XGBOOST, serving({"SAGEMAKER_PROGRAM": "a.py"}), ["python", "-m", "sagewright.toolkit", "serve", "xgboost"]),
        (OLD, serving({"SAGEMAKER_PROGRAM": "a.py"}), ["python", "-m", "sagewright.algorithms", "xgboost:1", "serve"]),
        (OLD, brief({"sagemaker_program": "a.py"}), ["python", "-m", "sagewright.algorithms", "xgboost:1", "train"]),
        (OWN, serving(), ["serve"]),
        (OWN, serving(entrypoint=["/bin/sh"]), []),
        (OWN, processing(), []),
        (OWN, processing(arguments=["x"]), ["x"]),
    ],
)
def test_the_command_of_a_brief(uri: str, given: Brief, argv: list[str]) -> None:
    assert command(resolve_image(uri), given) == argv


def test_an_entry_point_of_ones_own_is_no_script_mode() -> None:
    image = resolve_image(TORCH)

    assert is_script_mode(image, brief())
    assert not is_script_mode(image, brief(entrypoint=["x"]))
    assert not is_script_mode(resolve_image(XGBOOST), brief())


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("x/pytorch-inference:2.0.0", "an image that serves models"),
        ("x/sagemaker-chainer:5.0.0-cpu-py3", "Chainer"),
        ("x/sagemaker-clarify-processing:1.0", "for processing jobs"),
    ],
)
def test_what_cannot_be_run_names_the_image_and_what_is_missing(uri: str, why: str) -> None:
    with pytest.raises(CannotRun, match=why) as caught:
        check_runnable(resolve_image(uri), Purpose.TRAIN)
    assert uri in str(caught.value)


@pytest.mark.parametrize(
    "repository",
    [
        "pytorch-inference", "pytorch-inference-graviton", "huggingface-pytorch-inference", "tensorflow-inference",
        "sagemaker-tensorflow-serving", "mxnet-inference", "sagemaker-scikit-learn", "pytorch-training", "sagemaker-xgboost",
        "kmeans", "knn", "huggingface-pytorch-tgi-inference", "djl-inference", "tei-cpu",
    ],
)  # fmt: skip
def test_what_can_serve(repository: str) -> None:
    image = resolve_image(f"x/{repository}:1.2-1")

    check_runnable(image, Purpose.SERVE)
    assert "serve" in command(image, serving())


@pytest.mark.parametrize(
    ("repository", "why"),
    [
        ("huggingface-llamacpp", "llama.cpp"),
        ("sagemaker-tritonserver", "Triton"),
        ("sagemaker-inference-pytorch", "Neo"),
        ("xgboost-neo", "Neo"),
        ("sagemaker-neo-mxnet", "Neo"),
        ("pytorch-inference-eia", "Elastic Inference"),
        ("sagemaker-tensorflow-serving-eia", "Elastic Inference"),
        ("huggingface-pytorch-inference-neuronx", "Inferentia|Trainium"),
        ("huggingface-vllm-inference-neuronx", "Inferentia"),
        ("sagemaker-sparkml-serving", "SparkML"),
        ("sagemaker-clarify-processing", "an image for processing jobs"),
    ],
)
def test_what_cannot_serve_names_the_image_and_the_reason(repository: str, why: str) -> None:
    with pytest.raises(CannotRun, match=why) as caught:
        check_runnable(resolve_image(f"x/{repository}:1.2-1"), Purpose.SERVE)
    assert f"x/{repository}:1.2-1" in str(caught.value)


def test_an_environment_made_before_models_were_served_gets_the_parser() -> None:
    assert serving_requirements(serving(), {"numpy"}) == "httptools\nuvloop\n"
    assert serving_requirements(serving(), {"httptools", "uvloop"}) is None
    assert serving_requirements(brief(), {"numpy"}) is None


@pytest.mark.parametrize("uri", [TORCH, "x/sagemaker-scikit-learn:1.2-1-cpu-py3", "python:3.11"])
def test_what_can_be_run(uri: str) -> None:
    check_runnable(resolve_image(uri), Purpose.TRAIN)


def test_an_image_of_ones_own_is_a_container_whatever_the_setting() -> None:
    own, torch = resolve_image(OWN), resolve_image(TORCH)

    check_runnable(own, Purpose.TRAIN)
    assert (sandbox_for(own, "bwrap"), sandbox_for(torch, "bwrap")) == ("container", "bwrap")
    assert (has_environment(own), has_environment(torch)) == (False, True)
    assert not is_script_mode(own, brief({"sagemaker_program": "a.py"}))


@pytest.mark.parametrize(
    ("version", "wanted"), [("2.257.7", "sagemaker==2.257.7\n"), ("2 --index-url http://elsewhere", None), ("", None)]
)
def test_a_remote_function_needs_the_sdk_of_its_client(version: str, wanted: str | None) -> None:
    arguments = ["--region", "us-east-1", "--client_sagemaker_pysdk_version", version]

    assert client_requirements(Program("image", arguments=arguments)) == wanted
    assert client_requirements(Program("image")) is None


def test_a_notebook_job_needs_awss_driver_and_a_kernel() -> None:
    program = Program("image", entrypoint=["amazon_sagemaker_scheduler"])
    assert client_requirements(program) == "sagemaker-headless-execution-driver\nipykernel\n"
    assert client_requirements(Program("image", entrypoint=["amazon"])) is None


def test_what_runs_for_processing_alone_and_for_training_alone() -> None:
    check_runnable(resolve_image(SPARK), Purpose.PROCESS)
    check_runnable(
        resolve_image("x/object-detection:1"), Purpose.PROCESS
    )  # its environment, with an entry point of the request's
    with pytest.raises(CannotRun, match="for training: it is an image for processing jobs"):
        check_runnable(resolve_image(SPARK), Purpose.TRAIN)
    check_runnable(resolve_image("x/sagemaker-data-wrangler-container:1.x"), Purpose.PROCESS)


def test_a_framework_has_no_entry_point_of_its_own_for_processing() -> None:
    assert not is_script_mode(resolve_image(TORCH), processing())
    with pytest.raises(CannotRun, match="without a ContainerEntrypoint"):
        command(resolve_image(TORCH), processing())
    assert command(resolve_image(SPARK), processing(arguments=["/a.py"])) == ["smspark-submit", "/a.py"]


def test_every_built_in_algorithm_has_a_declaration() -> None:
    assert [name for name in sorted(ALGORITHMS) if catalogue.find(name) is None] == []


def test_the_server_of_language_models_reads_the_variables_that_are_checked() -> None:
    assert recipes.ENGINE_MODELS == MODEL_VARIABLES
