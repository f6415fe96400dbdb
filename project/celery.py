"""The Celery application: `celery -A project worker` and `celery -A project beat`.

The rule: it is not imported by the package itself, so that a command which sends nothing does not pay for it.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
