"""Values for the members of a model's shapes: mostly such as a client sends, and such as none should."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from sagewright.model.aws.shapes import ListShape, MapShape, Shape, StructureShape

BUCKETS = ("fuzz-one", "fuzz-two", "fuzz-none")
KEYS = ("a", "a/b", "a/b/c.txt", "ключ", "x" * 200, "a//b", "z\u0000z")
NAMES = ("fuzz-1", "fuzz-2", "none", "role-1", "/aws/sagemaker/TrainingJobs", "stream-1")
TOKENS = (
    "",
    "x",
    "eyJ",
    "W10=",
    "WzFd",
    "WyJhIiwgImIiXQ==",
    "W251bGxd",
    "W1sxXV0=",
    "f/1",
    "b/²",
    "f/" + "9" * 40,
    "é",
    "A" * 3000,
)
"""Among them the base64 of JSON lists of other lengths and kinds than any list wants."""

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\n",
    "²",
    "٣",
    "é",
    "\U0001f600",
    "\ud800",
    "%",
    "%zz",
    "..",
    "../../etc/passwd",
    "a" * 70000,
    "-1",
    "1e999",
    "nan",
    "inf",
    "NaN",
    "0x10",
    "1_000",
    " 5 ",
    "+5",
    "9" * 5000,
    str(2**63),
    str(-(2**63) - 1),
    "true",
    "null",
    "[]",
    "{}",
    "[" * 3000,
    "2026-13-45T99:99:99Z",
    "0000-00-00",
    "99999-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "Thu, 32 Foo 2026 00:00:00 GMT",
    "arn:aws:s3:::",
    "arn:aws:sagemaker:us-east-1:000000000000:training-job/",
    "bytes=0-",
    "bytes=-",
    "bytes=9999999999999999999999-1",
    "=?utf-8?q?=",
    "a,b",
    "*",
    "\\",
    '"',
    "'; DROP TABLE jobs; --",
    "${filename}",
    "<a>&b;",
)
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    2**200,
    10**400,
    0.5,
    -0.0,
    1e308,
    1e-320,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {}},
    {"Key": "a", "Value": "b"},
    [1, "a", None, {}],
    b"\xff\x00",
)


def odd(rng: random.Random) -> Any:
    """A value that no model asks for; it may be nested deeply."""
    pick = rng.random()
    if pick < 0.5:
        return rng.choice(ODD_TEXTS)
    if pick < 0.95:
        return rng.choice(ODD_VALUES)
    deep: Any = rng.choice(ODD_VALUES)
    wrap = rng.choice((lambda one: [one], lambda one: {"SubExpressions": [one]}, lambda one: {"a": one}))
    for _ in range(rng.choice((5, 50, 400, 900))):
        deep = wrap(deep)
    return deep


def value(rng: random.Random, shape: Shape, depth: int = 0) -> Any:
    """A value of a shape, as a client would send it."""
    if isinstance(shape, StructureShape):
        return structure(rng, shape, depth)
    if isinstance(shape, ListShape):
        return [value(rng, shape.member, depth + 1) for _ in range(rng.choice((0, 1, 1, 2, 3)) if depth < 6 else 0)]
    if isinstance(shape, MapShape):
        names = [value(rng, shape.key, depth + 1) for _ in range(rng.choice((0, 1, 2)) if depth < 6 else 0)]
        return {str(name): value(rng, shape.value, depth + 1) for name in names}
    return _scalar(rng, shape)


def structure(rng: random.Random, shape: StructureShape, depth: int = 0) -> dict[str, Any]:
    required = set(shape.required_members)
    chance = rng.choice((0.0, 0.1, 0.4)) if depth < 2 else 0.2 if depth < 5 else 0.0
    made = {}
    for name, member in shape.members.items():
        if (name in required and depth < 12) or rng.random() < chance:
            made[name] = _named(rng, name, member, depth + 1)
    return made


def _named(rng: random.Random, name: str, shape: Shape, depth: int) -> Any:
    """Names that have been given before are found again; tokens are as wrong as they may be."""
    if shape.type_name == "string":
        lower = name.lower()
        if "token" in lower or lower.endswith("marker"):
            return rng.choice(TOKENS)
        if name in KNOWN and rng.random() < 0.95:
            return rng.choice(KNOWN[name])
        if "policy" in lower and "name" not in lower:
            return policy(rng)
        if name.endswith(("Name", "NamePrefix")) and rng.random() < 0.8:
            return rng.choice(NAMES)
        if lower.endswith("arn"):
            kind = rng.choice(("training-job", "model", "role"))
            return f"arn:aws:sagemaker:us-east-1:000000000000:{kind}/{rng.choice(NAMES)}"
    return value(rng, shape, depth)


DIGEST = "sha256:" + "ab" * 32
KNOWN: dict[str, tuple[str, ...]] = {
    "Bucket": (*BUCKETS, *BUCKETS[:1] * 7),
    "Key": (*KEYS, *KEYS[:1] * 6),
    "CopySource": ("fuzz-one/a", "/fuzz-one/a", "fuzz-one/a?versionId=null", "fuzz-two"),
    "Range": ("bytes=0-0", "bytes=-1", "bytes=1-", "bytes=0-0,1-1"),
    "CopySourceRange": ("bytes=0-0", "bytes=0-9999999"),
    "ExpectedBucketOwner": ("000000000000",),
    "Namespace": ("Fuzz", "/aws/sagemaker/TrainingJobs"),
    "MetricName": ("loss", "m"),
    "Stat": ("Average", "p90", "p²", "p1e5"),
    "logGroupName": ("fuzz-group",),
    "logStreamName": ("fuzz-stream",),
    "repositoryName": ("fuzz/repository", "none"),
    "registryId": ("000000000000",),
    "RoleName": ("fuzz-role", "none"),
    "RoleArn": ("arn:aws:iam::000000000000:role/SageMakerExecutionRole",),
    "TrainingImage": ("localhost/none:1",),
    "InstanceType": ("ml.m5.large",),
    "S3Uri": ("s3://fuzz-one/a", "s3://fuzz-one/", "s3://none/x", "https://x"),
    "S3OutputPath": ("s3://fuzz-one/out", "s3://", "x"),
    "imageDigest": (DIGEST,),
    "layerDigest": (DIGEST,),
    "imageManifest": (
        '{"schemaVersion":2}', '{"schemaVersion":2,"layers":[{"digest":"x"}]}', '{"schemaVersion":2,"config":[]}',
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}', "[]",
        '{"schemaVersion":2,"layers":[1],"mediaType":[]}', '{"schemaVersion":2,"manifests":{"a":1}}',
    ),
    "filterPattern": ("a", '"a b"', "?a ?b", "{ $.a = 1 }", "[a,b]", "-a", "%a%", '"'),
    "ContentMD5": ("kAFQmDzST7DWlj99KOF/cg==",),
    "PolicySourceArn": ("arn:aws:iam::000000000000:role/fuzz-role",),
}  # fmt: skip
"""Names of existing resources, so that a request gets beyond the check of its names."""


def policy(rng: random.Random) -> str:
    deep = rng.choice((1, 1, 1, 50, 2000))
    condition = "[" * deep + '"x"' + "]" * deep
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
        f'"Resource":"arn:aws:s3:::{rng.choice(BUCKETS)}/*","Condition":{{"StringEquals":{{"s3:prefix":{condition}}}}}}}]}}'
    )


def _text(rng: random.Random, shape: Shape) -> str:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    enum: list[str] = shape.metadata.get("enum") or []
    if enum and rng.random() < 0.9:
        return rng.choice(enum)
    if rng.random() < 0.1:
        return rng.choice(ODD_TEXTS)
    size = max(low or 0, min(rng.choice((1, 3, 12)), high or 99))
    return "".join(rng.choice("abcXYZ019-") for _ in range(size))


def _scalar(rng: random.Random, shape: Shape) -> Any:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    kind = shape.type_name
    if kind in {"string", "character"}:
        return _text(rng, shape)
    if kind in {"integer", "long"}:
        return rng.choice((low or 0, high or 10, 1, 0, -1, 2**31, 2**63 - 1, 2**63))
    if kind in {"float", "double"}:
        return rng.choice((0.5, 0.0, -1.5, 1e308))
    others: dict[str, tuple[Any, ...]] = {
        "boolean": (True, False),
        "blob": (b"", b"abc", b"\x00\xff" * 20, b"{}"),
        "timestamp": (datetime(2026, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31)),
    }
    return rng.choice(others.get(kind, ("x",)))
