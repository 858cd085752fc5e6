"""Byte ranges and parts of an object, as GET, HEAD and UploadPartCopy request them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.store.objects.objects import Version

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ObjectRange:
    """`length` bytes starting at `start` in an object of `size` bytes."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def requested(header: str | None, size: int) -> ObjectRange | None:
    """Returns the range of a Range header; None for the whole object, also if the header is not a single range.

    Raises InvalidRange if the range contains no byte of the object.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        start = size - length
    else:
        start = int(found[1])
        if found[2] and int(found[2]) < start:
            return None
        length = min(int(found[2]) + 1 if found[2] else size, size) - start
    if length <= 0:
        fields = {"RangeRequested": header or "", "ActualObjectSize": str(size)}
        fields["@Content-Range"] = f"bytes */{size}"
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, fields)
    return ObjectRange(start, length, size)


def of_part(version: Version, number: int) -> ObjectRange:
    """Returns the bytes of the part uploaded as `number`; an object uploaded in one piece is its own part 1.

    Raises InvalidPartNumber.
    """
    sizes = {part["number"]: part["size"] for part in version.parts} or {1: version.size}
    if number not in sizes:
        fields = {"PartNumberRequested": str(number), "ActualPartCount": str(len(sizes))}
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, fields)
    start = sum(size for other, size in sizes.items() if other < number)
    return ObjectRange(start, sizes[number], version.size)


def of_copy(header: str | None, size: int) -> ObjectRange:
    """Returns the range of an UploadPartCopy, `bytes=first-last` inside the source. Raises InvalidArgument, InvalidRequest."""
    if header is None:
        return ObjectRange(0, size, size)
    name = "x-amz-copy-source-range"
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", header)
    if found is None or int(found[2]) < int(found[1]):
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last "
            "where first and last are the zero-based offsets of the first and last bytes to copy"
        )
        raise errors.invalid_argument(message, name, header)
    start, last = int(found[1]), int(found[2])
    if start >= size:
        raise errors.invalid_request("The specified copy range is invalid for the source object size")
    if last >= size:
        raise errors.invalid_argument(f"Range specified is not valid for source object of size: {size}", name, header)
    return ObjectRange(start, last - start + 1, size)
