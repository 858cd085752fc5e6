"""recordIO-protobuf files as tables: dense and sparse, float32, float64 or int32, with labels inside the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.formats.table import Layout, Sparse, Table


def batches(paths: Sequence[Path], layout: Layout) -> Iterator[Table]:  # noqa: ARG001 - the format says where labels are
    """One table for each block of a file. Raises UserError for broken files and for incompatible records."""
    for path in paths:
        for block in recordio.frame_blocks(path):
            table = parse(block, f"file {path}")
            if table is not None:
                yield table


def parse(data: bytes, name: str) -> Table | None:
    """The table of a file's bytes, None if there are no records. Raises UserError."""
    if not data:
        return None
    return _equal_records(data) or _any_records(data, name)


def _equal_records(data: bytes) -> Table | None:
    """The fast path: dense float32 records that differ only in their values, read through one view."""
    frames = recordio.equal_frames(data)
    if frames is None:
        return None
    first = memoryview(frames[0].tobytes())
    decoded = record.decode(first)
    features, labels = decoded.features.get("values"), decoded.labels.get("values")
    if features is None or len(decoded.features) > 1 or len(decoded.labels) > (labels is not None):
        return None
    tensors = [tensor for tensor in (features, labels) if tensor is not None]
    places = [place for tensor in tensors if (place := _place(first, tensor)) is not None]
    if len(places) < len(tensors):
        return None
    ends = sorted((place.start, place.stop) for place in places)
    starts = [0, *(stop for _start, stop in ends)]
    for start, stop in zip(starts, [*(start for start, _stop in ends), frames.shape[1]], strict=True):
        if not (frames[:, start:stop] == frames[0, start:stop]).all():
            return None
    columns = [np.ascontiguousarray(frames[:, place]).view("<f4") for place in places]
    return Table(columns[0], _squeeze(columns[1]) if labels is not None else None)


def _place(payload: memoryview, tensor: Tensor) -> slice | None:
    """The position of a dense float32 tensor's values in the payload; None if that isn't certain."""
    if tensor.keys is not None or tensor.values.dtype != np.float32 or not len(tensor.values):
        return None
    whole = np.frombuffer(payload, np.uint8)
    start = tensor.values.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    inside = 0 <= start <= len(whole) - tensor.values.nbytes
    return slice(start, start + tensor.values.nbytes) if inside else None


def _any_records(data: bytes, name: str) -> Table:
    tensors: list[Tensor] = []
    labels: list[np.ndarray] = []
    for payload in recordio.read_frames(data, name):
        decoded = record.decode(payload)
        tensors.append(_only(decoded.features, name))
        if decoded.labels:
            labels.append(_only(decoded.labels, name).values)
    if labels and (len(labels) < len(tensors) or len({len(label) for label in labels}) > 1):
        raise UserError(f"{name}: the records' labels differ in number")
    stacked = _squeeze(np.stack(labels).astype(np.float32)) if labels else None
    sparse = [tensor.keys is not None for tensor in tensors]
    if any(sparse):
        return Table(_sparse(tensors), stacked)
    widths = sorted({len(tensor.values) for tensor in tensors})
    if len(widths) > 1:
        raise UserError(f"{name}: rows have different numbers of features: {', '.join(map(str, widths))}")
    return Table(np.stack([tensor.values for tensor in tensors]).astype(np.float32), stacked)


def _only(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if "values" in tensors:
        return tensors["values"]
    if len(tensors) != 1:
        raise UserError(f"{name}: a record must have one feature vector named 'values', not {sorted(tensors)}")
    return next(iter(tensors.values()))


def _sparse(tensors: Sequence[Tensor]) -> Sparse:
    lengths = [len(tensor.values) for tensor in tensors]
    keys = [np.arange(len(each.values)) if each.keys is None else each.keys for each in tensors]
    if any(len(key) != length for key, length in zip(keys, lengths, strict=True)):
        raise UserError("a sparse record has different numbers of keys and values")
    indices = np.concatenate(keys)
    declared = max((tensor.shape[-1] for tensor in tensors if tensor.shape), default=0)
    return Sparse(
        indptr=np.concatenate(([0], np.cumsum(lengths))),
        indices=indices,
        values=np.concatenate([tensor.values for tensor in tensors]).astype(np.float32),
        columns=max(declared, int(indices.max()) + 1 if len(indices) else 0),
    )


def _squeeze(labels: np.ndarray) -> np.ndarray:
    return labels[:, 0] if labels.shape[1] == 1 else labels


def dump(table: Table) -> bytes:
    """The bytes of a recordIO-protobuf file with the table's features and labels, one record a row."""
    return recordio.write_frames(_encode_row(table, row) for row in range(table.rows))


def _encode_row(table: Table, row: int) -> bytes:
    if isinstance(table.features, Sparse):
        entries = slice(table.features.indptr[row], table.features.indptr[row + 1])
        keys = table.features.indices[entries]
        features = Tensor(table.features.values[entries], keys, (table.columns,))
    else:
        features = Tensor(table.features[row])
    labels = {} if table.labels is None else {"values": Tensor(np.atleast_1d(table.labels[row]))}
    return record.encode({"values": features}, labels)
