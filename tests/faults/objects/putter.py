"""Put objects from many threads until killed. For each line on standard input a new process does so; its pid is printed.

Arguments: the store's URL, the objects' directory, the journal. The journal says `try KEY MD5` before and
`ack KEY MD5` after each put, `drop KEY` before and `gone KEY` after each deletion, appended by single writes, which no kill tears.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from sagewright.objects import uploads
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.contents import draft
from sagewright.objects.placing import Properties
from sagewright.objects.uploads import Chosen, Expected
from sagewright.store.database import Database
from sagewright.store.objects.uploads import Upload

THREADS = 6
KIB = 1024
PART = 2 * KIB
uploads.LEAST_PART = PART


class Putter:
    """One thread's work: new keys, one key again and again, uploads in parts, copies."""

    def __init__(self, store: BucketStore, journal: int, name: str) -> None:
        self.store, self.journal, self.name = store, journal, name

    def run(self) -> None:
        for n in range(100_000):
            data = random.randbytes(random.choice([0, 10, 5 * KIB, 300 * KIB]))
            step = n % 5
            if step == 0:
                self.note(f"{self.name}-again", data, self.put)
            elif step == 1:
                self.note(f"{self.name}-{n}", data, self.put)
            elif step == 2:
                self.note(f"{self.name}-{n}", data, self.put_in_parts)
            elif step == 3:
                self.note(f"{self.name}-{n}", self.store.read_bytes("b", f"{self.name}-{n - 2}"), self.copy)
            else:
                self.write(f"drop {self.name}-{n - 3}")
                self.store.contents.delete("b", f"{self.name}-{n - 3}")
                self.write(f"gone {self.name}-{n - 3}")

    def note(self, key: str, data: bytes, put: Callable[[str, bytes], None]) -> None:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.write(f"try {key} {md5}")
        put(key, data)
        self.write(f"ack {key} {md5}")

    def put(self, key: str, data: bytes) -> None:
        self.store.write_bytes("b", key, data)

    def copy(self, key: str, _data: bytes) -> None:
        """Links to the bytes that were put two steps before."""
        name, _, n = key.rpartition("-")
        source = self.store.contents.find("b", f"{name}-{int(n) - 2}")
        self.store.contents.copy(source, draft("b", key, Properties()), ())

    def put_in_parts(self, key: str, data: bytes) -> None:
        """In any order, each at its place in one file; now and then one is sent again and stands elsewhere."""
        made = self.store.uploads.create("b", key, Properties())
        size = max(PART, len(data) // 4)
        pieces = dict(enumerate([data[at : at + size] for at in range(0, len(data), size)] or [b""], 1))
        order = random.sample(sorted(pieces), len(pieces)) + random.choice([[], [1]])
        etags = {number: self.put_part(made, number, pieces[number]) for number in order}
        self.store.uploads.complete(made, [Chosen(number, etags[number]) for number in sorted(pieces)], Expected())

    def put_part(self, upload: Upload, number: int, data: bytes) -> str:
        with self.store.uploads.receive(upload, number, io.BytesIO(data), (), len(data)) as blob:
            return self.store.uploads.put_part(upload, number, blob).etag

    def write(self, line: str) -> None:
        os.write(self.journal, f"{line}\n".encode())


def work(url: str, root: str, journal: str) -> None:
    store = BucketStore(Database(url), Path(root), "normal", "000000000000", "us-east-1")
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for n in range(THREADS):
        threading.Thread(target=Putter(store, file, f"{os.getpid()}-{n}").run).start()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(*sys.argv[1:])
            return
        say(str(child))
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
