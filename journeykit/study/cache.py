"""Built journeys kept on disk: one folder for each state of the data, the mapping and the code."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from journeykit import __version__
from journeykit.errors import DataError
from journeykit.study.folders import cache_folder
from journeykit.study.hashes import file_hashes
from journeykit.study.reading import database_version, files, read, read_customers

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study.study import Study

#: Parts of a study that decide what its journeys are.
_MAPPING = ("time_zone", "events", "customers", "identities", "window")
#: Packages whose code decides the same; an editable install changes without its version.
_CODE = ("events", "journeys", "study")


def cached_journeys(study: Study, /) -> Journeys:
    """Open the journeys of a study from the cache, or build and keep them.

    Those of a database are built anew each time, unless the study has a `version_query`: nothing
    else tells whether its rows have changed.
    """
    version = data_version(study)
    if not version:
        return _build(study)
    from journeykit.journeys import load, save

    folder = cache_folder() / "journeys" / _key(study, version)
    try:
        if folder.is_dir():
            return load(folder)
    except (DataError, OSError):
        # Damaged, half deleted, of an older layout or somebody else's: made again.
        shutil.rmtree(folder, ignore_errors=True)
    built = _build(study)
    try:
        save(built, folder)
    except OSError:
        # No cache, no harm: a full or read-only disk must not cost the answer.
        return built
    return load(folder)


def _build(study: Study) -> Journeys:
    from journeykit.journeys import journeys

    log = read(study)
    return journeys(
        log,
        window=study.window,
        time_zone=study.model.time_zone,
        customers=read_customers(study, clock=log.clock),
        tie_order=study.model.events.tie_order,
        by=study.model.events.by,
    )


def data_version(study: Study, /) -> str:
    """Return a text that changes with the data of a study; empty where nothing tells.

    For files it is a hash of their names and contents, for a database what its `version_query`
    answers.
    """
    paths = list(sources(study))
    told = [[path.name for path in paths], file_hashes(paths)]
    if study.model.events.query is not None:
        if study.model.events.version_query is None:
            return ""
        told.append(database_version(study))
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def _key(study: Study, version: str) -> str:
    mapping = study.model.model_dump(mode="json", include=set(_MAPPING))
    made_of = [__version__, mapping, version, file_hashes(_code())]
    told = json.dumps(made_of, sort_keys=True).encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def sources(study: Study, /) -> Iterable[Path]:
    """Return the files the journeys are made of; none of a database."""
    for part in ("events", "customers", "identities"):
        given = getattr(study.model, part)
        if given is not None and given.source is not None:
            yield from files(study, f"{part}.source", given.source)


def _code() -> Iterable[Path]:
    package = Path(__file__).parents[1]
    return (path for part in _CODE for path in sorted((package / part).glob("*.py")))
