"""The settings of the test suite: the project that ships, plus a second catalogue of another shape.

`SYNCOPS_TEST_DATABASE=postgresql` runs the same tests on PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SYNCOPS_HOME", tempfile.mkdtemp(prefix="syncops-tests-"))
for name in [name for name in os.environ if name.startswith("SYNCOPS_") and name != "SYNCOPS_HOME"]:
    if not name.startswith("SYNCOPS_TEST_"):
        del os.environ[name]
for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
    os.environ.pop(name, None)
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from project.settings import *  # noqa: E402, F403
from project.settings import DATABASES, HOME, INSTALLED_APPS  # noqa: E402

POSTGRESQL_URL = os.environ.get("SYNCOPS_TEST_POSTGRESQL", "postgres://postgres@127.0.0.1:5432/postgres")
ON_POSTGRESQL = os.environ.get("SYNCOPS_TEST_DATABASE", "sqlite") == "postgresql"

SUFFIX = os.environ.get("SYNCOPS_TEST_SUFFIX", "")

INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Nothing here survives a power cut, and need not: the crash tests kill programs, and use settings of their own.
if ON_POSTGRESQL:
    import dj_database_url

    for alias, name in (("default", "test_syncops"), ("other", "test_syncops_other")):
        DATABASES[alias] = {
            **dj_database_url.parse(POSTGRESQL_URL),
            "OPTIONS": {"options": "-c synchronous_commit=off"},
            "TEST": {"NAME": f"{name}{SUFFIX}"},
        }
else:
    folder = Path(HOME)
    embedded = DATABASES["default"]
    quick = embedded["OPTIONS"] | {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"}
    for alias in ("default", "other"):
        DATABASES[alias] = {
            **embedded,
            "NAME": str(folder / f"{alias}.sqlite3"),
            "OPTIONS": quick,
            "TEST": {"NAME": str(folder / f"test-{alias}.sqlite3")},
        }
SYNCOPS = {"CELERY_APP": "project.celery.app", "DATABASES": ("default", "other")}
