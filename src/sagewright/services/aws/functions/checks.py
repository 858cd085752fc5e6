"""Checks of functions: features that are unsupported here, and values that AWS refuses. Source: AWS's API reference, Lambda,
CreateFunction."""

from __future__ import annotations

import re
from typing import Any

from sagewright.model.aws.arns import account_of
from sagewright.model.errors import AwsError
from sagewright.services.aws.functions.names import invalid
from sagewright.services.context import Context
from sagewright.services.roles import resolve_role

DEFAULTS: dict[str, Any] = {"Timeout": 3, "MemorySize": 128, "Description": "", "PackageType": "Zip"}
MOST_TIMEOUT_S, MOST_MEMORY_MB = 900, 10_240
MOST_ENVIRONMENT = 4096
RUNTIME = re.compile(r"python3\.\d+")
NOT_SERVED = {
    "Layers": "layers; pack the function's dependencies into its archive",
    "FileSystemConfigs": "file systems of functions",
    "ImageConfig": "functions in container images",
    "CodeSigningConfigArn": "code signing",
    "DurableConfig": "durable functions",
    "CapacityProviderConfig": "capacity providers",
    "TenancyConfig": "tenants of functions",
    "AcceleratorConfig": "accelerators of functions",
}
RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(?!ENDPOINT_URL_).*|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|TZ|SAGEWRIGHT_.*|LD_.*|PYTHONHOME"
)
"""Environment variables that the runtime sets, or that would change its behaviour."""


def check(context: Context, document: dict[str, Any]) -> None:
    """Checks the document of a function before it is stored. Raises InvalidParameterValueException."""
    for member, what in NOT_SERVED.items():
        if document.get(member):
            raise invalid(f"Sagewright does not serve {what} ({member}).")
    if (document.get("DeadLetterConfig") or {}).get("TargetArn"):
        raise invalid("Sagewright does not serve dead-letter targets of functions (DeadLetterConfig).")
    if document["PackageType"] != "Zip":
        raise invalid("Sagewright does not serve functions in container images (PackageType Image).")
    for member in ("Runtime", "Handler"):
        if not document.get(member):
            raise invalid(f"{member} is mandatory for functions with the PackageType Zip.")
    if not RUNTIME.fullmatch(document["Runtime"]):
        raise invalid(
            f"Sagewright runs only Python 3 functions; it does not support the Runtime {document['Runtime']}."
        )
    for member, most in (("Timeout", MOST_TIMEOUT_S), ("MemorySize", MOST_MEMORY_MB)):
        if document[member] > most:
            raise invalid(f"'{member}' must be at most {most}, got {document[member]}.")
    _check_environment((document.get("Environment") or {}).get("Variables") or {})
    _check_role(context, document["Role"])


def _check_environment(variables: dict[str, str]) -> None:
    if reserved := sorted(name for name in variables if RESERVED.fullmatch(name)):
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided "
            f"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "
            f"{', '.join(reserved)}"
        )
    if bad := sorted(name for name, value in variables.items() if "\0" in value):
        raise invalid(f"The environment variable {bad[0]} has a NUL in it.")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > MOST_ENVIRONMENT:
        raise invalid(
            f"Lambda was unable to configure your environment variables because the environment variables you have provided "
            f"exceeded the {MOST_ENVIRONMENT} byte limit, with {size} bytes."
        )


def _check_role(context: Context, arn: str) -> None:
    if account_of(arn) != context.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    if resolve_role(context, arn.rsplit("/", 1)[-1]) is None:
        raise invalid("The role defined for the function cannot be assumed by Lambda.")
