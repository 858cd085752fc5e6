"""MB/s of decoding a recordIO-protobuf file of equal records: ours, and a plain loop over the frames. PYTHONPATH: our src."""

import json
import struct
import sys
import time

import numpy as np

from sagewright.algorithms.formats import protobuf, recordio
from sagewright.algorithms.formats.table import Table

ROWS, COLUMNS, RUNS = 200_000, 100, 5


def loop(data: bytes) -> int:
    """The usual reader: one frame after the other, its payload as bytes. It does not even look into the Record."""
    position = records = 0
    while position < len(data):
        _magic, length = struct.unpack_from("<II", data, position)
        payload = data[position + 8 : position + 8 + length]
        records += bool(payload)
        position += 8 + (length + 3) // 4 * 4
    return records


def best_s(act) -> float:
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    random = np.random.default_rng(0)
    some = Table(random.random((1000, COLUMNS), np.float32), random.random(1000, np.float32))
    data = protobuf.dump(some) * (ROWS // 1000)
    assert loop(data) == ROWS
    table = protobuf.parse(data, "bench")
    assert table is not None
    assert table.rows == ROWS
    assert np.array_equal(table.features[:1000], some.features)
    mb = len(data) / 1e6
    result = {"table": mb / best_s(lambda: protobuf.parse(data, "bench")), "loop": mb / best_s(lambda: loop(data))}
    result["frames"] = mb / best_s(lambda: recordio.equal_frames(data))
    if len(sys.argv) > 1:
        with open(sys.argv[1], "wb") as file:  # noqa: PTH123 - a program of the bench
            file.write(data)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
