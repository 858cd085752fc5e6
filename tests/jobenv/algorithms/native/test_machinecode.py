"""Machine code in files: what numba compiled, called without numba."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sagewright.algorithms.native import kernels, linking
from sagewright.algorithms.native.kernels import native, part
from sagewright.algorithms.native.machinecode import Image, Parameter

LINKED = pytest.mark.skipif(platform.machine() != "x86_64", reason="numba's own elsewhere")
SOURCE = """
import numpy as np
from sagewright.algorithms.native.kernels import native, part

@part
def _told(x, y):
    return np.log(x) * _more(y)

@part
def _more(y):
    return np.exp(y) + 0.5

@native("float64[:, ::1], Tuple((float32[::1], int64)), float64[:, ::1]", fastmath={"nsz", "reassoc", "contract"})
def told(numbers, others, out):
    few, power = others
    for row in range(len(numbers)):
        for column in range(numbers.shape[1]):
            out[row, column] = _told(numbers[row, column], few[column]) + power
"""


def definition(numbers: np.ndarray, few: np.ndarray, power: int) -> np.ndarray:
    return np.asarray(np.log(numbers) * (np.exp(few.astype(np.float64)) + 0.5) + power)


@part
def _squared(value: float) -> float:
    return value * value


@native("float32[::1], float64[::1]")
def squares(numbers: np.ndarray, out: np.ndarray) -> None:
    for place in range(len(numbers)):
        out[place] = _squared(numbers[place])


@LINKED
def test_a_second_process_needs_no_numba(tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text(SOURCE)
    program = textwrap.dedent("""
        import sys
        import numpy as np
        import told
        random = np.random.default_rng(0)
        numbers, few, out = random.random((50, 7)) + 0.1, random.random(7).astype(np.float32), np.zeros((50, 7))
        assert told.told.kept == (sys.argv[1] == "second")
        told.told(numbers, (few, 3), out)
        assert told.told.kept
        assert ("numba" in sys.modules) == (sys.argv[1] == "first")
        np.save(sys.argv[2], out)
    """)
    kept = tmp_path / "kept"
    environment = {"NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": f"{tmp_path}:{Path(kernels.__file__).parents[3]}"}
    for seed, name in enumerate(("first", "second")):
        environment["PYTHONHASHSEED"] = str(seed)  # sets are told in another order
        place = tmp_path / f"{name}.npy"
        subprocess.run([sys.executable, "-c", program, name, str(place)], env=environment, check=True, timeout=100)
        random = np.random.default_rng(0)
        wanted = definition(random.random((50, 7)) + 0.1, random.random(7).astype(np.float32), 3)
        assert_allclose(np.load(place), wanted, atol=1e-5)
    assert [path.suffix for path in kept.iterdir()] == [".code"]


def test_many_threads_may_call_it() -> None:
    numbers, outs = np.arange(10_000, dtype=np.float32), [np.zeros(10_000) for _ in range(4)]
    threads = [threading.Thread(target=squares, args=(numbers, out)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for out in outs:
        assert_allclose(out, numbers.astype(np.float64) ** 2, rtol=1e-6)


@LINKED
@pytest.mark.parametrize("count", [0, 5])
def test_read_only_and_empty_arrays_are_read(count: int) -> None:
    numbers, out = np.arange(count, dtype=np.float32), np.zeros(count)
    numbers.flags.writeable = False
    squares(numbers, out)
    assert out.tolist() == [each**2 for each in range(count)]


@LINKED
def test_addresses_of_arrays_are_numpys() -> None:
    writable, fixed = np.zeros((3, 4), np.float32), np.zeros(2)
    fixed.flags.writeable = False
    for each in (writable, writable[1:], fixed, np.zeros(0)):
        assert Parameter(str(each.dtype), each.ndim).values(each)[4] == each.ctypes.data


@LINKED
@pytest.mark.parametrize(
    "numbers",
    [np.zeros(4), np.zeros((2, 2), np.float32), np.zeros(8, np.float32)[::2]],
    ids=["type", "dimensions", "strides"],
)
def test_another_array_is_refused(numbers: np.ndarray) -> None:
    with pytest.raises(TypeError, match="not C-contiguous float32"):
        squares(numbers, np.zeros(4))


def test_what_cannot_be_linked_is_called_by_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(kernels, "DIRECTORY", "")
    again, out = native(squares.signature)(squares.function), np.zeros(3)
    again(np.float32([1, 2, 3]), out)
    assert_allclose(out, [1, 4, 9])


def test_code_of_another_processor_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(b"\xc3", 0, 1, ("exp",))
    assert Image.decode(image.encode()) == image
    content = image.encode()
    monkeypatch.setattr("sagewright.algorithms.native.machinecode.processor", lambda: "another")
    assert Image.decode(content) is None
    assert Image.decode(b"what\xff") is None


@LINKED
def test_what_writes_to_data_of_its_own_is_no_image() -> None:
    """Nothing of ours does, but what a release of numba may add must not be linked wrongly."""
    llvm = pytest.importorskip("llvmlite.binding")
    text = "@kept = global i64 7\ndefine i64 @told() {\n %1 = load i64, ptr @kept\n ret i64 %1\n}\n"
    machine = llvm.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="small")
    with pytest.raises(linking.Unlinkable, match="kept"):
        linking.link(machine.emit_object(llvm.parse_assembly(text)), "told")


def test_a_signature_is_read_as_numba_reads_it() -> None:
    found = Parameter.parse("float32[:, ::1], Tuple((int64, int32[::1])), float64[:, :, ::1]")
    assert found == [Parameter("float32", 2), Parameter("int64", 0), Parameter("int32", 1), Parameter("float64", 3)]
