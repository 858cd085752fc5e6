"""Converts a function that numba compiles to an `Image`: one piece of position-independent machine code.

numba's optimised LLVM code is compiled once more, position-independent, and the object file's sections are laid side by side. Calls
to the C library's functions go by stubs through slots, as in a procedure linkage table. Only the features that kernels need are
supported: ELF of x86-64, without writable data. Source: System V ABI, AMD64 supplement, chapters 4.4 and 5.2.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sagewright.algorithms.native import machinecode
from sagewright.algorithms.native.machinecode import Image

PROGBITS, SYMBOLS, RELOCATIONS, ALLOCATED, WRITABLE = 1, 2, 4, 2, 1
RELATIVE, BY_STUB = (2, 4), 4
"""R_X86_64_PC32 and PLT32: the distance to a symbol; for the latter, possibly to a stub that jumps there."""
BY_SLOT = (9, 41, 42)
"""R_X86_64_GOTPCREL and its relaxable forms: the distance to a slot that holds the symbol's address."""
STUB = b"\xff\x25"
"""jmp *offset(%rip)"""
STUB_BYTES, SLOT_BYTES, SECTION, SYMBOL, RELOCATION = 8, 8, "<IIQQQQIIQQ", "<IBBHQQ", "<QQq"


class Unlinkable(Exception):
    """The function stays with numba."""


def compiled(function: Callable[..., Any], signature: str, fastmath: Any) -> Image:
    """Raises Unlinkable if the image can't be made here, and numba's errors if the function can't be compiled."""
    if platform.machine() != "x86_64":
        raise Unlinkable(f"no linker for {platform.machine()}")
    import llvmlite.binding as llvm
    from numba.core import compiler, cpu, sigutils, types
    from numba.core.registry import cpu_target

    flags = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.noalias = True
    flags.error_model, flags.fastmath = "numpy", cpu.FastMathOptions(fastmath)
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    arguments, _ = sigutils.normalize_signature(f"void({signature})")
    contexts = cpu_target.typing_context, cpu_target.target_context
    found = compiler.compile_extra(*contexts, function, arguments, types.void, flags, {})
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="small",
    )
    module = llvm.parse_assembly(found.library.get_llvm_str())
    return link(machine.emit_object(module), found.fndesc.llvm_func_name)


@dataclass(frozen=True)
class _Section:
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int

    @property
    def kept(self) -> bool:
        return self.kind == PROGBITS and bool(self.flags & ALLOCATED) and not self.flags & WRITABLE


def link(content: bytes, entry: str) -> Image:
    """The image of an object file; `entry` is its function's symbol. Raises Unlinkable."""
    return _Linker(content).image(entry.encode())


class _Linker:
    def __init__(self, content: bytes) -> None:
        self.content = content
        (begin,) = struct.unpack_from("<Q", content, 0x28)
        size, count = struct.unpack_from("<HH", content, 0x3A)
        rows = [struct.unpack_from(SECTION, content, begin + size * number) for number in range(count)]
        self.sections = [_Section(row[1], row[2], *row[4:9]) for row in rows]
        self.symbols = list(self._symbols())
        self.code = bytearray()
        self.places: dict[int, int] = {}
        for number, section in enumerate(self.sections):
            if section.kept:
                self.code += bytes(-len(self.code) % max(1, section.alignment))
                self.places[number] = len(self.code)
                self.code += self._bytes(section)
        self.imports: list[bytes] = []

    def _bytes(self, section: _Section) -> bytes:
        return self.content[section.offset : section.offset + section.size]

    def _symbols(self) -> Iterator[tuple[bytes, int, int]]:
        """Name, section and value of each symbol."""
        table = next(section for section in self.sections if section.kind == SYMBOLS)
        names = self._bytes(self.sections[table.link])
        for name, _, _, section, value, _ in struct.iter_unpack(SYMBOL, self._bytes(table)):
            yield names[name : names.index(b"\0", name)], section, value

    def image(self, entry: bytes) -> Image:
        relocations = list(self._relocations())
        missing = {self.symbols[symbol][0] for _, _, symbol, _ in relocations if not self.symbols[symbol][1]}
        self.imports = sorted(missing)
        if unknown := [name.decode() for name in self.imports if machinecode.address(name.decode()) is None]:
            raise Unlinkable(f"the C library has no {unknown[0]}")
        self.code += bytes(-len(self.code) % SLOT_BYTES)
        stubs = len(self.code)
        slots = stubs + STUB_BYTES * len(self.imports)
        for number in range(len(self.imports)):
            here = stubs + STUB_BYTES * number
            offset = slots + SLOT_BYTES * number - (here + len(STUB) + 4)
            self.code += (STUB + struct.pack("<i", offset)).ljust(STUB_BYTES, b"\xcc")
        self.code += bytes(SLOT_BYTES * len(self.imports))
        for place, kind, symbol, addend in relocations:
            value = self._value(kind, symbol, stubs, slots)
            struct.pack_into("<i", self.code, place, value + addend - place)
        _, section, value = next(each for each in self.symbols if each[0] == entry)
        names = tuple(name.decode() for name in self.imports)
        return Image(bytes(self.code), self.places[section] + value, slots, names)

    def _relocations(self) -> Iterator[tuple[int, int, int, int]]:
        """Position, kind, symbol and addend of each relocation within the sections that are kept."""
        for section in self.sections:
            if section.kind == RELOCATIONS and section.info in self.places:
                for offset, info, addend in struct.iter_unpack(RELOCATION, self._bytes(section)):
                    yield self.places[section.info] + offset, info & 0xFFFFFFFF, info >> 32, addend

    def _value(self, kind: int, symbol: int, stubs: int, slots: int) -> int:
        """The address whose distance the relocation stores."""
        name, section, value = self.symbols[symbol]
        if section in self.places and kind in RELATIVE:
            return self.places[section] + value
        if not section and kind == BY_STUB:
            return stubs + STUB_BYTES * self.imports.index(name)
        if not section and kind in BY_SLOT:
            return slots + SLOT_BYTES * self.imports.index(name)
        raise Unlinkable(f"relocation {kind} of {name.decode()}")
