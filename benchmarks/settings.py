"""The project that ships, plus an unwatched twin of its catalogue: the bare side of a comparison.

The rule: everything else is as it is shipped, so that what is measured is what is run.
"""

from __future__ import annotations

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.twin"]
# A broker of the environment must not be told of what is measured here.
CELERY_BROKER_URL = ""
