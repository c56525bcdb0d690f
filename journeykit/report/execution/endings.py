"""Why a kernel ended, in a reader's words: what can be known, and no more."""

from __future__ import annotations

import signal
from pathlib import Path

#: Signals by which the operating system ends a program for a fault of its own.
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGSYS", "SIGTRAP")


def kernel_ended(code: int | None, /, *, oom_killed: bool = False) -> str:
    """Say why a kernel ended.

    Parameters
    ----------
    code : int or None
        Its exit code, or the negative number of the signal that ended it; None while it runs.
    oom_killed : bool
        Whether the operating system ended a program for lack of memory meanwhile.
    """
    what = "The program that computed it"
    if code is None:
        return f"{what} did not answer any more, mostly for lack of memory."
    if code >= 0:
        return f"{what} ended itself (exit code {code})."
    if -code == getattr(signal, "SIGKILL", 9):
        if oom_killed:
            return (
                f"The computer ran out of memory: {what[0].lower()}{what[1:]} was ended for it "
                f"(signal {-code})."
            )
        return f"{what} was ended from outside (signal {-code}), mostly for lack of memory."
    if -code in {getattr(signal, name, 0) for name in _CRASHES}:
        return f"{what} crashed (signal {-code}): a fault in compiled code."
    return f"{what} was ended from outside (signal {-code})."


def kernel_did_not_start(messages: Path, /) -> str:
    """Say why a kernel never answered; its last words stand at the end of the file `messages`."""
    cause = "The program that computes reports could not be started"
    try:
        lines = messages.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # The last line of a Python traceback names the error, and is not indented.
    said = [line.strip() for line in lines if "Error: " in line and not line[:1].isspace()]
    return f"{cause}: {said[-1][:300]}" if said else f"{cause}; log.txt may say why."


def oom_kills() -> int:
    """Count the programs that this computer's Linux has ended for lack of memory; else 0."""
    try:
        counters = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0
    )
