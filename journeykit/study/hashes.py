"""Hashes of files, remembered while a file's size, time and inode stay as they were."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from journeykit.study.folders import cache_folder

#: A file changed so shortly before it was hashed may change again within one tick of its clock.
_SETTLED_NS = 2_000_000_000
_FILE = "hashes.json"


def file_hashes(paths: Iterable[Path], /) -> list[str]:
    """Return a hash of the content of each file, in their order.

    A file whose size, time of change and inode are those recorded is trusted, any other is read.
    The record is kept in the cache folder; without one, everything is read.
    """
    record = _read()
    found, news = list[str](), dict[str, list[object]]()
    for path in paths:
        stat = path.stat()
        state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = record.get(str(path.resolve()))
        if isinstance(known, list) and known[:4] == state and len(known) == 5:
            found.append(str(known[4]))
            continue
        with path.open("rb") as content:
            found.append(hashlib.file_digest(content, "blake2b").hexdigest()[:32])
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED_NS:
            news[str(path.resolve())] = [*state, found[-1]]
    if news:
        _write({**record, **news})
    return found


def _read() -> dict[str, object]:
    try:
        record = json.loads((cache_folder() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(record: dict[str, object]) -> None:
    target = cache_folder() / _FILE
    beside = target.with_name(f".{_FILE}-{secrets.token_hex(3)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(record), encoding="utf-8")
        beside.replace(target)
    except OSError:
        # No record, no harm: the files are read again next time.
        beside.unlink(missing_ok=True)
