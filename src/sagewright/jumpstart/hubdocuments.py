"""The document of a model in a hub, HubContentDocument, which v3's ModelTrainer and private hubs read.

Source: SageMaker Python SDK v3, core/jumpstart/models.py (HubContentDocument, schema 2.3.0); v2, jumpstart/hub/interfaces.py.
"""

from __future__ import annotations

from typing import Any

from sagewright.jumpstart import keys, specs
from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.jumpstart.images import IMAGES

JsonDocument = dict[str, Any]
SCHEMA_VERSION = "2.3.0"
_ARCHIVE = {"S3_PREFIX": "S3Prefix", "NO_COMPRESSION": "None"}
_PARTS = {
    "min": "Min", "max": "Max", "name": "Name", "type": "Type", "default": "Default", "scope": "Scope", "options": "Options",
}  # fmt: skip


def hub_document(entry: CatalogueEntry, region: str) -> JsonDocument:
    """Returns the document of a model, with addresses in the bucket of the region."""
    spec = specs.spec(entry, region)
    document: JsonDocument = {
        "Url": spec["url"],
        "MinSdkVersion": entry.min_sdk_version,
        "ModelTypes": ["OPEN_WEIGHTS"],
        "Capabilities": ["TRAINING", "FINE_TUNING"] if entry.training else [],
        "TrainingSupported": entry.training is not None,
        "IncrementalTrainingSupported": spec["incremental_training_supported"],
        "GatedBucket": entry.gated,
        "Provider": entry.provider,
        "Task": entry.task,
        "Framework": entry.framework,
        "License": entry.license or None,
        "Highlights": list(entry.keywords),
        "ResourceNameBase": spec["resource_name_base"],
    }
    document |= _hosting(entry, spec, region)
    if entry.memory_mb:
        document["HostingResourceRequirements"] = {"MinMemoryMb": entry.memory_mb}
    if entry.gated:
        bucket = keys.content_bucket(region)
        document["HostingEulaUri"] = f"s3://{bucket}/{keys.eula_key(entry.id, entry.version)}"
    document |= _training(entry, spec, region)
    return {name: value for name, value in document.items() if value is not None}


def _hosting(entry: CatalogueEntry, spec: JsonDocument, region: str) -> JsonDocument:
    images, artifact = IMAGES[entry.image], _artifact(entry, region)
    return {
        "HostingEcrUri": images.hosting.format(region=region),
        "HostingArtifactUri": artifact,
        "HostingArtifactS3DataType": _ARCHIVE["S3_PREFIX"],
        "HostingArtifactCompressionType": _ARCHIVE["NO_COMPRESSION"],
        "HostingPrepackedArtifactUri": artifact,
        "HostingPrepackedArtifactVersion": entry.version,
        "HostingScriptUri": _script(entry, region, keys.KeyKind.SERVING_SCRIPT),
        "HostingUseScriptUri": False,
        "HostingInstanceTypeVariants": _variants(images.hosting, region),
        "InferenceDependencies": spec["inference_dependencies"],
        "InferenceEnvironmentVariables": [
            {
                "Name": one["name"],
                "Type": one["type"],
                "Default": one["default"],
                "Scope": one["scope"],
                "RequiredForModelClass": True,
            }
            for one in spec["inference_environment_variables"]
        ],
        "InferenceEnableNetworkIsolation": False,
        "DefaultInferenceInstanceType": spec["default_inference_instance_type"],
        "SupportedInferenceInstanceTypes": spec["supported_inference_instance_types"],
        "SageMakerSdkPredictorSpecifications": {
            "DefaultContentType": entry.content_types[0],
            "SupportedContentTypes": list(entry.content_types),
            "DefaultAcceptType": entry.accept_types[0],
            "SupportedAcceptTypes": list(entry.accept_types),
        },
        "DefaultPayloads": {
            each.name: {"ContentType": each.content_type, "Body": spec["default_payloads"][each.name]["body"]}
            | ({"PromptKey": each.prompt_key} if each.prompt_key else {})
            for each in entry.payloads
        },
    }


def _training(entry: CatalogueEntry, spec: JsonDocument, region: str) -> JsonDocument:
    if entry.training is None:
        return {}
    return {
        "TrainingEcrUri": IMAGES[entry.image].training.format(region=region),
        "TrainingArtifactUri": _artifact(entry, region),
        "TrainingArtifactS3DataType": _ARCHIVE["S3_PREFIX"],
        "TrainingArtifactCompressionType": _ARCHIVE["NO_COMPRESSION"],
        "TrainingScriptUri": _script(entry, region, keys.KeyKind.TRAINING_SCRIPT),
        "TrainingInstanceTypeVariants": _variants(IMAGES[entry.image].training, region),
        "TrainingDependencies": spec["training_dependencies"],
        "TrainingEnableNetworkIsolation": False,
        "FineTuningSupported": True,
        "DefaultTrainingInstanceType": spec["default_training_instance_type"],
        "SupportedTrainingInstanceTypes": spec["supported_training_instance_types"],
        "Hyperparameters": [{_PARTS[name]: value for name, value in one.items()} for one in spec["hyperparameters"]],
        "TrainingMetrics": spec["metrics"],
        "ContextualHelp": {"HubFormatTrainData": [entry.training.data]},
    }


def _artifact(entry: CatalogueEntry, region: str) -> str:
    bucket = keys.content_bucket(region, gated=entry.gated)
    return f"s3://{bucket}/{keys.model_prefix(entry.id, entry.version)}"


def _script(entry: CatalogueEntry, region: str, kind: keys.KeyKind) -> str:
    return f"s3://{keys.content_bucket(region)}/{keys.script_key(entry.id, entry.version, kind)}"


def _variants(image: str, region: str) -> JsonDocument:
    uri = image.format(region=region)
    return {
        "Aliases": {"image": uri},
        "Variants": {family: {"Properties": {"ImageUri": uri}} for family in specs.families()},
    }
