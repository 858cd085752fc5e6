"""The manifest and the specs that SDK v2 and v3's ModelBuilder read from S3.

Source: SageMaker Python SDK v2, jumpstart/types.py (JumpStartModelHeader, JumpStartMetadataBaseFields).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagewright.jumpstart import keys
from sagewright.jumpstart.awsmodels import MARKETPLACE, AwsModel, aws_models
from sagewright.jumpstart.entries import CatalogueEntry, Hyperparameter, SamplePayload
from sagewright.jumpstart.images import IMAGES
from sagewright.jumpstart.offers import offers

JsonDocument = dict[str, Any]
INSTANCES = (
    "ml.t2.medium", "ml.m4.xlarge", "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.m5.4xlarge", "ml.c4.xlarge", "ml.c5.large",
    "ml.c5.xlarge", "ml.c5.2xlarge", "ml.c5.4xlarge", "ml.r5.xlarge", "ml.p2.xlarge", "ml.p3.2xlarge", "ml.g4dn.xlarge",
    "ml.g4dn.2xlarge", "ml.g5.xlarge", "ml.g5.2xlarge", "ml.g5.12xlarge", "ml.g6.xlarge", "ml.g6.12xlarge", "ml.p4d.24xlarge",
)  # fmt: skip
"""Instance types of the catalogue's models: each stands for a share of this machine."""
INCREMENTAL = frozenset({"texts", "pictures", "generation", "checkpoints"})
"""Scripts that go on with a model that they have fine-tuned."""
HOSTING_INSTANCE = "ml.m5.xlarge"
_SCRIPT_SETTINGS = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_ENV": "1",
}
_TRAINING_SETTINGS = {
    "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
    "sagemaker_program": "transfer_learning.py",
    "sagemaker_container_log_level": "20",
}


def manifest() -> list[JsonDocument]:
    """Returns `models_manifest.json`: each open model with the oldest SDK that can read it."""
    return [_header(each, keys.spec_key(each.id, each.version)) for each in offers().values()]


def proprietary_manifest() -> list[JsonDocument]:
    """Returns the manifest of the models sold on AWS Marketplace."""
    sold = (each for each in aws_models().values() if each.proprietary)
    return [_header(each, keys.spec_key(each.id, each.version, proprietary=True)) for each in sold]


def _header(model: CatalogueEntry | AwsModel, key: str) -> JsonDocument:
    words = list(model.keywords) if isinstance(model, CatalogueEntry) else []
    return {
        "model_id": model.id,
        "version": model.version,
        "min_version": model.min_sdk_version,
        "spec_key": key,
        "search_keywords": words or [model.framework, model.task],
    }


def spec(entry: CatalogueEntry, region: str) -> JsonDocument:
    """Returns the spec of a model, for a bucket of the region."""
    images, prefix = IMAGES[entry.image], keys.model_prefix(entry.id, entry.version)
    document: JsonDocument = {
        "model_id": entry.id,
        "url": entry.source,
        "version": entry.version,
        "min_sdk_version": entry.min_sdk_version,
        "model_types": ["open_weights"],
        "training_supported": entry.training is not None,
        "incremental_training_supported": entry.tunable and entry.scripts in INCREMENTAL,
        "hosting_artifact_key": prefix,
        "hosting_prepacked_artifact_key": prefix,
        "hosting_prepacked_artifact_version": entry.version,
        "hosting_script_key": keys.script_key(entry.id, entry.version, keys.KeyKind.SERVING_SCRIPT),
        "hosting_use_script_uri": False,
        "hosting_instance_type_variants": _variants(images.hosting, region),
        "default_inference_instance_type": HOSTING_INSTANCE,
        "supported_inference_instance_types": list(INSTANCES),
        "inference_environment_variables": _variables(entry),
        "inference_dependencies": list(entry.all_requirements),
        "inference_vulnerable": False,
        "inference_vulnerabilities": [],
        "training_vulnerable": False,
        "training_dependencies": list(entry.all_requirements) if entry.training else [],
        "training_vulnerabilities": [],
        "deprecated": False,
        "gated_bucket": entry.gated,
        "resource_name_base": entry.id[:40].rstrip("-"),
        "predictor_specs": {
            "default_content_type": entry.content_types[0],
            "supported_content_types": list(entry.content_types),
            "default_accept_type": entry.accept_types[0],
            "supported_accept_types": list(entry.accept_types),
        },
    }
    if entry.payloads:
        document["default_payloads"] = {each.name: _payload(each) for each in entry.payloads}
    if entry.memory_mb:
        document["hosting_resource_requirements"] = {"min_memory_mb": entry.memory_mb}
    if entry.gated:
        document["hosting_eula_key"] = keys.eula_key(entry.id, entry.version)
    return document | _training(entry, region)


def proprietary_spec(model: AwsModel, region: str) -> JsonDocument:
    """Returns the spec of a model that only AWS Marketplace has; its model package can't be found here."""
    arn = f"arn:aws:sagemaker:{region}:{MARKETPLACE}:model-package/{model.id}"
    return {
        "model_id": model.id,
        "url": model.url,
        "version": model.version,
        "min_sdk_version": model.min_sdk_version,
        "model_types": ["proprietary"],
        "training_supported": False,
        "incremental_training_supported": False,
        "hosting_model_package_arns": {region: arn},
        "hosting_use_script_uri": False,
        "default_inference_instance_type": HOSTING_INSTANCE,
        "supported_inference_instance_types": list(INSTANCES),
        "model_subscription_link": model.url,
        "inference_environment_variables": [],
        "deprecated": False,
    }


def _training(entry: CatalogueEntry, region: str) -> JsonDocument:
    training = entry.training
    if training is None:
        return {}
    return {
        "training_artifact_key": keys.model_prefix(entry.id, entry.version),
        "training_script_key": keys.script_key(entry.id, entry.version, keys.KeyKind.TRAINING_SCRIPT),
        "training_instance_type_variants": _variants(IMAGES[entry.image].training, region),
        "default_training_instance_type": training.instance,
        "supported_training_instance_types": list(INSTANCES),
        "hyperparameters": [
            *map(_hyperparameter, training.hyperparameters),
            *(
                {"name": name, "type": "text", "default": value, "scope": "container"}
                for name, value in _TRAINING_SETTINGS.items()
            ),
        ],
        "metrics": [{"Name": name, "Regex": regex} for name, regex in training.metrics.items()],
        "training_enable_network_isolation": False,
    }


def _hyperparameter(given: Hyperparameter) -> JsonDocument:
    found: JsonDocument = {"name": given.name, "type": given.type, "default": given.default, "scope": "algorithm"}
    bounds: Mapping[str, Any] = {"min": given.min, "max": given.max, "options": list(given.options) or None}
    return found | {name: value for name, value in bounds.items() if value is not None}


def _variables(entry: CatalogueEntry) -> list[JsonDocument]:
    """Returns the environment of an endpoint."""
    both = _SCRIPT_SETTINGS | dict(entry.environment)
    return [
        {"name": name, "type": "text", "default": value, "scope": "container", "required_for_model_class": True}
        for name, value in both.items()
    ]


def _payload(payload: SamplePayload) -> JsonDocument:
    found: JsonDocument = {"content_type": payload.content_type, "accept": payload.accept}
    if payload.prompt_key:
        found["prompt_key"] = payload.prompt_key
    if payload.file:
        return found | {"body": f"$s3<{keys.payload_key(payload.file)}>"}
    taken = isinstance(payload.body, str | dict)  # the SDKs send no other body as it is
    return found | {"body": payload.body if taken else json.dumps(payload.body)}


def _variants(image: str, region: str) -> JsonDocument:
    """Returns the image by family of instance types: it is the same for all of them."""
    variants = {family: {"regional_properties": {"image_uri": "$image"}} for family in families()}
    return {"regional_aliases": {region: {"image": image.format(region=region)}}, "variants": variants}


def families() -> list[str]:
    """Returns the families of instance types by which SDKs look an image up, beyond the catalogue's own."""
    return sorted({each.split(".")[1] for each in INSTANCES} | set(_MORE))


_MORE = (
    "t3", "m5d", "m6i", "m6g", "m7i", "c5d", "c6i", "c6g", "c7i", "r6i", "p3dn", "p4de", "p5", "p5e", "p5en", "g4ad", "g6e", "g7e",
    "inf1", "inf2", "trn1", "trn2",
)  # fmt: skip
