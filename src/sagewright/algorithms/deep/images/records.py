"""MXNet's image records: labels and an encoded image in one frame of RecordIO.

Source: the contract's algorithms/_deep.md (header of a record: flag, label, id, id2; with flag > 0, flag labels follow).
"""

from __future__ import annotations

import struct

from sagewright.algorithms.deep.images.decoding import BadImage

_HEADER = struct.Struct("<IfQQ")
_MAGICS = (b"\xff\xd8", b"\x89PNG")
MOST_LABELS = 100_000


def is_image(frame: memoryview) -> bool:
    """True if the frame is an image without a header, as the attributes of an augmented manifest are."""
    return bytes(frame[:4]).startswith(_MAGICS)


def split(frame: memoryview) -> tuple[list[float], bytes]:
    """The labels and the image. Raises BadImage."""
    if len(frame) < _HEADER.size:
        raise BadImage("it is not an image record: its header is truncated")
    flag, label, _, _ = _HEADER.unpack_from(frame)
    start = _HEADER.size + 4 * flag
    if flag > MOST_LABELS or len(frame) < start:
        raise BadImage(f"it is not an image record: its header claims {flag} labels")
    labels = [label] if flag == 0 else list(struct.unpack_from(f"<{flag}f", frame, _HEADER.size))
    return labels, bytes(frame[start:])
