"""The network of the stand-in cluster: a bridge of this machine, and a namespace on it for each pod."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path


class Network:
    """`host`: this machine's address on it. Names of pods are kept in the /etc/hosts of each, which `ip netns exec` mounts."""

    def __init__(self) -> None:
        number = os.getpid() % 200
        self.bridge, self._net = f"swk{number}", f"10.214.{number}"
        self.host = f"{self._net}.1"
        self._free = itertools.cycle(range(10, 250))
        self._spaces: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        self.stop()
        # An address of its own: otherwise it is the least of its ports', and changes as pods come and go.
        self._ip("link", "add", self.bridge, "address", f"02:53:57:00:00:{os.getpid() % 200:02x}", "type", "bridge")
        self._ip("addr", "add", f"{self.host}/24", "dev", self.bridge)
        self._ip("link", "set", self.bridge, "up")

    def stop(self) -> None:
        for name in list(self._spaces):
            self.remove(name)
        subprocess.run(["ip", "link", "del", self.bridge], check=False, capture_output=True)

    def add(self, name: str) -> str:
        """Makes a pod's namespace; returns its address."""
        with self._lock:
            used = {address for _space, address in self._spaces.values()}
            last = next(one for one in self._free if f"{self._net}.{one}" not in used)
            space, address = f"{self.bridge}-{last}", f"{self._net}.{last}"
            self._spaces[name] = space, address
        hosts = self._hosts(space)
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text("127.0.0.1 localhost\n")
        link = f"{self.bridge}v{last}"
        self._ip("netns", "add", space)
        self._ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._ip("link", "set", link, "master", self.bridge, "up")
        self._ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        self._ip("-n", space, "link", "set", "eth0", "up")
        self._ip("-n", space, "link", "set", "lo", "up")
        return address

    def at(self, name: str) -> list[str]:
        return ["ip", "netns", "exec", self._spaces[name][0]]

    def remove(self, name: str) -> None:
        with self._lock:
            space, _address = self._spaces.pop(name, ("", ""))
        if space:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
            with suppress(OSError):
                self._hosts(space).unlink()
                self._hosts(space).parent.rmdir()

    def tell(self, names: dict[str, str]) -> None:
        """Makes names known in every pod, in place: the files are mounted."""
        text = "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in sorted(names.items()))
        with self._lock:
            for space, _address in self._spaces.values():
                file = self._hosts(space)
                with suppress(OSError):
                    if file.read_text() != text:
                        file.write_text(text)

    def _hosts(self, space: str) -> Path:
        return Path("/etc/netns") / space / "hosts"

    def _ip(self, *command: str) -> None:
        subprocess.run(["ip", *command], check=True, capture_output=True)
