"""GenerateMac and VerifyMac.

Source: the API reference of AWS KMS; RFC 2104.
"""

from __future__ import annotations

import hmac
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.kms import material
from sagewright.services.aws.kms.specs import MAC
from sagewright.services.aws.kms.using import check_algorithm, check_request, check_usage, usable
from sagewright.services.aws.kms_keys import arn_of
from sagewright.services.context import Context
from sagewright.services.registry import operation


@operation("kms", "GenerateMac", quick=True)
def generate_mac(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    described, mac = _made(context, request, "GenerateMac")
    return described | {"Mac": mac}


@operation("kms", "VerifyMac", quick=True)
def verify_mac(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    described, mac = _made(context, request, "VerifyMac")
    if not hmac.compare_digest(mac, request["Mac"]):
        raise AwsError("KMSInvalidMacException", "")
    return described | {"MacValid": True}


def _made(context: Context, request: dict[str, Any], name: str) -> tuple[dict[str, Any], bytes]:
    key, algorithm = usable(context, request["KeyId"]), request["MacAlgorithm"]
    check_usage(context, key, MAC, name)
    check_algorithm(key, algorithm)
    check_request(context, request)
    digest = "sha" + algorithm.removeprefix("HMAC_SHA_")
    described = {"KeyId": arn_of(context, key.name), "MacAlgorithm": algorithm}
    return described, hmac.digest(material.current(context.store, key), request["Message"], digest)
