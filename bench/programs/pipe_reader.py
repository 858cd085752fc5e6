"""Reads pipes of 1 MiB at a time as fast as it can: PATTERN with {} for the epoch, EPOCHS. A line `GB/s …` for each."""

import os
import sys
import time


def main(pattern: str, epochs: int) -> None:
    buffer = bytearray(1 << 20)
    for epoch in range(epochs):
        path = pattern.format(epoch)
        while not os.path.exists(path):  # noqa: PTH110 - a program of the bench
            time.sleep(0.001)
        pipe = os.open(path, os.O_RDONLY)
        read, begin = 0, time.perf_counter()
        while count := os.readv(pipe, [buffer]):
            read += count
        print("GB/s", read / 1e9 / (time.perf_counter() - begin), flush=True)
        os.close(pipe)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
