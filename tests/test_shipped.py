from __future__ import annotations

from pathlib import Path

import pytest

from journeykit import shipped as module
from journeykit.errors import MappingError
from journeykit.shipped import shipped


def test_a_checkout_gives_its_own_folders() -> None:
    assert shipped("notebooks", "paths.ipynb").is_file()
    assert shipped("data", "complete-journey", "study.yaml").is_file()


def test_a_wheel_gives_what_it_carries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = tmp_path / "journeykit" / "_shipped" / "notebooks"
    carried.mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "journeykit")
    assert shipped("notebooks") == carried


def test_what_does_not_ship() -> None:
    with pytest.raises(MappingError, match="Nothing called 'notebooks/none.ipynb' ships"):
        shipped("notebooks", "none.ipynb")
