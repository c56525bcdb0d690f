"""The process of one slot: ``python -m journeykit.report.slot``, spoken to in lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any

from journeykit.report.execution.watch import stop_cleanly_when_told
from journeykit.report.slots import serve


def _listen(lines: SimpleQueue[str]) -> None:
    """Take in lines all the time: when whoever started us is gone, so is the report at work."""
    for line in sys.stdin:
        lines.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until the input ends; what libraries print goes to standard error."""
    stop_cleanly_when_told()
    spoken = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(lines,), daemon=True).start()

    def say(told: Mapping[str, Any]) -> None:
        spoken.write(f"{json.dumps(told)}\n")
        spoken.flush()

    serve(iter(lines.get, None), say)


if __name__ == "__main__":
    main()
