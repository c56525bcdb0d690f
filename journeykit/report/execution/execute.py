"""A notebook executed on this interpreter, within its limits; whatever happens, it comes back."""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeykit.report.execution.course import Course
from journeykit.report.execution.endings import kernel_did_not_start, kernel_ended
from journeykit.report.execution.kernel import OwnKernelManager, manager_class
from journeykit.report.execution.reserve import Reserve, disk_full, full_disk_of, is_full
from journeykit.report.execution.silence import SilentKernelError
from journeykit.report.execution.watch import Watch
from journeykit.report.publishing.publish import write_text


@contextmanager
def _absent(module: str) -> Iterator[None]:
    """Have imports do without an optional module that nobody has imported yet."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


# Where it is installed, the library of JSON schemas compiles a grammar of international web
# addresses when it is imported, for a second; no notebook needs it.
with _absent("rfc3987_syntax"):
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from nbformat import NotebookNode
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NotebookExecutionManager

_LOG, _NOTEBOOK = "log.txt", "notebook.ipynb"
#: How often a kernel at work on a cell is asked whether it still is.
_ASK_SECONDS = 15.0
#: Reads what `advance` is told: cells done, cells there are.
Advance = Callable[[int, int], None]

_logger = logging.getLogger("papermill")


@dataclass(frozen=True, slots=True)
class Executed:
    """What is left of a run: the notebook as far as it came.

    Attributes
    ----------
    notebook : mapping
        Cells with their outputs.
    stopped : str
        Why it stopped, in a reader's words, where that says more than the error of a cell; empty
        otherwise.
    cell : int
        Index of the cell that ran last; the number of cells when all had ended.
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
    reserve: Reserve,
    advance: Advance | None = None,
) -> Executed:
    """Run the notebook at `path` and write it to `folder`, with the log of its run.

    What papermill notes in the metadata is corrected: no cell is called completed that did not run
    to its end.
    """
    with _logged(folder / _LOG):
        notebook = _prepared(path, parameters)
        course = Course(notebook, folder=folder, advance=advance)
        stopped = _run(notebook, course, watch, folder, beside=path.parent)
        course.settle(failed=course.failed or bool(stopped))
        try:
            _write(notebook, folder)
        except OSError as error:
            if not is_full(error):
                raise
            stopped = stopped or disk_full(folder)
            _write_what_fits(notebook, folder, reserve)
    return Executed(notebook, stopped, course.cell)


def _prepared(path: Path, parameters: Mapping[str, Any]) -> NotebookNode:
    """Return the notebook with its parameters, ready to run."""
    notebook: NotebookNode = papermill.execute_notebook(
        # papermill fills {braces} in paths from the parameters; these are part of the name.
        str(path).replace("{", "{{").replace("}", "}}"),
        None,
        parameters=dict(parameters),
        prepare_only=True,
        kernel_name="python3",
        language="python",
        progress_bar=False,
    )
    # It is read elsewhere, where the paths of this computer say nothing.
    notebook.metadata.papermill.update(input_path=path.name, output_path=_NOTEBOOK)
    return notebook


def _run(
    notebook: NotebookNode, course: Course, watch: Watch, folder: Path, *, beside: Path
) -> str:
    """Run all cells; return why they did not all run, where that is not the error of a cell."""
    stopped = ""
    try:
        # Left before the folder goes: the kernel ends with the watch.
        with (
            tempfile.TemporaryDirectory(
                prefix="journeykit-", ignore_cleanup_errors=True
            ) as private,
            watch,
        ):
            kernels = manager_class(
                messages=folder / _LOG, private=Path(private), beside=beside, watch=watch
            )
            _run_cells(notebook, course, watch, kernels, folder)
    except DeadKernelError:
        stopped = watch.how_it_ended()
    except SilentKernelError:
        stopped = kernel_ended(None)
    except Exception as error:
        # Whatever happened, the reader gets a page.
        if watch.has_kernel and not course.begun:
            stopped = kernel_did_not_start(folder / _LOG)
        else:
            full = full_disk_of(str(error), folder)
            stopped = full or f"The notebook could not be run: {error}"
        _logger.exception("The run broke off.")
    # What befalls a kernel that has done all its work changes nothing in the report.
    return watch.cause or ("" if course.ended else stopped or course.stopped)


def _run_cells(
    notebook: NotebookNode,
    course: Course,
    watch: Watch,
    kernels: type[OwnKernelManager],
    folder: Path,
) -> None:
    account = NotebookExecutionManager(notebook, progress_bar=False, autosave_cell_every=0)
    client = _Client(
        account,
        log=_logger,
        kernel_name="python3",
        kernel_manager_class=kernels,
        startup_timeout=60,
        # A busy computer is no reason to give up; that a kernel died is noticed without it.
        iopub_timeout=60,
        shell_timeout_interval=1,
        on_cell_start=course.cell_started,
        on_cell_execute=watch.cell_started,
        on_cell_executed=watch.cell_ended,
        on_cell_error=course.cell_failed,
    )
    client.course, client.watch = course, watch
    account.notebook_start()
    try:
        client.execute(cwd=str(folder))
    finally:
        account.notebook_complete()


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs cells as papermill does, and knows when to be done with the kernel."""

    course: Course
    watch: Watch

    def papermill_execute_cells(self) -> None:
        """Run all cells."""
        try:
            super().papermill_execute_cells()
        except (KeyboardInterrupt, SystemExit):
            # Whoever stops us does not wait for a kernel to be asked politely.
            self.watch.end()
            raise
        self.course.cells_ended()
        self.watch.cells_ended()

    async def _async_poll_for_reply(self, msg_id: str, *others: Any) -> Any:
        self.kc.shell_channel.wait_for(msg_id)
        return await super()._async_poll_for_reply(msg_id, *others)

    async def _async_poll_kernel_alive(self) -> None:
        asking = asyncio.ensure_future(self._ask())
        try:
            await super()._async_poll_kernel_alive()
        finally:
            asking.cancel()

    async def _ask(self) -> None:
        """Ask the kernel something now and then; busy with the cell, it answers afterwards."""
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            self.kc.shell_channel.asked(self.kc.kernel_info())


def _write(notebook: NotebookNode, folder: Path) -> None:
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_text(folder / _NOTEBOOK, f"{text}\n")


def rewrite(
    folder: Path, notebook: Any, clean: Callable[[str], str], /, *, reserve: Reserve
) -> None:
    """Write a notebook anew, and its log as `clean` returns it: what stood there is gone.

    On a full disk nothing uncleaned stays, and of the rest what there is room for.
    """
    log = (folder / _LOG).read_text(encoding="utf-8", errors="replace")
    for name in (_LOG, _NOTEBOOK):
        (folder / name).unlink(missing_ok=True)
    try:
        write_text(folder / _LOG, clean(log))
        _write(notebook, folder)
    except OSError as error:
        if not is_full(error):
            raise
        _write_what_fits(notebook, folder, reserve)


def _write_what_fits(notebook: NotebookNode, folder: Path, reserve: Reserve) -> None:
    """Write the notebook to a full disk, without its outputs where they have no room."""
    bare = copy.deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    for smaller in (notebook, bare):
        reserve.free(_LOG)
        with suppress(OSError):
            _write(smaller, folder)
            return


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send what papermill and its client say to the run's log instead of the terminal."""
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = _logger.level, _logger.propagate
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    try:
        yield
    finally:
        _logger.removeHandler(handler)
        # What is left to write may have no room.
        with suppress(OSError):
            handler.close()
        _logger.setLevel(level)
        _logger.propagate = propagate


class _LogFile(logging.FileHandler):
    """A log that a full disk cuts off, without a word on the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name it has
        pass
