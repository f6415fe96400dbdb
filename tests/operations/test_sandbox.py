"""`sandbox`: a program of its own, started, asked and stopped."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from syncops.errors import UsageError
from syncops.operations import sandbox


def test_it_answers_and_is_stopped(tmp_path: Path) -> None:
    running = sandbox.start(file=tmp_path / "market.sqlite3")
    try:
        assert httpx.get(running.url).status_code == 200
        assert httpx.get(f"{running.url}/stores/eu/prices").status_code == 401
        with_token = httpx.get(
            f"{running.url}/stores/eu/prices", headers={"authorization": f"Bearer {running.token}"}
        )
        assert with_token.json() == {"items": [], "next": None}
        assert running.token not in repr(running)
        arguments = Path(f"/proc/{running.pid}/cmdline").read_bytes() if os.path.isdir("/proc") else b""  # noqa: PTH112
        assert running.token.encode() not in arguments
    finally:
        running.stop()
    assert running.program.returncode == 0
    running.stop()


def test_an_address_that_is_taken_is_said() -> None:
    running = sandbox.start()
    try:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(UsageError, match="did not start"):
            sandbox.start(port=port)
    finally:
        running.stop()
