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

if ON_POSTGRESQL:
    import dj_database_url

    DATABASES["default"] = {
        **dj_database_url.parse(POSTGRESQL_URL),
        "TEST": {"NAME": f"test_syncops{SUFFIX}"},
    }
    DATABASES["other"] = {
        **dj_database_url.parse(POSTGRESQL_URL),
        "TEST": {"NAME": f"test_syncops_other{SUFFIX}"},
    }
else:
    folder = Path(HOME)
    DATABASES["default"]["TEST"] = {"NAME": str(folder / "test.sqlite3")}
    DATABASES["other"] = {
        **DATABASES["default"],
        "NAME": str(folder / "other.sqlite3"),
        "TEST": {"NAME": str(folder / "test-other.sqlite3")},
    }
SYNCOPS = {"CELERY_APP": "project.celery.app", "DATABASES": ("default", "other")}
