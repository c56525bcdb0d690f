"""Kernels on the interpreter that runs the command, whatever kernels Jupyter has installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager


class OwnKernelManager(AsyncKernelManager):
    """Starts ``python -m ipykernel_launcher`` of this interpreter and asks no kernel registry."""

    #: Where the kernel's own messages go: last words of a crash, not what cells print.
    messages = Path(os.devnull)

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


def manager_class(*, messages: Path) -> type[OwnKernelManager]:
    """Return the class of kernel managers whose kernels write their own messages to a file."""
    return type("KernelManager", (OwnKernelManager,), {"messages": messages})
