from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from journeykit.report import make
from journeykit.report.execution.execute import Executed, execute
from journeykit.report.execution.reserve import Reserve
from journeykit.report.execution.watch import Watch
from journeykit.report.pages.page import optional_cells
from journeykit.report.run import Job
from tests.report.conftest import code, markdown, notebook


def executed(tmp_path: Path, *cells: Any) -> Executed:
    path = tmp_path / "a {notebook}.ipynb"
    nbformat.write(notebook(*cells), path)
    out = tmp_path / "out"
    out.mkdir()
    with Reserve(out) as reserve:
        done = execute(path, {}, folder=out, watch=Watch(), reserve=reserve)
    assert nbformat.read(out / "notebook.ipynb", as_version=4) == done.notebook
    return done


def cell(source: str, *tags: str) -> Any:
    made = code(source, tags=tags, count=None)
    if not tags:
        del made.metadata["tags"]
    return made


def statuses(done: Executed) -> list[str]:
    return [cell["metadata"]["papermill"]["status"] for cell in done.notebook["cells"]]


def text(cell: Any) -> str:
    return "".join(output.get("text", output.get("ename", "")) for output in cell["outputs"])


def test_optional_cells() -> None:
    cells = [
        cell("0"),
        cell("1", "optional"),
        markdown("## Weather", "optional"),
        cell("3"),
        markdown("Without a heading."),
        cell("5", "other"),
        markdown("## Sales"),
        cell("7"),
        markdown("No heading", "optional"),
        cell("9"),
    ]
    assert optional_cells(notebook(*cells)) == {1, 3, 5}


def test_an_optional_section_that_fails_is_left_and_the_run_goes_on(tmp_path: Path) -> None:
    done = executed(
        tmp_path,
        cell("rain = 1"),
        markdown("## Weather", "optional"),
        cell("print('asking')"),
        cell("rain = 1 / 0", "mine"),
        markdown("More of it"),
        cell("print(f'It rained {rain}.')"),
        markdown("## Prices", "optional"),
        cell("print('prices')"),
        markdown("## Sales"),
        cell("print('sales')"),
    )
    assert (done.stopped, done.cell) == ("", 10)
    outputs = [text(cell) for cell in done.notebook["cells"] if cell["cell_type"] == "code"]
    assert outputs == ["", "asking\n", "ZeroDivisionError", "", "prices\n", "sales\n"]
    assert statuses(done) == [
        "completed", "completed", "completed", "failed", "completed",
        "pending", "completed", "completed", "completed", "completed",
    ]  # fmt: skip
    assert done.notebook["metadata"]["papermill"]["exception"] is None
    tags = [cell["metadata"].get("tags") for cell in done.notebook["cells"]]
    assert tags == [[], ["optional"], [], ["mine"], [], [], ["optional"], [], [], []]


def test_an_optional_section_that_ends_the_kernel_is_a_failure(tmp_path: Path) -> None:
    done = executed(
        tmp_path,
        markdown("## Weather", "optional"),
        cell("import os; os._exit(3)"),
        markdown("## Sales"),
        cell("1"),
    )
    assert (done.cell, done.stopped) == (
        1,
        "The program that computed it ended itself (exit code 3).",
    )
    assert statuses(done) == ["completed", "failed", "pending", "pending"]
    assert done.notebook["metadata"]["papermill"]["exception"] is True
    assert done.notebook["cells"][1]["metadata"]["tags"] == []


def test_the_notebook_names_no_folder_of_this_computer(tmp_path: Path) -> None:
    done = executed(tmp_path, cell("1"))
    account = done.notebook["metadata"]["papermill"]
    assert (account["input_path"], account["output_path"]) == (
        "a {notebook}.ipynb",
        "notebook.ipynb",
    )


def test_kernels_read_no_profile_and_keep_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "home" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "mine.py").write_text("mine = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "home"))
    done = executed(
        tmp_path,
        cell("import os\nprint('mine' in globals(), get_ipython().history_manager.enabled)"),
        cell("print(os.environ['IPYTHONDIR'])"),
    )
    _, private = (text(cell).strip() for cell in done.notebook["cells"])
    assert text(done.notebook["cells"][0]) == "False False\n"
    assert not Path(private).parent.exists()
    assert [path.name for path in profile.iterdir()] == ["startup"]


def test_what_lies_beside_the_notebook_can_be_imported_and_no_name_is_left(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine_only.py").write_text("NUMBER = 7")
    (tmp_path / "json.py").write_text("raise ImportError")
    look = "import json, mine_only\nprint(mine_only.NUMBER)"
    done = executed(tmp_path, cell("print('sys' in globals(), 'atexit' in globals())"), cell(look))
    assert [text(cell) for cell in done.notebook["cells"]] == ["False False\n", "7\n"]


#: Slows what the control thread does last, and notes whether it is done when outputs are closed.
SLOW_CONTROL = """
def slow():
    import pathlib, time
    from ipykernel.kernelapp import IPKernelApp
    app = IPKernelApp.instance()
    publish, stop = app.kernel._publish_status_and_flush, app.iopub_thread.stop
    note = pathlib.Path("note").absolute()
    def slowly(*arguments):
        time.sleep(0.5 if arguments[1] == "control" else 0)
        publish(*arguments)
    def noted():
        note.write_text(str(app.control_thread.is_alive()))
        stop()
    app.kernel._publish_status_and_flush, app.iopub_thread.stop = slowly, noted
slow()
"""


def test_a_kernel_does_not_hang_at_its_exit(tmp_path: Path) -> None:
    executed(tmp_path, cell(SLOW_CONTROL))
    assert (tmp_path / "out" / "note").read_text() == "False"


def test_runs_do_not_change_the_folder_of_this_process(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    before = Path.cwd()
    seen = list[Path]()
    make(job_of(), out=tmp_path, advance=lambda *_: seen.append(Path.cwd()))
    assert set(seen) == {before}


def test_no_grammar_of_web_addresses_is_compiled() -> None:
    look = (
        "import sys, journeykit.report.execution.execute\n"
        "assert 'jsonschema' in sys.modules\n"
        "print('rfc3987_syntax' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("False\n", "")
