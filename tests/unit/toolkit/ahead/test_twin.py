"""A Python that has started before its script is known: it is what a new one would be, or it executes a new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sagewright

SOURCES = Path(sagewright.__file__).parent
PARENT = """
import json, os, sys
from sagewright.toolkit.ahead import twin
words, cwd, environ, own = json.loads(sys.argv[1])
made = twin.fork()
made.own_variables = own
try:
    made.become(words, cwd, environ)
except OSError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
said = b""
while part := os.read(made.output, 65536):
    said += part
print(json.dumps({"code": made.wait(), "said": said.decode()}))
"""
LOOK = """
import json, os, sys
below = sys._getframe().f_back
print(json.dumps({
    "twin": below is not None and below.f_code.co_filename.endswith("twin.py"), "modules": sorted(sys.modules), "argv": sys.argv,
    "orig": sys.orig_argv, "path": sys.path, "main": sorted(vars()), "file": __file__, "cwd": os.getcwd(),
    "cmdline": open("/proc/self/cmdline").read(), "environ": open("/proc/self/environ").read(), "variables": dict(os.environ),
    "descriptors": sorted(os.listdir("/proc/self/fd"))[:-1], "stdin": sys.stdin.read(),
}))
"""


@dataclass
class Place:
    """A job's code, and the library that is first on the path of its Pythons."""

    code: Path
    library: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.library), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}

    def script(self, text: str, name: str = "train.py") -> None:
        (self.code / name).write_text(text)

    def run(self, words: list[str], *, own: bool = False, **variables: str) -> dict[str, Any]:
        environ = {**self.environ, "PYTHONPATH": f"{self.code}:{self.library}", **variables}
        described = json.dumps([words, str(self.code), environ, own])
        done = subprocess.run(
            [sys.executable, "-c", PARENT, described],
            capture_output=True,
            text=True,
            check=False,
            env=self.environ,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def look(self, **options: Any) -> dict[str, Any]:
        self.script(LOOK)
        done = self.run([sys.executable, "train.py", "--an", "argument with ü"], **options)
        assert done["code"] == 0, done
        found: dict[str, Any] = json.loads(done["said"])
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "code", tmp_path / "library")
    found.code.mkdir()
    (found.library / "sagewright").mkdir(parents=True)
    (found.library / "sitecustomize.py").symlink_to(SOURCES / "door" / "hook" / "sitecustomize.py")
    for name in ("__init__.py", "toolkit"):
        (found.library / "sagewright" / name).symlink_to(SOURCES / name)
    return found


def test_a_script_sees_what_it_sees_in_a_new_interpreter(place: Place) -> None:
    """And its standard input is empty, as a job's is."""
    now, ahead = place.look(own=True), place.look()
    assert (now.pop("twin"), ahead.pop("twin")) == (False, True)
    assert ahead == now


@pytest.mark.parametrize(
    "name", ["stat.py", "sitecustomize.py", "usercustomize.py", "os.cpython-311-x86_64-linux-gnu.so"]
)
def test_files_that_a_start_would_find_first_have_a_new_one_start(place: Place, name: str) -> None:
    place.script("", name)
    place.script(LOOK)
    done = place.run([sys.executable, "train.py"])
    assert not done["said"] or json.loads(done["said"])["twin"] is False


def test_a_directory_may_have_the_name_too(place: Place) -> None:
    (place.code / "codecs").mkdir()
    assert place.look()["twin"] is False


ENDINGS = [
    "print('end')",
    "raise SystemExit(5)",
    "raise SystemExit('words')",
    "import sys; sys.exit()",
    "def f():\n    1 / 0\nf()",
    "a =",
    "import os; os._exit(7)",
    "import os; os.abort()",
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "raise KeyboardInterrupt",
    "import atexit, threading, time\natexit.register(print, 'atexit')\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
    "import warnings; warnings.warn('careful')",
    "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "import multiprocessing as m\ndef f(x): return 2 * x\n"
    "if __name__ == '__main__':\n    print([m.get_context(how).Pool(1).map(f, [1]) for how in ('fork', 'spawn')])",
    "import ctypes, socket, subprocess, signal, json\nprint(ctypes.CDLL(None).getpid() > 0, socket.socketpair() != 0, "
    "subprocess.run(['echo', 'x'], capture_output=True), signal.getsignal(signal.SIGPIPE))",
    "# -*- coding: latin-1 -*-\nprint('end')",
]


@pytest.mark.parametrize("text", ENDINGS)
def test_a_script_ends_alike(place: Place, text: str) -> None:
    place.script(text)
    now, ahead = (place.run([sys.executable, "train.py"], own=own) for own in (True, False))
    assert ahead == now


def test_any_other_program_is_executed(place: Place) -> None:
    done = place.run(["sh", "-c", "echo $0 $ANSWER; kill -PIPE $$"], ANSWER="42")
    assert done == {"code": -13, "said": "sh 42\n"}


@pytest.mark.parametrize("words", [["none-such", "x"], ["/etc"]])
def test_a_program_that_is_not_there_is_refused_as_a_start_refuses_it(place: Place, words: list[str]) -> None:
    with pytest.raises(OSError) as refused:
        subprocess.run(words, check=False)
    assert place.run(words) == {"refused": str(refused.value)}


def test_it_ends_when_nobody_needs_it(place: Place) -> None:
    made = "import os\nfrom sagewright.toolkit.ahead import twin\nprint(twin.fork().pid, flush=True)\nos._exit(0)"
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=True, env=place.environ)
    pid = int(done.stdout)
    for _look in range(500):
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        os.sched_yield()
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("it waits still")


def test_where_it_was_killed_another_is_started(place: Place) -> None:
    text = (
        "import os\nfrom sagewright.toolkit import process\nfrom sagewright.toolkit.ahead import twin\n"
        "made = twin.fork()\ntwin.keep(made)\nos.kill(made.pid, 9)\n"
        "os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)\n"
        "print(process.run(['sh', '-c', 'exit 3'], '/', {'PATH': '/usr/bin:/bin'}))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=place.environ)
    assert done.stdout.strip() == "(3, b'')"


def test_the_first_program_alone_has_one(place: Place) -> None:
    text = (
        "import sys\nfrom sagewright.toolkit import process\nfrom sagewright.toolkit.ahead import twin\ntwin.keep(twin.fork())\n"
        "print([process.run(['sh', '-c', 'echo $PPID >/dev/null; exit ' + code], '/', {'PATH': '/usr/bin:/bin'}) "
        "for code in ('3', '4')])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=place.environ)
    assert done.stdout.strip() == "[(3, b''), (4, b'')]"
