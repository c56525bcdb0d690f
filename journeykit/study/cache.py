"""Built journeys kept on disk: one folder for each state of the data, the mapping and the code."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from journeykit import __version__
from journeykit.errors import DataError
from journeykit.study.reading import files, read, read_customers

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study.study import Study

#: Parts of a study that decide what its journeys are.
_MAPPING = ("time_zone", "events", "customers", "identities", "window")
#: Packages whose code decides the same; an editable install changes without its version.
_CODE = ("events", "journeys", "study")


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``JOURNEYKIT_CACHE``, else the user's own."""
    if "JOURNEYKIT_CACHE" in os.environ:
        return Path(os.environ["JOURNEYKIT_CACHE"])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "journeykit"


def cached_journeys(study: Study, /) -> Journeys:
    """Open the journeys of a study from the cache, or build and keep them.

    Those of a database are built anew each time: nothing tells whether its rows have changed.
    """
    if study.model.events.source is None:
        return _build(study)
    from journeykit.journeys import load, save

    folder = cache_folder() / "journeys" / _key(study)
    if folder.is_dir():
        try:
            return load(folder)
        except DataError:
            # Damaged, half deleted or of an older layout: made again.
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


def _key(study: Study) -> str:
    digest = hashlib.blake2b(digest_size=16)
    mapping = study.model.model_dump(mode="json", include=set(_MAPPING))
    digest.update(json.dumps([__version__, mapping], sort_keys=True).encode())
    for path in (*_code(), *_sources(study)):
        digest.update(f"{path.name}\0".encode())
        with path.open("rb") as content:
            digest.update(hashlib.file_digest(content, "blake2b").digest())
    return digest.hexdigest()


def _sources(study: Study) -> Iterable[Path]:
    for part in ("events", "customers", "identities"):
        given = getattr(study.model, part)
        if given is not None:
            yield from files(study, f"{part}.source", given.source)


def _code() -> Iterable[Path]:
    package = Path(__file__).parents[1]
    return (path for part in _CODE for path in sorted((package / part).glob("*.py")))
