"""The program that waits in a cell for a job with an entry point: Perl where the machine has it, otherwise Python.

Both do the same (see toolkit.ahead.waiting, which describes the protocol), and the tests hold them to the same behaviour. Perl
starts in a quarter of Python's processor time, which a pipeline of short steps spends once a step.
"""

from __future__ import annotations

import functools
import subprocess

from sagewright.sandbox.layout import LIBRARY

PERL = "/usr/bin/perl"
"""Below /usr, which every sandbox shows."""
ENVIRON = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
"""Variables of what waits in a cell: those that Python reads at its start, as for every job."""
PROGRAM = r"""
open(my $socket, "+<&", 0) or exit 1;
syswrite($socket, "r");
my $told = "";
while (sysread($socket, my $part, 65536)) { $told .= $part }
exit 0 if $told eq "";
my ($words, $variables, @parts) = split(/\0/, $told, -1);
my @words = @parts[0 .. $words - 1];
%ENV = map { split(/=/, $_, 2) } @parts[$words .. $words + $variables - 1];
open(STDIN, "+<", "/dev/null") or exit 1;
exec { $words[0] } @words;
my $fault = "$!";
syswrite(STDERR, "bwrap: execvp $words[0]: $fault\n");
syswrite($socket, "x");
exit 1;
"""
"""Descriptors above 2 that Perl opens are closed when it executes a program, and its `exec` is the C library's execvp."""
_IN_PERL = [PERL, "-e", PROGRAM]
_IN_PYTHON = ["python", "-I", "-S", str(LIBRARY / "sagewright" / "toolkit" / "ahead" / "waiting.py")]


def waiting_program() -> list[str]:
    return _IN_PERL if has_perl() else _IN_PYTHON


@functools.cache
def has_perl() -> bool:
    """True if Perl runs here, and says nothing: where the machine lacks the locale of cells, it would warn in the job's log. The
    fork server asks ahead, and its children inherit the answer."""
    try:
        said = subprocess.run(
            [PERL, "-e", "exit 7"], env=ENVIRON, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 7 and not said.stdout + said.stderr
