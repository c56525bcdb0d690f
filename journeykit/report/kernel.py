"""Kernels on the interpreter that runs the command, whatever kernels Jupyter has installed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Timer
from typing import Any, Self

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from journeykit.checks import check_positive

#: What has a limit, as the reader is told.
_REPORT, _CELL = "a report", "a step of it"


class Watch:
    """The limits of one run, and the end of its processes.

    A limit that is passed ends the kernel and all it started, even while it computes in C and hears
    no interrupt; so does leaving the ``with`` block, should anything be left then.

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
        self._kernel: int | None = None
        self.cause = ""

    def __enter__(self) -> Self:
        """Begin to count."""
        self._start(_REPORT, self._timeout)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting, and end what still runs."""
        for timer in self._timers.values():
            timer.cancel()
        self._end()

    def launched(self, kernel: int) -> None:
        """Take note of the process of the kernel, which leads a process group of its own."""
        self._kernel = kernel

    def cell_started(self, **_: object) -> None:
        """Begin to count for a cell.

        Raises
        ------
        TimeoutError
            When a limit was passed before there was a kernel to end.
        """
        if self.cause:
            raise TimeoutError(self.cause)
        self._start(_CELL, self._cell_timeout)

    def cell_ended(self, **_: object) -> None:
        """Stop counting for the cell."""
        if _CELL in self._timers:
            self._timers.pop(_CELL).cancel()

    def _start(self, what: str, seconds: float | None) -> None:
        if seconds is None:
            return
        timer = Timer(seconds, self._passed, (what, seconds))
        timer.daemon = True
        self._timers[what] = timer
        timer.start()

    def _passed(self, what: str, seconds: float) -> None:
        unit = "second" if seconds == 1 else "seconds"
        self.cause = f"It took longer than the {seconds:g} {unit} that {what} may take."
        self._end()

    def _end(self) -> None:
        if self._kernel is None:
            return
        try:
            if sys.platform == "win32":
                os.kill(self._kernel, signal.SIGTERM)
            else:
                os.killpg(self._kernel, signal.SIGKILL)
        except OSError:
            # All of them have ended by themselves.
            return


class OwnKernelManager(AsyncKernelManager):
    """Starts ``python -m ipykernel_launcher`` of this interpreter and asks no kernel registry."""

    #: Where the kernel's own messages go: last words of a crash, not what cells print.
    messages = Path(os.devnull)
    watch = Watch()

    @property
    def kernel_spec(self) -> KernelSpec:
        """The one kernel there is."""
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=launch, display_name="journeykit", language="python")

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        # A backend chosen for scripts (MPLBACKEND=Agg) would leave notebooks without pictures.
        environment = {
            **os.environ,
            **(options.get("env") or {}),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        with self.messages.open("ab") as messages:
            changed = {**options, "env": environment, "stderr": messages}
            await super()._async_launch_kernel(kernel_cmd, **changed)
        if isinstance(self.provisioner, LocalProvisioner) and self.provisioner.pid is not None:
            self.watch.launched(self.provisioner.pid)


def manager_class(*, messages: Path, watch: Watch) -> type[OwnKernelManager]:
    """Return the class of kernel managers whose kernels write to `messages`, seen by `watch`."""
    return type("KernelManager", (OwnKernelManager,), {"messages": messages, "watch": watch})
