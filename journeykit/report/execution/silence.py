"""Kernels that live and will not answer: the reply to a cell got lost, as for lack of memory."""

from __future__ import annotations

from typing import Any

from jupyter_client.channels import AsyncZMQSocketChannel


class SilentKernelError(Exception):
    """A kernel went on to later questions and has not answered the cell."""


class ShellChannel(AsyncZMQSocketChannel):
    """Notices when a kernel answers a later question and has not answered the cell before it.

    A kernel takes up what it is asked in its order, so the reply to the cell is lost then, and
    whoever waits for it would wait for ever.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._cell = ""
        self._asked: dict[str, str] = {}

    def wait_for(self, cell: str, /) -> None:
        """Take note of the request whose reply is waited for."""
        self._cell = cell

    def asked(self, question: str, /) -> None:
        """Take note of a question asked while the cell runs."""
        self._asked[question] = self._cell

    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        """Return the next message.

        Raises
        ------
        SilentKernelError
            It answers a question that was asked after the cell.
        """
        message = await super().get_msg(timeout)
        answered = message["parent_header"].get("msg_id", "")
        if answered == self._cell:
            self._cell = ""
        elif self._asked.pop(answered, "") == self._cell != "":
            raise SilentKernelError
        return message
