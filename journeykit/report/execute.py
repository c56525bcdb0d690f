"""A notebook executed on this interpreter, within its limits; whatever happens, it comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError

from journeykit.report.kernel import Watch, manager_class

#: Reads what `advance` is told: cells done, cells there are.
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Executed:
    """What is left of a run: the notebook as far as it came.

    Attributes
    ----------
    notebook : mapping
        Cells with their outputs.
    stopped : str
        Why it stopped, where no cell says so; empty otherwise.
    cell : int
        Index of the cell that ran last.
    """

    notebook: Mapping[str, Any]
    stopped: str
    cell: int


def execute(
    path: Path,
    parameters: Mapping[str, Any],
    /,
    *,
    folder: Path,
    watch: Watch,
    advance: Advance | None = None,
) -> Executed:
    """Run the notebook at `path` and write it to `folder`, with the log of its run."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    cells = len(notebook.cells) + 1
    running = 0

    def started(cell_index: int, **_: object) -> None:
        nonlocal running
        running = cell_index
        if advance is not None:
            advance(cell_index + 1, cells)

    target = folder / "notebook.ipynb"
    stopped = ""
    with _logged(folder / "log.txt"), watch:
        try:
            papermill.execute_notebook(
                notebook,
                # papermill fills {braces} in paths from the parameters; these are part of the name.
                str(target).replace("{", "{{").replace("}", "}}"),
                parameters=dict(parameters),
                kernel_name="python3",
                language="python",
                kernel_manager_class=manager_class(messages=folder / "log.txt", watch=watch),
                progress_bar=False,
                cwd=str(folder),
                on_cell_start=started,
                on_cell_execute=watch.cell_started,
                on_cell_executed=watch.cell_ended,
            )
        except papermill.PapermillExecutionError:
            pass
        except DeadKernelError:
            stopped = (
                "The program that computed it was ended from outside, mostly for lack of memory."
            )
        except Exception as error:
            # Whatever happened, the reader gets a page.
            logging.getLogger("papermill").exception("The run broke off.")
            stopped = f"The notebook could not be run: {error}"
    if target.exists():
        notebook = nbformat.read(target, as_version=4)  # type: ignore[no-untyped-call]
    else:
        nbformat.write(notebook, target)  # type: ignore[no-untyped-call]
    return Executed(notebook, watch.cause or stopped, running)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send what papermill and its client say to the run's log instead of the terminal."""
    logger = logging.getLogger("papermill")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(level)
        logger.propagate = propagate
