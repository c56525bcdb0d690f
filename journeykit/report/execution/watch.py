"""The limits of a run and the end of its processes, whatever happens to the run or to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Timer
from types import FrameType
from typing import Self

from journeykit.checks import check_positive
from journeykit.report.execution.endings import kernel_ended, oom_kills

#: What has a limit, as the reader is told.
_REPORT, _CELL, _FAREWELL = "a report", "a step of it", "its farewell"
#: Seconds a kernel whose cells are all done may take to say goodbye.
_FAREWELL_SECONDS = 10.0
_NO_TIMER = Timer(0, lambda: None)
#: Waits for the end of its standard input, which comes when we are gone, and ends the process group
#: whose number it was told.
_GUARDIAN = """
import os, signal, sys
told = sys.stdin.read().split()
for group in told:
    os.killpg(int(group), signal.SIGKILL)
"""


class Watch:
    """The limits of one run, and the end of its processes.

    A limit that is passed ends the kernel and all it started, even while it computes in C and hears
    no interrupt; so does leaving the ``with`` block, should anything be left then. When this
    process is killed itself, a guardian process does it.

    Attributes
    ----------
    cause : str
        Which limit was passed, in a reader's words; empty while none was.
    """

    def __init__(self, *, timeout: float | None = None, cell_timeout: float | None = None) -> None:
        for name, seconds in (("timeout", timeout), ("cell_timeout", cell_timeout)):
            if seconds is not None:
                check_positive(name, seconds)
        self._timeout = timeout
        self._cell_timeout = cell_timeout
        self._timers: dict[str, Timer] = {}
        self._kernel: subprocess.Popen[bytes] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._oom_kills = 0
        self.cause = ""

    def __enter__(self) -> Self:
        """Begin to count."""
        self._oom_kills = oom_kills()
        self._guardian = _guardian()
        self._start(_REPORT, self._timeout, self._passed)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting, and end what still runs."""
        for timer in self._timers.values():
            timer.cancel()
        self.end()
        if self._guardian is not None:
            # Not before the kernel's group has ended, nor alive after it: its number may be reused.
            self._guardian.kill()
            self._guardian.communicate()

    def launched(self, kernel: subprocess.Popen[bytes]) -> None:
        """Take note of the kernel, which leads a process group of its own."""
        self._kernel = kernel
        if self._guardian is not None and self._guardian.stdin is not None:
            with suppress(OSError):
                self._guardian.stdin.write(f"{kernel.pid} ".encode())
                self._guardian.stdin.flush()
        if self.cause:
            self.end()

    def cell_started(self, **_: object) -> None:
        """Begin to count for a cell.

        Raises
        ------
        TimeoutError
            When a limit was passed before there was a kernel to end.
        """
        if self.cause:
            raise TimeoutError(self.cause)
        self._start(_CELL, self._cell_timeout, self._passed)

    def cell_ended(self, **_: object) -> None:
        """Stop counting for the cell."""
        self._timers.pop(_CELL, _NO_TIMER).cancel()

    def cells_ended(self) -> None:
        """Give the kernel a moment to end by itself: what it computes now, nobody reads."""
        self._timers.pop(_REPORT, _NO_TIMER).cancel()
        self._start(_FAREWELL, _FAREWELL_SECONDS, lambda *_: self.end())

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel was launched."""
        return self._kernel is not None

    def how_it_ended(self) -> str:
        """Say why the kernel is dead, as far as can be known."""
        code = self._kernel.poll() if self._kernel is not None else None
        return kernel_ended(code, oom_killed=oom_kills() > self._oom_kills)

    def end(self) -> None:
        """End the kernel and all it started, at once."""
        if self._kernel is None:
            return
        # OSError: all of them have ended by themselves.
        with suppress(OSError):
            if sys.platform == "win32":
                os.kill(self._kernel.pid, signal.SIGTERM)
            else:
                os.killpg(self._kernel.pid, signal.SIGKILL)

    def _start(
        self, what: str, seconds: float | None, then: Callable[[str, float], object]
    ) -> None:
        if seconds is None:
            return
        timer = Timer(seconds, then, (what, seconds))
        timer.daemon = True
        self._timers[what] = timer
        timer.start()

    def _passed(self, what: str, seconds: float) -> None:
        unit = "second" if seconds == 1 else "seconds"
        self.cause = f"It took longer than the {seconds:g} {unit} that {what} may take."
        self.end()


def _guardian() -> subprocess.Popen[bytes] | None:
    """Start the process that outlives us by a moment; Windows has no process groups to end."""
    if sys.platform == "win32":
        return None
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARDIAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # What is sent to our own process group must not reach it.
        start_new_session=True,
    )


def stop_cleanly_when_told() -> None:
    """Leave by SystemExit when a scheduler or a closed terminal ends this process.

    The kernels of runs end before this process does. The exit code is 128 and the signal's number,
    as shells have it. A second signal ends the process at once. For the main thread of a command.
    """

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup has it ignored, and means it.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)
