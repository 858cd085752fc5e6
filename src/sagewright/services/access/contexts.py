"""Values of condition keys, computed when a policy asks for them.

Source: IAM's user guide, "AWS global condition context keys"; the service authorization reference, "Condition keys for Amazon
SageMaker".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from sagewright.policies.keys import Arriving, Calling, arrival_keys, caller_keys
from sagewright.services.access.subjects import values_of

_SAGEMAKER = {
    "AcceleratorType": "AcceleratorTypes",
    "AppNetworkAccessType": "AppNetworkAccessType",
    "DirectInternetAccess": "DirectInternetAccess",
    "DirectoryPath": "FileSystemDirectoryPath",
    "EnableInterContainerTrafficEncryption": "InterContainerTrafficEncryption",
    "EnableNetworkIsolation": "NetworkIsolation",
    "EnableRemoteDebug": "EnableRemoteDebug",
    "FileSystemAccessMode": "FileSystemAccessMode",
    "FileSystemId": "FileSystemId",
    "FileSystemType": "FileSystemType",
    "HomeEfsFileSystemKmsKeyId": "HomeEfsFileSystemKmsKey",
    "InstanceType": "InstanceTypes",
    "KeepAlivePeriodInSeconds": "KeepAlivePeriod",
    "MaxConcurrency": "ServerlessMaxConcurrency",
    "MaxRuntimeInSeconds": "MaxRuntimeInSeconds",
    "MemorySizeInMB": "ServerlessMemorySize",
    "ModelApprovalStatus": "ModelApprovalStatus",
    "OwnerUserProfileName": "OwnerUserProfileArn",
    "RootAccess": "RootAccess",
    "SecurityGroupIds": "VpcSecurityGroupIds",
    "SecurityGroups": "VpcSecurityGroupIds",
    "SharingType": "SpaceSharingType",
    "SubnetId": "VpcSubnets",
    "SubnetIds": "VpcSubnets",
    "Subnets": "VpcSubnets",
    "TargetModel": "TargetModel",
    "VolumeKmsKeyId": "VolumeKmsKey",
    "InstanceTypes": "InstanceTypes",
    "TrainingInstanceType": "InstanceTypes",
    "AuthorizationType": "AuthorizationType",
}
"""SageMaker's condition keys by the members of requests that they are about."""
_TAG_MEMBERS = ("Tags", "tags")
RESOURCE_TAG = ("aws:resourcetag/", "sagemaker:resourcetag/")
Tags = Mapping[str, str]


class RequestValues(Mapping[str, Sequence[str]]):
    """The values of one request, by key in lower case. `calling`, `arriving` and `tags` return the caller, the request's way here
    and the tags of the resource, once a policy asks; `more`: the service's own keys."""

    def __init__(
        self,
        calling: Callable[[], Calling],
        arriving: Callable[[], Arriving],
        request: Mapping[str, Any],
        more: Mapping[str, Sequence[str]] | None = None,
        tags: Callable[[], Tags] = dict,
    ) -> None:
        self._calling, self._arriving, self._request, self._tags = calling, arriving, request, tags
        self._more = more or {}

    def __getitem__(self, key: str) -> Sequence[str]:
        if key in self._more:
            return self._more[key]
        if key.startswith(RESOURCE_TAG):
            return self._of_resource[key]
        return self._all[key]

    def __iter__(self) -> Iterator[str]:
        yield from {**self._all, **self._of_resource, **self._more}

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def _all(self) -> dict[str, Sequence[str]]:
        calling = self._calling()
        known = caller_keys(calling) if calling.arn else {}
        return known | arrival_keys(self._arriving()) | _of_request(self._request)

    @cached_property
    def _of_resource(self) -> dict[str, Sequence[str]]:
        tags = self._tags()
        return {f"{begin}{name.lower()}": (value,) for begin in RESOURCE_TAG for name, value in tags.items()}


def request_tags(request: Mapping[str, Any]) -> dict[str, str]:
    """Returns the tags that a request sets on what it creates, in the forms of all services."""
    given = next((request[name] for name in _TAG_MEMBERS if request.get(name)), None)
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items() if isinstance(value, str)}
    pairs = {}
    for one in given if isinstance(given, list) else ():
        key = next((one[name] for name in ("Key", "TagKey", "key") if name in one), None)
        value = next((one[name] for name in ("Value", "TagValue", "value") if name in one), "")
        if key is not None:
            pairs[str(key)] = str(value)
    return pairs


def _of_request(request: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    if tags := request_tags(request):
        found = {f"aws:requesttag/{name.lower()}": (value,) for name, value in tags.items()}
    named = [*tags, *(request.get("TagKeys") or request.get("tagKeys") or ())]
    if named:
        found["aws:tagkeys"] = tuple(map(str, named))
    for name, value in values_of(request, _SAGEMAKER.get):
        key = f"sagemaker:{name.lower()}"
        found[key] = (*found.get(key, ()), value)
    found |= _of_encryption(request.get("EncryptionContext"))
    output = request.get("OutputDataConfig") or request.get("TransformOutput") or request.get("ProcessingOutputConfig")
    for key, config in (("outputkmskey", output), ("volumekmskey", request)):
        if isinstance(config, Mapping) and isinstance(config.get("KmsKeyId"), str):
            found.setdefault(f"sagemaker:{key}", (config["KmsKeyId"],))
    return found


def _of_encryption(given: Any) -> dict[str, Sequence[str]]:
    """Returns the keys about an encryption context. Names that differ in case alone have no value: it would not be clear which one
    a policy means."""
    if not isinstance(given, Mapping) or not given:
        return {}
    lower = [str(name).lower() for name in given]
    found: dict[str, Sequence[str]] = {
        f"kms:encryptioncontext:{name}": (str(value),)
        for name, value in zip(lower, given.values(), strict=True)
        if lower.count(name) == 1
    }
    return found | {"kms:encryptioncontextkeys": tuple(map(str, given))}
