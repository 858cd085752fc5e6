"""Byte ranges and parts of an object, as GET, HEAD and UploadPartCopy ask for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.store.objects.objects import Version

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ObjectRange:
    """`length` bytes from `start` on of an object of `size` bytes."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def requested(header: str | None, size: int) -> ObjectRange | None:
    """The one range that a Range header asks for; None: the whole object, also for a header that is no single range.

    Raises InvalidRange when no byte of the object is in it.
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
    """The bytes of the part that was sent with `number`; an object that was put whole is its own part 1.

    Raises InvalidPartNumber.
    """
    sizes = {part["number"]: part["size"] for part in version.parts} or {1: version.size}
    if number not in sizes:
        fields = {"PartNumberRequested": str(number), "ActualPartCount": str(len(sizes))}
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, fields)
    start = sum(size for other, size in sizes.items() if other < number)
    return ObjectRange(start, sizes[number], version.size)


def of_copy(header: str | None, size: int) -> ObjectRange:
    """The range of an UploadPartCopy, `bytes=first-last` inside the source. Raises InvalidArgument, InvalidRequest."""
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
