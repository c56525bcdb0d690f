"""The course of a run: which cell is at work, what went wrong, what papermill is to have noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeykit.report.execution.reserve import full_disk_of
from journeykit.report.pages.markdown import sections
from journeykit.report.pages.page import optional_cells

if TYPE_CHECKING:
    from nbformat import NotebookNode

#: Tags by which notebook clients go on after an error, and pass over a cell.
_MAY_FAIL, _PASS_OVER = "raises-exception", "skip-execution"


class Course:
    """Follows a notebook while it runs.

    Optional cells may fail. The rest of their section is passed over then: from what was there
    before, it would compute something else than it says.

    Parameters
    ----------
    notebook : NotebookNode
        Ready to run; its optional cells carry tags of ours until `settle`.
    folder : Path
        Where it runs.
    advance : callable, optional
        Told at each cell how many are done and how many there are.

    Attributes
    ----------
    cell : int
        Index of the cell that ran last; the number of cells once all have ended.
    begun : bool
        Whether the first cell has begun.
    failed : bool
        Whether an error of a cell stopped the run.
    stopped : str
        What the error means, where a reader needs other words than its own.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        /,
        *,
        folder: Path,
        advance: Callable[[int, int], None] | None = None,
    ) -> None:
        self.cell = 0
        self.begun = False
        self.failed = False
        self.stopped = ""
        self._notebook = notebook
        self._cells = notebook.cells
        self._folder = folder
        self._advance = advance
        self._gave_up = set[int]()
        self._passed_over = set[int]()
        self._tags = {
            index: self._cells[index].metadata.get("tags", []) for index in optional_cells(notebook)
        }
        for index in self._tags:
            self._tag(index, _MAY_FAIL)

    @property
    def ended(self) -> bool:
        """Whether all cells have ended, and the run was not stopped."""
        return self.begun and self.cell == len(self._cells)

    def cell_started(self, cell_index: int, **_: object) -> None:
        """Note that a cell begins."""
        self.begun = True
        self.cell = cell_index
        if self._advance is not None:
            self._advance(cell_index + 1, len(self._cells))

    def cell_failed(self, cell_index: int, execute_reply: Mapping[str, Any], **_: object) -> None:
        """Note that a cell ended with an error."""
        if cell_index in self._tags:
            self._gave_up.add(cell_index)
            self._pass_over_after(cell_index)
            return
        error = execute_reply["content"]
        self.failed = True
        self.stopped = full_disk_of(error["evalue"], self._folder)
        if error["ename"] == "SystemExit":
            said = "" if error["evalue"] in ("", "0") else f": {error['evalue'].rstrip('.')}"
            self.stopped = f"A step of it ended the report early{said}."

    def cells_ended(self) -> None:
        """Note that the last cell that was to run has ended."""
        if not self.failed:
            self.cell = len(self._cells)

    def settle(self, *, failed: bool) -> None:
        """Correct what papermill noted, and take our tags off.

        papermill calls cells completed that were at work, or had yet to run, when a kernel died,
        and those that failed in an optional section.
        """
        for index, cell in enumerate(self._cells):
            never_ran = not self.begun or (failed and index > self.cell)
            if never_ran or index in self._passed_over:
                times = dict.fromkeys(("exception", "start_time", "end_time", "duration"))
                cell.metadata.papermill = {**times, "status": "pending"}
            elif index in self._gave_up or (failed and index == self.cell):
                cell.metadata.papermill.update(exception=True, status="failed")
        self._notebook.metadata.papermill["exception"] = True if failed else None
        for index, tags in self._tags.items():
            self._cells[index].metadata["tags"] = tags

    def _pass_over_after(self, index: int) -> None:
        """Pass over what is left of the optional section that the cell at `index` stands in."""
        for later in range(index + 1, len(self._cells)):
            cell = self._cells[later]
            if cell.cell_type == "markdown" and any(title for title, _ in sections(cell.source)):
                return
            if later in self._tags:
                self._passed_over.add(later)
                self._tag(later, _PASS_OVER)

    def _tag(self, index: int, tag: str) -> None:
        metadata = self._cells[index].metadata
        metadata["tags"] = [*metadata.get("tags", []), tag]
