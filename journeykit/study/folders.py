"""Where what can be made again is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Environment variable that names another folder than the user's own.
CACHE = "JOURNEYKIT_CACHE"


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``JOURNEYKIT_CACHE``, else the user's own."""
    if CACHE in os.environ:
        return Path(os.environ[CACHE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(base) / "journeykit"
