"""Image URIs: every repository that the SageMaker Python SDK knows, and the forms of tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests import sdkimages

from sagewright.runtimes import registries
from sagewright.runtimes.images import Image, ImageKind, is_reference, resolve_image

AWS = "683313688378.dkr.ecr.us-east-1.amazonaws.com"

K = ImageKind


@pytest.fixture(scope="session")
def uri_configs() -> dict[str, Any]:
    """The image_uri_config files of both SDKs by version and name."""
    return {f"{version}/{name}": config for version, name, config in sdkimages.config_files()}


def repositories(node: Any, scopes: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(repository, scopes) of everything below a node of a config file."""
    if not isinstance(node, dict):
        return
    scopes = tuple(node.get("scope", scopes))
    if isinstance(node.get("repository"), str):
        yield node["repository"], scopes
    for name, child in node.items():
        is_scope = name in {"training", "inference", "processing", "eia", "inference_graviton"}
        yield from repositories(child, (name,) if is_scope else scopes)


def test_every_repository_of_the_sdk_has_a_kind(uri_configs: dict[str, Any]) -> None:
    found = {item for config in uri_configs.values() for item in repositories(config)}
    assert len(found) > 70

    unknown = {name for name, _scopes in found if resolve_image(f"{AWS}/{name}:1").kind is K.OWN}
    assert unknown == set()


def test_the_accounts_and_names_of_the_sdks_are_known(uri_configs: dict[str, Any]) -> None:
    names = {name for config in uri_configs.values() for name, _scopes in repositories(config)}
    accounts = {account for config in uri_configs.values() for account in sdkimages.accounts(config)}
    assert len(accounts) > 350
    assert (accounts - registries.ACCOUNTS, names - set(registries.REPOSITORIES)) == (set(), set())


@pytest.mark.parametrize("name", ["ray", "vllm", "sglang", "llama-cpp", "whisperx"])
def test_a_name_that_others_have_too_is_of_aws_in_its_registries_alone(name: str) -> None:
    assert resolve_image(f"{AWS}/{name}:1").kind is K.INFERENCE
    assert {resolve_image(f"{place}{name}:1").kind for place in ("", "mine/", "quay.io/mine/")} == {K.OWN}


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-lern:1.2-1", "sagemaker-scikit-learn"),
        ("x/pytorch-trainning:2.0.0-cpu-py310", "pytorch-training"),
        ("XGBoot", "xgboost"),
        ("blazing-text@sha256:" + "0" * 64, "blazingtext"),
        ("x/churn:3", ""),
        ("", ""),
    ],
)
def test_what_a_misspelt_name_resembles(uri: str, found: str) -> None:
    assert registries.resembling(uri) == (f" It resembles AWS's image '{found}'." if found else "")


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("python", True),
        ("python:3.11-slim", True),
        ("localhost:5000/a/b__c/kmeans:1", True),
        ("[::1]/kmeans", False),
        ("127.0.0.1:4700/churn:new", True),
        ("x/a@sha256:" + "0" * 64, True),
        ("x/a:1@sha256:" + "0" * 64, True),
        ("Registry.example/a", True),
        ("not an image", False),
        ("Churn", False),
        ("x/Churn:1", False),
        ("", False),
        ("x/", False),
        ("x/a:", False),
        ("x/a:-1", False),
        ("x/a@1", False),
        ("s3://bucket/a", False),
        ("https://registry.example/a:1", False),
        ("a" * 255, True),
        ("a-" * 127, False),
    ],
)
def test_the_form_of_a_name(uri: str, good: bool) -> None:
    assert is_reference(uri) is good


def test_what_the_sdk_calls_training_is_not_taken_for_something_else(uri_configs: dict[str, Any]) -> None:
    tools = {
        "sagemaker-inspect-ai",
        "sagemaker-debugger-rules",
        "detailed-profiler-processing",
        "sagemaker-model-monitor-analyzer",
    }
    training = {
        name for config in uri_configs.values() for name, scopes in repositories(config) if scopes == ("training",)
    }
    kinds = {name: resolve_image(f"{name}:1").kind for name in training - tools}

    assert set(kinds.values()) <= {K.FRAMEWORK, K.ALGORITHM}


ECR = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/"


@pytest.mark.parametrize(
    ("uri", "kind", "framework", "version", "python", "accelerator"),
    [
        (
            ECR + "pytorch-training:2.0.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
            K.FRAMEWORK,
            "pytorch",
            "2.0.0",
            "3.10",
            "gpu",
        ),
        (ECR + "pytorch-training:2.3.0-cpu-py311", K.FRAMEWORK, "pytorch", "2.3.0", "3.11", "cpu"),
        (ECR + "tensorflow-training:2.11.0-cpu-py39", K.FRAMEWORK, "tensorflow", "2.11.0", "3.9", "cpu"),
        ("sagemaker-tensorflow-scriptmode:1.12.0-cpu-py3", K.FRAMEWORK, "tensorflow", "1.12.0", "3", "cpu"),
        ("1.dkr.ecr.x/sagemaker-scikit-learn:1.2-1-cpu-py3", K.FRAMEWORK, "sklearn", "1.2-1", "3", "cpu"),
        ("1.dkr.ecr.x/sagemaker-scikit-learn:0.20.0-cpu-py3", K.FRAMEWORK, "sklearn", "0.20.0", "3", "cpu"),
        ("1.dkr.ecr.x/sagemaker-xgboost:1.7-1", K.ALGORITHM, "xgboost", "1.7-1", "", "cpu"),
        ("1.dkr.ecr.x/sagemaker-xgboost:1.0-1-cpu-py3", K.ALGORITHM, "xgboost", "1.0-1", "3", "cpu"),
        ("1.dkr.ecr.x/xgboost:latest", K.ALGORITHM, "xgboost", "", "", "cpu"),
        ("localhost:5000/a/b/kmeans:1", K.ALGORITHM, "kmeans", "1", "", "cpu"),
        ("kmeans", K.ALGORITHM, "kmeans", "", "", "cpu"),
        (ECR + "pytorch-training@sha256:" + "0" * 64, K.FRAMEWORK, "pytorch", "", "", "cpu"),
        (ECR + "pytorch-training:2.0.0-cpu-py310@sha256:" + "0" * 64, K.FRAMEWORK, "pytorch", "2.0.0", "3.10", "cpu"),
        (
            ECR + "pytorch-training-neuronx:2.1.2-neuronx-py310",
            K.FRAMEWORK,
            "pytorch-neuron",
            "2.1.2",
            "3.10",
            "neuron",
        ),
        (ECR + "mxnet-training:1.9.0-cpu-py38", K.FRAMEWORK, "mxnet", "1.9.0", "3.8", "cpu"),
        (ECR + "pytorch-inference:2.0.0-cpu-py310", K.INFERENCE, "pytorch", "2.0.0", "3.10", "cpu"),
        ("1.dkr.ecr.x/sagemaker-spark-processing:3.3-cpu-py39-v1", K.PROCESSING, "spark", "3.3", "3.9", "cpu"),
        ("python:3.11-slim", K.FRAMEWORK, "python", "3.11", "", "cpu"),
        ("mycompany/pytorch-training-custom:1", K.OWN, "", "1", "", "cpu"),
        ("", K.OWN, "", "", "", "cpu"),
    ],
)
def test_forms_of_uris(uri: str, kind: ImageKind, framework: str, version: str, python: str, accelerator: str) -> None:
    image = resolve_image(uri)

    seen = (image.kind, image.framework, image.version, image.python, image.accelerator)
    assert seen == (kind, framework, version, python, accelerator)


def test_a_hugging_face_image_names_two_versions() -> None:
    image = resolve_image(ECR + "huggingface-pytorch-training:2.0.0-transformers4.28.1-gpu-py310-cu118-ubuntu20.04")

    assert (image.framework, image.version, image.base_version) == ("huggingface", "4.28.1", "2.0.0")
    assert isinstance(image, Image)


@pytest.mark.parametrize(
    ("repository", "kind", "framework"),
    [
        ("sagemaker-distribution-prod", K.FRAMEWORK, "distribution"),
        ("sagemaker-data-science", K.FRAMEWORK, "distribution"),
        ("sagemaker-data-science-310", K.FRAMEWORK, "distribution"),
        ("sagemaker-data-science-310-v1", K.FRAMEWORK, "distribution"),
        ("sagemaker-base-python-310", K.FRAMEWORK, "base"),
        ("sagemaker-data-science-team", K.OWN, ""),
    ],
)
def test_images_of_studio(repository: str, kind: ImageKind, framework: str) -> None:
    found = resolve_image(f"885854791233.dkr.ecr.us-east-1.amazonaws.com/{repository}:2-cpu")
    assert (found.kind, found.framework) == (kind, framework)
