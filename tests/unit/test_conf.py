"""D22: every number is a setting, and the environment gives it to the project that ships."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from syncops import conf
from syncops.conf import Settings
from syncops.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def test_the_defaults_are_those_of_the_design() -> None:
    found = Settings()
    assert (found.LEASE, found.SWEEP, found.TIMEOUT, found.TURN) == (120, 30, 30, 60)
    assert (found.RETRY_BASE, found.RETRY_CAP, found.RETRY_FLOOR, found.ITEM_ATTEMPTS) == (30, 3600, 5, 5)
    assert (found.BREAKER_AFTER, found.BREAKER_OPEN, found.BATCH_LIMIT) == (5, 60, 100)
    assert found.settle == 60
    assert Settings(TIMEOUT=50).settle == 100
    assert Settings(SETTLE=0.5).settle == 0.5


def test_a_typing_error_is_never_a_default(settings: Any) -> None:
    settings.SYNCOPS = {"LEAES": 3}
    with pytest.raises(ConfigurationError, match="LEAES"):
        conf.get()


@pytest.mark.parametrize("wrong", [{"ON_CAPTURE_ERROR": "ignore"}, {"LEASE": 20, "TIMEOUT": 30}])
def test_what_cannot_be_is_said(settings: Any, wrong: dict[str, Any]) -> None:
    settings.SYNCOPS = wrong
    with pytest.raises(ConfigurationError):
        conf.get()


def test_D22_the_environment_sets_every_number() -> None:
    numbers = [each.name for each in fields(Settings) if each.type in {"int", "float", "float | None"}]
    wanted = {name: str(40 + place) for place, name in enumerate(numbers)} | {"LEASE": "500", "SETTLE": "0.5"}
    environment = {f"SYNCOPS_{name}": value for name, value in wanted.items()}
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django; django.setup(); from syncops import conf; import json, dataclasses;"
            f" found = conf.get(); print(json.dumps({{name: getattr(found, name) for name in {numbers!r}}}))",
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SYNCOPS_HOME": os.environ["SYNCOPS_HOME"],
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    found = json.loads(told.stdout)
    assert {name: float(value) for name, value in found.items()} == {
        name: float(value) for name, value in wanted.items()
    }
    assert {
        "LEASE",
        "SWEEP",
        "TIMEOUT",
        "RETRY_BASE",
        "SETTLE",
        "BREAKER_AFTER",
        "TURN",
        "BATCH_LIMIT",
    } <= set(numbers)


def test_secrets_come_from_the_environment_by_slug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCOPS_EU_WEST_TOKEN", "t")
    monkeypatch.setenv("SYNCOPS_EU_WEST_SECRET", "s")
    monkeypatch.setenv("SYNCOPS_EU_TOKEN", "other")
    assert conf.credentials("eu-west") == {"token": "t", "secret": "s"}


def test_secrets_come_from_a_callable(settings: Any) -> None:
    settings.SYNCOPS = {"CREDENTIALS": "tests.unit.test_conf.vault"}
    assert conf.credentials("eu") == {"token": "of eu"}


def vault(store: str) -> dict[str, str]:
    return {"token": f"of {store}"}
