"""`demo`: T13."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from syncops.operations import demo


def test_T13_from_nothing_to_a_synced_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")
    monkeypatch.setenv("SYNCOPS_BATCH_LIMIT", "nonsense")
    said: list[str] = []
    done = demo.run(folder=tmp_path / "demo", say=said.append)
    assert (done.imported, done.first_price, done.second_price) == (144, "2.55", "2.95")
    assert any("price.save()" in line for line in said)
    with pytest.raises(httpx.ConnectError):
        httpx.get(done.shop)


def test_T13_keep_leaves_the_shop_up(tmp_path: Path) -> None:
    done = demo.run(keep=True, folder=tmp_path / "demo")
    assert done.sandbox_pid is not None
    try:
        page = httpx.get(done.shop, params={"q": "85123A"}).text
        assert "WHITE HANGING HEART" in page
        assert "2.95" in page
        assert (tmp_path / "demo" / "token").stat().st_mode & 0o077 == 0
    finally:
        os.kill(done.sandbox_pid, 15)
