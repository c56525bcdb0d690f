"""Kernels on the interpreter that runs the command, whatever kernels Jupyter has installed."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Type

from journeykit.report.execution.silence import ShellChannel
from journeykit.report.execution.watch import Watch

#: What a kernel runs first; no name of it is left in the notebook.
#: The notebook may import what lies beside it. It is looked for last, so that a file there never
#: stands in for a library.
#: At its exit, ipykernel closes the channel of outputs while its control thread may be writing to
#: it: one kernel in fifteen hung then, until it was ended after 2.5 seconds. The thread ends first.
_FIRST = (
    "__import__('sys').path.append({beside!r}); "
    "__import__('atexit').register(get_ipython().kernel.control_thread.join, 1)"
)
#: Longest path that every system takes for a socket.
_LONGEST_SOCKET = 90


class OwnKernelClient(AsyncKernelClient):
    """Hears at once when the kernel is ready, or dead, and in the end when it will not answer."""

    shell_channel_class = Type(ShellChannel)  # type: ignore[assignment]

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers, and its outputs arrive.

        The inherited method sleeps 0.2 seconds at its end, and finds a kernel that died within a
        second; this finds it within a tenth.

        Raises
        ------
        RuntimeError
            The kernel died, or did not answer within `timeout` seconds.
        """
        until = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < until:
            self.kernel_info()
            reply = await self._reply(until=min(until, time.monotonic() + 1))
            if reply is None or reply["msg_type"] != "kernel_info_reply":
                continue
            try:
                await self.iopub_channel.get_msg(timeout=0.2)
            except Empty:
                # Answered before the channel of outputs was connected: asked again.
                continue
            self._handle_kernel_info_reply(reply)
            return
        raise RuntimeError(f"The kernel did not answer in {timeout:g} seconds.")

    async def _reply(self, *, until: float) -> dict[str, Any] | None:
        while time.monotonic() < until:
            try:
                answer: dict[str, Any] = await self.shell_channel.get_msg(timeout=0.1)
            except Empty:
                if not await self.is_alive():
                    raise RuntimeError("The kernel died before it answered.") from None
            else:
                return answer
        return None


class OwnKernelManager(AsyncKernelManager):
    """Starts ``python -m ipykernel_launcher`` of this interpreter and asks no kernel registry.

    The kernel reads no profile of whoever runs the command, and writes to no history: nothing but
    the notebook, its parameters and its data decides what a report says.
    """

    client_factory = Type(OwnKernelClient)
    #: Where the kernel's own messages go: last words of a crash, not what cells print.
    messages = Path(os.devnull)
    #: A folder for sockets, keys and the like that others cannot read.
    private = Path(os.devnull)
    #: The folder of the notebook, which may import what lies there.
    beside = Path(os.devnull)
    watch = Watch()
    log = logging.getLogger("papermill")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.connection_file = str(self.private / "kernel.json")
        # Ports are free when looked for and taken when used: kernels that start at the same time
        # may lose theirs. Socket files have names of their own.
        if sys.platform != "win32" and len(self.connection_file) < _LONGEST_SOCKET:
            self.transport = "ipc"

    @property
    def kernel_spec(self) -> KernelSpec:
        """The one kernel there is."""
        first = _FIRST.format(beside=str(self.beside))
        options = ["--HistoryManager.enabled=False", f"--IPKernelApp.exec_lines={first}"]
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", *options]
        return KernelSpec(argv=launch, display_name="journeykit", language="python")

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        environment = {
            **os.environ,
            **(options.get("env") or {}),
            # A backend chosen for scripts (agg) would leave notebooks without pictures.
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "IPYTHONDIR": str(self.private / "ipython"),
        }
        with self.messages.open("ab") as messages:
            changed = {**options, "env": environment, "stderr": messages}
            await super()._async_launch_kernel(kernel_cmd, **changed)
        if isinstance(self.provisioner, LocalProvisioner) and self.provisioner.process is not None:
            self.watch.launched(self.provisioner.process)

    async def _async_finish_shutdown(
        self, waittime: float | None = None, pollinterval: float = 0.01, restart: bool = False
    ) -> None:
        # As inherited, but looks more often: that is most of a tenth of a second a report.
        await super()._async_finish_shutdown(waittime, pollinterval, restart)


def manager_class(
    *, messages: Path, private: Path, beside: Path, watch: Watch
) -> type[OwnKernelManager]:
    """Return the class of kernel managers whose kernels write to `messages`, seen by `watch`.

    `private` is a folder that only this user may read, `beside` the one of the notebook.
    """
    own = {"messages": messages, "private": private, "beside": beside, "watch": watch}
    return type("KernelManager", (OwnKernelManager,), own)
