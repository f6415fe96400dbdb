"""The settings of the project that runs syncops on its own.

The rule: everything comes from the environment, and every default is embedded, so that an empty environment
gives SQLite, no broker, and delivery by the command line itself.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import fields
from pathlib import Path

import dj_database_url

from syncops.conf import Settings, celery_settings

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("SYNCOPS_HOME") or BASE_DIR / ".syncops")


def _secret_key() -> str:
    """`DJANGO_SECRET_KEY`, or one of this machine's own, kept readable for its owner only."""
    if key := os.environ.get("DJANGO_SECRET_KEY"):
        return key
    file = HOME / "secret_key"
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return file.read_text()


def _syncops() -> dict[str, object]:
    """Every number of `syncops.conf.Settings` from `SYNCOPS_<NAME>`, where the environment gives it."""
    found: dict[str, object] = {}
    for each in fields(Settings):
        text = os.environ.get(f"SYNCOPS_{each.name}")
        if text and each.type in {"int", "float", "float | None"}:
            found[each.name] = int(text) if each.type == "int" else float(text)
    return found


SECRET_KEY = _secret_key()
DEBUG = os.environ.get("DJANGO_DEBUG", "") == "1"
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "syncops",
    "cli",
    "project.catalog",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": dj_database_url.config(default=f"sqlite:///{HOME / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    HOME.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        # A writer takes its lock when the transaction begins, so that two never fail each other at COMMIT.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"

SYNCOPS = {"CELERY_APP": "project.celery.app", **_syncops()}
globals().update(celery_settings(os.environ.get("SYNCOPS_BROKER_URL", ""), SYNCOPS))
# A queue of its own: another application's workers on the same broker would throw our hints away.
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("SYNCOPS_QUEUE", "syncops")
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "celerybeat-schedule")
