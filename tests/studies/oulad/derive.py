"""Derive a study of course enrolments from the Open University Learning Analytics dataset.

``python -m tests.studies.oulad.derive TABLES FOLDER`` reads the tables of the dataset (Kuzilek,
Hlosta, Zdrahal 2017, Scientific Data 4:170171, CC BY 4.0) and writes ``events.parquet`` and
``customers.parquet`` into FOLDER, with the study and its plans beside them.

A customer is one enrolment. Days are counted from the beginning of the course, which is called
2000-01-01: the tables have no dates. Assessments are numbered by their due day; those without a due
day (some exams) and results carried over from an earlier course (banked) are left out.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

ORIGIN = pd.Timestamp("2000-01-01")
KEY = ["code_module", "code_presentation", "id_student"]
BESIDE = ("study.yaml", "plan-all.yaml", "plan-EEE.yaml", "plan-FFF.yaml")


def assessments(tables: Path) -> pd.DataFrame:
    """Return assessments with a due day: `id_assessment touchpoint due`."""
    found = pd.read_csv(tables / "assessment.csv").dropna(subset=["date"])
    groups = ["code_module", "code_presentation", "assessment_type"]
    found = found.sort_values([*groups, "date", "id_assessment"])
    number = (found.groupby(groups).cumcount() + 1).astype(str)
    found["touchpoint"] = found["code_module"] + " " + found["assessment_type"] + " " + number
    return found


def submissions(tables: Path) -> pd.DataFrame:
    """Return every submission: enrolment, touchpoint, day and due day."""
    handed_in = pd.read_csv(tables / "student_assessment.csv.gz")
    handed_in = handed_in[~handed_in["is_banked"]]
    found = handed_in.merge(assessments(tables), on="id_assessment")
    return found.rename(columns={"date_submitted": "day", "date": "due"})[
        [*KEY, "touchpoint", "day", "due"]
    ]


def events(tables: Path) -> pd.DataFrame:
    """Return one row a registration, submission, un-registration, and one when the course ends."""
    enrolled = pd.read_csv(tables / "student_registration.csv.gz")
    parts = [submissions(tables)]
    for column, touchpoint in (
        ("date_registration", "register"),
        ("date_unregistration", "unregister"),
    ):
        there = enrolled.dropna(subset=[column])
        parts.append(there[KEY].assign(touchpoint=touchpoint, day=there[column]))
    ends = enrolled.merge(pd.read_csv(tables / "course.csv"))
    parts.append(ends[KEY].assign(touchpoint="course ends", day=ends["module_presentation_length"]))
    found = pd.concat(parts, ignore_index=True)
    day = pd.to_timedelta(found["day"].astype(int), unit="D")
    return pd.DataFrame(
        {
            "enrolment": found[KEY].astype(str).agg("/".join, axis=1),
            "day": (ORIGIN + day).astype("datetime64[us]").dt.date,
            "touchpoint": found["touchpoint"],
            "due": (ORIGIN + pd.to_timedelta(found["due"], unit="D")).astype("datetime64[us]"),
        }
    ).sort_values(["enrolment", "day", "touchpoint"], kind="stable", ignore_index=True)


def customers(tables: Path) -> pd.DataFrame:
    """Return one row an enrolment: what is known of it, and until when it is watched."""
    enrolled = pd.read_csv(tables / "student_registration.csv.gz")
    enrolled = enrolled.merge(pd.read_csv(tables / "course.csv"))
    enrolled = enrolled.merge(pd.read_csv(tables / "student.csv.gz"), on=KEY)
    length = pd.to_timedelta(enrolled["module_presentation_length"], unit="D")
    # Of 45 it is not known when they registered; they are there when the course begins.
    registered = pd.to_timedelta(enrolled["date_registration"].fillna(0), unit="D")
    return pd.DataFrame(
        {
            "enrolment": enrolled[KEY].astype(str).agg("/".join, axis=1),
            "module": enrolled["code_module"],
            "presentation": enrolled["code_presentation"],
            "education": enrolled["highest_education"],
            "registered": (ORIGIN + registered).dt.date,
            "begins": ORIGIN.date(),
            "ends": (ORIGIN + length).dt.date,
        }
    )


def derive(tables: Path, folder: Path, /) -> None:
    """Write the study into a folder, which is made where it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    events(tables).to_parquet(folder / "events.parquet", index=False)
    customers(tables).to_parquet(folder / "customers.parquet", index=False)
    for name in BESIDE:
        shutil.copyfile(Path(__file__).with_name(name), folder / name)


if __name__ == "__main__":
    derive(Path(sys.argv[1]), Path(sys.argv[2]))
