"""Count the words of a channel while it arrives, as a pipe or as files, and report when its first and last bytes came."""

import collections
import os
import stat
import time
from pathlib import Path

data = Path("/opt/ml/input/data")
piped = os.environ["SM_CHANNEL_TEXTS"] and not (data / "texts").is_dir()
paths = [data / "texts_0"] if piped else sorted((data / "texts").iterdir())
assert stat.S_ISFIFO(paths[0].stat().st_mode) == piped  # nothing of a pipe is on the disk
start, first, size, words, rest = time.monotonic(), 0.0, 0, collections.Counter(), ""
for path in paths:
    with path.open("rb") as stream:
        while block := stream.read(1 << 18):
            first = first or time.monotonic() - start
            size += len(block)
            *whole, rest = (rest + block.decode()).split(" ")
            words.update(whole)
print(
    f"first={first:.6f}; last={time.monotonic() - start:.6f}; bytes={size}; words={words.total() + bool(rest)};",
    flush=True,
)
