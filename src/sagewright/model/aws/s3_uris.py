"""Locations of objects and prefixes in requests: `s3://bucket/key`, or the https addresses of AWS's S3.

Source: the pattern of `S3Uri` in SageMaker's API (`^(https|s3)://([^/]+)/?(.*)$`); S3's user guide, "Methods for accessing a
bucket".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HOST = r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
_FORMS = (
    re.compile(r"s3://(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL),
    re.compile(rf"https://{_HOST}/(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL),
    re.compile(rf"https://(?P<bucket>[^/]+)\.{_HOST}/?(?P<key>.*)", re.DOTALL),
)


@dataclass(frozen=True)
class S3Uri:
    bucket: str
    key: str

    @property
    def text(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def read_s3_uri(uri: str) -> S3Uri:
    """Parses a URI. Raises ValueError."""
    for form in _FORMS:
        if found := form.fullmatch(uri):
            return S3Uri(found["bucket"], found["key"])
    raise ValueError(f"{uri!r} is not an S3 URI")


def no_objects(uri: str, bucket: str, region: str, role: str) -> str:
    """Returns AWS's message for an input without objects."""
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
        f'"{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
