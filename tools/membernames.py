"""Below `kinds` nothing reads an AWS request: no string there is the name of a member of one.

Usage: python tools/membernames.py
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sagewright.model.aws.shapes import Shape
from sagewright.wire.models import service_model

SOURCE = Path(__file__).parent.parent / "src" / "sagewright"
BELOW = ("compute", "runtimes", "agent", "sandbox", "jobfiles", "store", "model", "http")
REQUESTS = ("CreateTrainingJob", "CreateProcessingJob", "CreateTransformJob", "CreateModel", "CreateEndpointConfig")
WORDS = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+")  # `Name` and `Key` are words of S3's as well
VALUES = {"ManifestFile", "AugmentedManifestFile"}
"""Names that are values too."""
ANSWERED = {"agent/transform/transforming.py": {"MaxConcurrentTransforms", "MaxPayloadInMB", "BatchStrategy"}}
"""Names that a program's answer has as well: of GET /execution-parameters."""


def members(shape: Shape, seen: set[str]) -> Iterator[str]:
    if shape.name in seen:
        return
    seen.add(shape.name)
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield name
            yield from members(member, seen)
    elif shape.type_name == "list":
        yield from members(shape.member, seen)
    elif shape.type_name == "map":
        yield from members(shape.value, seen)


def main() -> int:
    model, seen = service_model("sagemaker"), set[str]()
    shapes = [model.operation_model(name).input_shape for name in REQUESTS]
    forbidden = {name for shape in shapes for name in members(shape, seen) if WORDS.fullmatch(name)} - VALUES
    found = 0
    for package in BELOW:
        for file in sorted((SOURCE / package).rglob("*.py")):
            here = forbidden - ANSWERED.get(str(file.relative_to(SOURCE)), set())
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in here:
                    print(
                        f"{file.relative_to(SOURCE.parent)}:{node.lineno}: the member {node.value} of a request is read here"
                    )
                    found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
