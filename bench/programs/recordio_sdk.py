"""MB/s of the SageMaker SDK's own reader (sagemaker.amazon.common.read_records) with its values made NumPy rows."""

import json
import sys
import time

import numpy as np
from sagemaker.amazon.common import read_records


def main() -> None:
    with open(sys.argv[1], "rb") as file:  # noqa: PTH123 - a program of the bench
        size = file.seek(0, 2)
        file.seek(0)
        begin = time.perf_counter()
        rows = np.array([record.features["values"].float32_tensor.values for record in read_records(file)], np.float32)
        took = time.perf_counter() - begin
    print(json.dumps({"rows": len(rows), "table": size / 1e6 / took}))


if __name__ == "__main__":
    main()
