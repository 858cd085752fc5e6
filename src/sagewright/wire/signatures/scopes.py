"""The scope of a signature: its day, region and service must match the request and this server.

Source: "Troubleshooting AWS API request signing" (AWS IAM user guide), "List of error codes" of S3's API reference.
"""

from __future__ import annotations

import re

from sagewright.http.messages import HttpRequest
from sagewright.model.aws.regions import is_region
from sagewright.model.errors import AwsError
from sagewright.wire.errors import refusal
from sagewright.wire.signatures.sigv4 import Claim, Credential

SIGNING_NAMES = {
    "cloudwatch": "monitoring",
    "service-quotas": "servicequotas",
    "sagemaker-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "resourcegroupstaggingapi": "tagging",
}
"""Signing names of services that differ from the service's name."""
GLOBAL = {"iam": "us-east-1", "sts": "us-east-1"}
"""Services whose clients can sign for this region from any region."""


HINT = "Sagewright only serves this region unless it runs with the setting regions=any."
_CREDENTIAL = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/")


def signed_region(request: HttpRequest) -> str | None:
    """Returns the region in the credential of a request with a valid signature; None if it names none."""
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is not None:
        return found[1]
    if "X-Amz-Credential=" not in request.query:
        return None
    parts = dict(request.query_pairs()).get("X-Amz-Credential", "").split("/")
    return parts[2] if len(parts) > 2 else None


def check_scope(claim: Claim, service: str, region: str, *, anywhere: bool = False) -> None:
    """Raises AwsError with the service's code for a signature of another scope.

    `anywhere`: accepts any region.
    """
    credential = claim.credential
    if service == "s3":
        _check_s3(credential, region, presigned=claim.expires_s is not None, anywhere=anywhere)
    elif credential.service != (name := SIGNING_NAMES.get(service, service)):
        raise refusal(service, "mismatch", f"Credential should be scoped to correct service: '{name}'.")
    elif credential.region not in {region, GLOBAL.get(service, region)} and not (
        anywhere and is_region(credential.region)
    ):
        hint = "" if anywhere else f" {HINT}"
        raise refusal(service, "mismatch", f"Credential should be scoped to a valid region: '{region}'.{hint}")
    if credential.day != claim.day:
        message = f"Credential should be scoped to the day of the request, {claim.day}, got '{credential.day}'."
        raise refusal(service, "malformed" if service == "s3" else "mismatch", message)


def check_form(credential: Credential, region: str, *, anywhere: bool = False) -> None:
    """Runs `check_scope` for the policy of a form, for S3. Raises AwsError."""
    _check_s3(credential, region, presigned=True, anywhere=anywhere)


def _check_s3(credential: Credential, region: str, *, presigned: bool, anywhere: bool) -> None:
    kind = "malformed_query" if presigned else "malformed"
    where = "Error parsing the X-Amz-Credential parameter" if presigned else "The authorization header is malformed"
    if credential.service != "s3":
        message = f'{where}; incorrect service "{credential.service}". This endpoint belongs to "s3".'
        raise refusal("s3", kind, message)
    if credential.region != region and not (anywhere and is_region(credential.region)):
        wrong = refusal("s3", kind, f"{where}; the region '{credential.region}' is wrong; expecting '{region}'")
        hint = "" if anywhere else f". {HINT}"
        raise AwsError(wrong.code, f"{wrong.message}{hint}", wrong.status, {"Region": region})
