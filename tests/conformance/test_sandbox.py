"""Duties of every sandbox, whatever it can and cannot isolate. A new one adds a line to SANDBOXES."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
import pytest

from sagewright.sandbox.base import CAPABILITIES, CannotLaunch, Launch, OwnImage, Sandbox, View, missing
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.containers.container import ContainerSandbox
from sagewright.sandbox.plain import PlainSandbox

if TYPE_CHECKING:
    from conftest import Podman


def _without_overlay(scratch: Path) -> Sandbox:
    return BwrapSandbox(scratch, overlay=False)


def _without_mapped_mounts(scratch: Path) -> Sandbox:
    """As before Linux 5.19, or on a file system that maps no users."""
    sandbox = BwrapSandbox(scratch, overlay=False)
    sandbox._can = replace(sandbox._can, overlay=False, maps=False)
    return sandbox


SANDBOXES: dict[str, Callable[[Path], Sandbox]] = {
    "bwrap": BwrapSandbox,
    "bwrap without overlay": _without_overlay,
    "bwrap without mapped mounts": _without_mapped_mounts,
    "plain": lambda _scratch: PlainSandbox(),
    "container": lambda _scratch: ContainerSandbox(),
}
EMPTY = "localhost/sagewright-conformance:empty"
"""An image with nothing but the names that lead into /usr, which is mounted from the machine: so it has a Python."""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing but pip."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run(
        [sys.executable, "-m", "uv", "venv", "--quiet", "--seed", "--python", sys.executable, str(place)], check=True
    )
    return place


@pytest.fixture(scope="session")
def empty_image(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> str:
    context = tmp_path_factory.mktemp("empty")
    (context / "files").mkdir()
    for name in ("bin", "sbin", "lib", "lib64"):
        (context / "files" / name).symlink_to(f"usr/{name}")
    (context / "Containerfile").write_text("FROM scratch\nCOPY files /\n")
    podman("build", "--quiet", "--tag", EMPTY, str(context))
    return EMPTY


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    if request.param == "container":
        request.getfixturevalue("empty_image")
    return SANDBOXES[request.param](tmp_path)


class Run:
    """Runs programs in a sandbox."""

    def __init__(self, sandbox: Sandbox, directory: Path, environment: Path) -> None:
        self.sandbox = sandbox
        self.directory = directory
        self.environment = environment
        for name in ("ml", "library"):
            (directory / name).mkdir(parents=True)
        self.views: list[View] = []
        self.memory: int | None = None
        self.programs: Path | None = None
        self.layers: list[Path] = []

    def start(
        self, argv: list[str], *, network: bool = True, wrapper: Sequence[str] = (), **environ: str
    ) -> subprocess.Popen[str]:
        launch = Launch(
            argv=argv,
            directory=self.directory,
            environ={"LANG": "C.UTF-8", **environ},
            host="algo-1",
            addresses={"algo-1": "127.10.0.1", "algo-2": "127.10.0.2"},
            library=self.directory / "library",
            environment=self.environment,
            network=network,
            views=self.views,
            readable=sorted({Path("/usr"), Path(sys.base_prefix)}) if self.sandbox.name == "container" else [],
            image=OwnImage(EMPTY, cache=self.directory.parent / "cache"),
            memory=self.memory,
            programs=self.programs,
            layers=self.layers,
        )
        command = self.sandbox.command(launch)
        return subprocess.Popen(
            [*wrapper, *command.wrapper, *command.argv],
            env=command.environ,
            cwd=command.cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=command.descriptors,
        )

    def __call__(self, script: str, *, network: bool = True, wrapper: Sequence[str] = (), **environ: str) -> str:
        process = self.start(["python", "-c", script], network=network, wrapper=wrapper, **environ)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip()

    def gives(self, capability: str) -> bool:
        return self.sandbox.declare()[capability].given


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, environment: Path) -> Iterator[Run]:
    yield Run(sandbox, tmp_path / "host", environment)
    sandbox.close(tmp_path / "host")


LACKING = {
    "bwrap": {"private_views", "shared_views", "stand_in_programs"},  # without overlays or mapped mounts
    "plain": {
        "unprivileged", "any_user", "hosts_file", "no_network", "own_pids", "read_only_system", "hidden_home", "shared_views",
        "private_views", "stand_in_programs",
    },
    "container": {"joins_network", "shared_memory", "stand_in_programs", "shared_views", "private_views"},
}  # fmt: skip
"""Capabilities that each sandbox lacks, listed here so that a regression is noticed."""


def lacks(run: Run, *names: str) -> bool:
    """Whether the sandbox says that it cannot give one of these, which must be no news."""
    missing_here = {name for name in names if not run.gives(name)}
    assert missing_here <= LACKING[run.sandbox.name]
    return bool(missing_here)


def test_every_capability_is_declared_with_a_reason(sandbox: Sandbox) -> None:
    declared = sandbox.declare()

    assert list(declared) == list(CAPABILITIES)
    assert all(support.reason for support in declared.values())


def test_what_is_missing_is_said_in_words(sandbox: Sandbox) -> None:
    said = missing(sandbox, dict.fromkeys(CAPABILITIES, "This job"))

    assert len(said) == sum(not support.given for support in sandbox.declare().values())
    assert all(sentence.startswith("This job needs a sandbox where") for sentence in said)


def test_the_process_runs_in_the_environment_with_exactly_its_variables(run: Run) -> None:
    seen = run(
        "import os, sys; print(sys.prefix); print(os.environ['MINE'], 'PYTEST_CURRENT_TEST' in os.environ)", MINE="x"
    )

    prefix, rest = seen.splitlines()
    assert prefix in {str(run.environment), str(run.directory / "environment")}
    assert rest == "x False"


@pytest.mark.parametrize("word", ["a\0--bind\0/\0/host", "\ud800"])
def test_words_that_no_process_can_have(run: Run, word: str) -> None:
    for argv, environ in ((["echo", word], {}), (["true"], {"MINE": word})):
        with pytest.raises(CannotLaunch):
            run.start(argv, **environ)


@pytest.mark.parametrize("code", [0, 1, 2, 77])
def test_the_exit_code_is_the_processs(run: Run, code: int) -> None:
    with run.start(["python", "-c", f"import sys; sys.exit({code})"]) as process:
        assert process.wait(60) == code


def test_a_signals_end_is_seen(run: Run) -> None:
    """Uses a child: the first process of a pid namespace ignores signals without a handler."""
    script = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with run.start(["sh", "-c", f'python -c "{script}"; exit $?']) as process:
        assert process.wait(60) in {-11, 139}


def test_output_and_errors_are_apart(run: Run) -> None:
    process = run.start(["python", "-c", "import sys; print('out'); print('err', file=sys.stderr)"])

    assert process.communicate(timeout=60) == ("out\n", "err\n")


def test_the_ml_directory_is_where_it_says_and_can_be_written(run: Run) -> None:
    root = run.sandbox.ml_root(run.directory)
    run(f"open({str(root / 'made')!r}, 'w').write('x')")

    assert (run.directory / "ml" / "made").read_text() == "x"
    assert run.gives("own_ml_root") == (str(root) == "/opt/ml")


def test_temporary_files_are_the_jobs(run: Run) -> None:
    place = run("import tempfile; f = tempfile.NamedTemporaryFile(delete=False); print(f.name)")

    assert (run.directory / "tmp" / Path(place).name).exists()
    assert run.gives("own_tmp") == (not Path(place).exists())


def test_the_library_can_be_imported(run: Run) -> None:
    (run.directory / "library" / "given.py").write_text("value = 7\n")

    assert run("import given; print(given.value)") == "7"


def test_programs_of_the_environment_come_first(run: Run) -> None:
    assert run("import shutil; print(shutil.which('python3'))").startswith(
        (str(run.environment), str(run.directory / "environment"))
    )


def test_the_environment_is_writable_and_stays_as_it_was(run: Run, environment: Path) -> None:
    assert run.gives("writable_environment")
    script = "import sysconfig, pathlib; pathlib.Path(sysconfig.get_paths()['purelib'], 'mine.py').write_text('v = 1')"
    run(script)

    assert run("import mine; print(mine.v)") == "1"
    assert list(environment.rglob("mine.py")) == []


def test_an_environment_of_another_user_can_be_laid_over(run: Run, tmp_path: Path) -> None:
    """Several servers may share environments; root maps them regardless of their owner."""
    if os.geteuid() != 0 or run.sandbox.name != "bwrap" or not run.gives("layers"):
        return
    run.environment, layer = tmp_path / "theirs", tmp_path / "layer"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(run.environment)], check=True)
    subprocess.run(["chown", "--recursive", "--no-dereference", "1234:1234", str(run.environment)], check=True)
    packages = next(run.environment.glob("lib/python3*/site-packages")).relative_to(run.environment)
    (layer / packages).mkdir(parents=True)
    (layer / packages / "laid.py").write_text("value = 7\n")
    run.layers = [layer]
    script = "import laid, pathlib; print(laid.value); pathlib.Path(laid.__file__).write_text('value = 8')"

    assert run(script) == "7"
    assert (layer / packages / "laid.py").read_text() == "value = 7\n"


def test_names_of_hosts(run: Run) -> None:
    if lacks(run, "hosts_file"):
        return
    script = "import socket; print(socket.gethostname(), *map(socket.gethostbyname, ('algo-1', 'algo-2', 'localhost')))"

    assert run(script) == "algo-1 127.10.0.1 127.10.0.2 127.0.0.1"


def test_it_runs_in_the_network_that_it_is_started_in(run: Run) -> None:
    if lacks(run, "joins_network"):
        return
    script = "import os; print(os.readlink('/proc/self/ns/net'))"
    here, own = (
        run(script),
        run(script, wrapper=("unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net")),
    )

    assert here == str(Path("/proc/self/ns/net").readlink())
    assert own not in {"", here}


def test_memory_that_hosts_share_is_seen_by_every_process_inside(run: Run) -> None:
    if lacks(run, "shared_memory"):
        return
    run.memory = os.memfd_create("conformance")
    os.ftruncate(run.memory, 4096)
    write = "import mmap, os; f = os.open(os.environ['SAGEWRIGHT_SHARED_MEMORY'], os.O_RDWR); mmap.mmap(f, 4096)[:5] = b'hello'"
    try:
        run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {write!r}], check=True)")

        assert os.pread(run.memory, 5, 0) == b"hello"
    finally:
        os.close(run.memory)


def test_programs_stand_where_the_systems_would(run: Run, tmp_path: Path) -> None:
    if lacks(run, "stand_in_programs"):
        return
    run.programs = tmp_path / "programs"
    run.programs.mkdir()
    (run.programs / "sshd").write_text("#!/bin/sh\necho ours")
    (run.programs / "sshd").chmod(0o755)
    script = (
        "import os, subprocess; print(subprocess.check_output(['/usr/sbin/sshd'], text=True), os.listdir('/usr/sbin'))"
    )

    said, others = run(script).split("\n")
    assert said == "ours"
    assert all(repr(name) in others for name in os.listdir("/usr/sbin"))  # noqa: PTH208 - names alone


def test_the_network_can_be_cut_off(run: Run) -> None:
    if lacks(run, "no_network"):
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {server.getsockname()[1]})))"

        assert run(script) == "0"
        assert run(script, network=False) != "0"


def test_own_processes_and_their_end(run: Run) -> None:
    if lacks(run, "own_pids"):
        return
    process = run.start(["sh", "-c", "sleep 1000 & ls /proc | grep -c '^[0-9]*$'; wait"])
    assert process.stdout is not None
    assert int(process.stdout.readline()) < 9
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=60)
    run.sandbox.close(run.directory)
    deadline = time.monotonic() + 30
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_system_and_the_home_are_out_of_reach(run: Run, tmp_path: Path) -> None:
    if lacks(run, "read_only_system", "hidden_home"):
        return
    secret = tmp_path / "secret"
    secret.write_text("x")
    script = (
        "import os\n"
        f"print(os.path.exists({str(secret)!r}), os.path.exists('/etc/shadow'), os.path.exists('/root/.bashrc'))\n"
        "try: open('/usr/made', 'w')\n"
        "except OSError: print('read-only')\n"
    )

    assert run(script).splitlines() == ["False False False", "read-only"]


def test_its_directory_can_be_deleted_after_the_end(run: Run) -> None:
    run("print(1)")
    run.sandbox.close(run.directory)
    shutil.rmtree(run.directory)

    assert not os.path.lexists(run.directory)


ATTACK = """
import ctypes, os
place = os.path.join(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt/ml'), 'seen')
file, done, user = os.path.join(place, 'file'), [], os.geteuid()
libc = ctypes.CDLL(None)
def attempt(name, act):
    try:
        act(); done.append(name)
    except (OSError, AssertionError):
        pass
def in_a_namespace():
    assert libc.unshare(0x10020000) == 0
    assert libc.mount(None, place.encode(), None, 0x1020, None) == 0  # remount, bind, writable
    open(file, 'w').write('changed')
attempt('mode', lambda: os.chmod(file, 0o777))
attempt('append', lambda: open(file, 'a').write('changed'))
attempt('by descriptor', lambda: open(f'/proc/self/fd/{os.open(file, os.O_RDONLY)}', 'w').write('changed'))
attempt('truncate', lambda: os.truncate(file, 0))
attempt('link', lambda: os.link(file, os.path.join(place, 'link')))
attempt('time', lambda: os.utime(file, (0, 0)))
attempt('owner', lambda: os.chown(file, 12345, 12345))
attempt('attribute', lambda: os.setxattr(file, 'user.x', b'1'))
attempt('rename', lambda: os.rename(file, os.path.join(place, 'other')))
attempt('new', lambda: open(os.path.join(place, 'new'), 'w').write('x'))
attempt('remove', lambda: os.unlink(os.path.join(place, 'other')))
attempt('unmount', lambda: (_ for _ in ()).throw(OSError) if libc.umount2(place.encode(), 2) else None)
attempt('namespace', in_a_namespace)
print(user, *done, sep=';')
"""


@pytest.mark.parametrize("access", ["read", "private"])
def test_the_job_cannot_change_what_a_view_shows(run: Run, tmp_path: Path, access: Literal["read", "private"]) -> None:
    """The view holds a hard link: neither the link nor the file that it shares its bytes with may change."""
    if lacks(run, "shared_views" if access == "read" else "private_views"):
        run.views = [View(tmp_path, "seen", access)]
        with pytest.raises(ValueError, match="gives no"):
            run("")
        return
    original, source = tmp_path / "original", tmp_path / "source"
    original.write_text("precious")
    original.chmod(0o640)
    source.mkdir()
    (source / "file").hardlink_to(original)
    before = original.stat()
    (run.directory / "ml" / "seen").mkdir()
    run.views = [View(source, "seen", access)]
    user, *done = run(ATTACK).split(";")
    assert user == "0"
    assert access == "private" or done == []
    assert original.read_text() == "precious"
    after = original.stat()
    assert (after.st_mode, after.st_uid, after.st_gid, after.st_mtime_ns, after.st_nlink, after.st_ino) == (
        before.st_mode, before.st_uid, before.st_gid, before.st_mtime_ns, before.st_nlink, before.st_ino,
    )  # fmt: skip
    assert [entry.name for entry in source.iterdir()] == ["file"]
    assert os.listxattr(original) == []
    if access == "private":
        assert {"mode", "append", "truncate", "rename", "new", "remove"} <= set(done)
    run.sandbox.close(run.directory)
    shutil.rmtree(run.directory)


def test_a_writable_view_is_the_directory_itself(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if run.gives("unprivileged") and not run.gives("shared_views"):
        source.chmod(0o777)  # the sandbox's users are none of this machine's
    (run.directory / "ml" / "seen").mkdir()
    for name, view in (("one", View(source, "seen", "write")), ("two", View(tmp_path, "seen", "write", "source"))):
        run.views = [view]
        if run.sandbox.name == "container" and name == "two":
            with pytest.raises(CannotLaunch, match="a container can get only the whole folder"):
                run("")
            continue
        if run.sandbox.name == "plain" and name == "two":
            (run.directory / "ml" / "seen").unlink()
            (run.directory / "ml" / "seen").mkdir()
        run(f"import os; open(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt/ml') + '/seen/{name}', 'w').write('x')")
        assert (source / name).read_text() == "x"


def test_what_is_beneath_is_found_through_no_link(run: Run, tmp_path: Path) -> None:
    """A job that may write there could have put a link in the way, to anything."""
    if lacks(run, "unprivileged"):
        return
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "way").symlink_to(tmp_path)
    (run.directory / "ml" / "seen").mkdir()
    for beneath in ("way", "way/shared", "../shared"):
        run.views = [View(tmp_path / "shared", "seen", "write", beneath)]
        with pytest.raises((OSError, CannotLaunch)):
            run("")


def test_a_server_in_a_container_answers(podman: Podman, tmp_path: Path) -> None:
    """`serve` as SageMaker starts it for an endpoint: an image with an entry point, stopped by SIGTERM."""
    image = "localhost/sagewright-serve:1"
    serve = (
        '#!/bin/sh\n[ "$1" = serve ] || exit 9\n'
        'httpd -f -p "127.0.0.1:$SAGEMAKER_BIND_TO_PORT" -h /pages &\ntrap "exit 0" TERM\nwait\n'
    )
    podman.build(image, {"main": serve, "pages/ping": "pong"}, 'ENTRYPOINT ["/main"]')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sandbox = ContainerSandbox()
    (tmp_path / "ml").mkdir()
    launch = Launch(
        argv=["serve"],
        directory=tmp_path,
        environ={"SAGEMAKER_BIND_TO_PORT": str(port)},
        host="algo-1",
        addresses={},
        library=tmp_path,
        environment=Path(),
        image=OwnImage(image, cache=tmp_path / "cache"),
    )
    command = sandbox.command(launch)
    with subprocess.Popen(command.argv, env=command.environ, cwd=command.cwd) as process:
        try:
            assert _ping(port) == b"pong"
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
            sandbox.close(tmp_path)


def _ping(port: int) -> bytes:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
