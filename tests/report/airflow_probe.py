"""Run by the interpreter of Airflow's own environment: loads the DAG file, runs its tasks.

Usage: python airflow_probe.py DAG_FILE; what to run comes as JSON on standard input, and what came
of it goes to standard output as its last line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any


def said(run: Any) -> list[Any]:
    """Run something; return whether it was good, and its result or what its error says."""
    try:
        return [True, run()]
    except Exception as error:
        return [False, f"{type(error).__name__}: {error}"]


def rendered(task: Any, order: object) -> Any:
    """Fill the templates as a run of the DAG would."""
    run = SimpleNamespace(run_after=datetime(2026, 10, 26, 5, 30, tzinfo=UTC))
    task.render_template_fields({"params": {"order": order}, "dag_run": run})
    return task


def main() -> None:
    from airflow.dag_processing.dagbag import DagBag

    def load() -> Any:
        return DagBag(sys.argv[1])

    bag, asked = load(), json.load(sys.stdin)
    (dag,) = bag.dags.values()
    found = {
        "errors": bag.import_errors,
        "dag": dag.dag_id,
        "cron": dag.schedule.expression,
        "time_zone": str(dag.schedule.timezone),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "next": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "parameters": rendered(dag.get_task("notebook"), 2).parameters,
        "alert": [
            said(lambda line=line: dag.get_task("alert").python_callable(line))
            for line in asked["lines"]
        ],
        "reports": [],
        "notebook": [],
    }
    for code in asked["codes"]:
        task = load().dags[dag.dag_id].get_task("reports")
        task.env, task.append_env = {"ENDS_WITH": str(code)}, True
        found["reports"].append(said(lambda task=task: task.execute({})))
    for changed in asked["notebook"]:
        task = rendered(load().dags[dag.dag_id].get_task("notebook"), 2)
        task.parameters = task.parameters | changed
        found["notebook"].append(said(lambda task=task: task.execute({}).url))
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
