"""Files that travel with the package: the notebooks and the sample study."""

from __future__ import annotations

from pathlib import Path

from journeykit.errors import MappingError

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a file or folder that ships, such as ``shipped("notebooks")``.

    A wheel carries them inside the package, a checkout at its root; both are found here.

    Raises
    ------
    MappingError
        When nothing of that name ships.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise MappingError(f"Nothing called {'/'.join(parts)!r} ships with journeykit.")
