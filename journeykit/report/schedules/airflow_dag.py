"""A weekly report under Airflow 3; copy this file to the folder of your DAGs.

On the worker, the folder that the environment variable JOURNEYKIT_HOME names holds

    .venv/           python3 -m venv .venv && .venv/bin/pip install journeykit
    study.yaml       the study
    journeykit.env   NAME=value lines, mode 0600: the secrets the study names as env:NAME
    paths.ipynb      a notebook, for the task `notebook`: one that ships, or your own

Airflow's own environment needs apache-airflow-providers-papermill and not journeykit: the notebook
runs on a kernel of .venv, made known to the worker's user once by

    .venv/bin/python -m ipykernel install --user --name journeykit

`reports` is all a study needs. `notebook` runs a single notebook as a task of its own; keep the one
you want.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

HOME = os.environ.get("JOURNEYKIT_HOME", "/srv/journeykit")

# Exit code 3 is an alert: the reports are made, and `alert` turns red. 1, 2 and 4 are failures.
RUN = """\
set -a && . ./journeykit.env && set +a
.venv/bin/journeykit run study.yaml --out reports --jobs 2 \
--timeout 1800 --cell-timeout 900 --retries 1 --keep 26 || test $? -eq 3
"""

with DAG(
    dag_id="journeykit_weekly_report",
    description="All reports of the study, every Monday at 06:30 in Berlin.",
    schedule=CronTriggerTimetable("30 6 * * MON", timezone="Europe/Berlin"),
    params={"order": 2},
    catchup=False,
    max_active_runs=1,  # runs do not overlap
    default_args={"retries": 0},  # journeykit has --retries of its own
    tags=["journeykit"],
) as dag:
    # Makes every page. The last line it prints, JSON, is what Airflow hands to `alert`.
    reports = BashOperator(
        task_id="reports",
        bash_command=RUN,
        cwd=HOME,
        execution_timeout=timedelta(hours=3),
    )

    @task
    def alert(said: str) -> None:
        """Turn red when a KPI is in its fail band or the data are too old; the reports stand."""
        if json.loads(said)["status"] == "alert":
            raise AirflowFailException(said)

    alert(reports.output)

    # Makes an executed notebook and no page. The notebook's second cell checks the parameters, so a
    # misspelt name or a value out of range fails this task instead of running on defaults.
    notebook = PapermillOperator(
        task_id="notebook",
        input_nb=f"{HOME}/paths.ipynb",
        output_nb=f"{HOME}/paths-executed.ipynb",
        # Templates give text; the check makes numbers and dates of it.
        parameters={"study": f"{HOME}/study.yaml", "order": "{{ params.order }}"},
        kernel_name="journeykit",
        language_name="python",
        execution_timeout=timedelta(hours=1),  # plain papermill has no limit of its own
    )
