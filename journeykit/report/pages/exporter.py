"""The page of a report from JupyterLab's export menu, or from ``jupyter nbconvert``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import Exporter
from traitlets import default

from journeykit.report.pages.export import report_html
from journeykit.report.pages.page import read_page

if TYPE_CHECKING:
    from nbformat import NotebookNode

_STALE = (
    "Not all cells were run, or not from top to bottom: the numbers need not belong together. "
    "Run all cells anew before you pass this page on."
)


class ReportExporter(Exporter):
    """Makes one page, complete in itself, of a notebook with its outputs.

    It stands alone: tables link to no files, and parameters, versions and what changed, which only
    a run of the command knows, are not on it.
    """

    export_from_notebook = "journeykit report"
    output_mimetype = "text/html"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    # The interface is nbconvert's, whose own exporters return text as well.
    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: Any | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page, and the resources of nbconvert."""
        notebook, resources = super().from_notebook_node(nb, resources, **kw)
        about = resources["metadata"]
        page = read_page(notebook, files=False)
        manifest = {
            "report": str(about.get("name") or "Notebook"),
            "about": [f"notebook of {about['modified_date']}"]
            if about.get("modified_date")
            else [],
            "fingerprint": page.data["fingerprint"] if page.data else "",
            "banners": [{"level": "warn", "text": _STALE}] if _is_stale(notebook) else [],
        }
        return report_html(page, manifest=manifest, last_good=""), resources


def _is_stale(notebook: Mapping[str, Any]) -> bool:
    counts = [
        cell["execution_count"]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and cell["source"].strip()
    ]
    return None in counts or counts != sorted(counts)
