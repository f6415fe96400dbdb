"""`runs`: what was done, by whom, and how it ended."""

from __future__ import annotations

import pytest

from syncops.errors import UsageError
from syncops.operations import runs

pytestmark = pytest.mark.django_db


def test_a_run_is_listed_newest_first_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCOPS_OPERATOR", "ann")
    first = runs.start("import", store="eu", reason="why", arguments={"file": "p.csv"}, using="default")
    second = runs.start("flush", using="default")
    runs.finish(first, {"changed": 3}, using="default")
    runs.record_exit(first.pk, 4)
    assert [each.run for each in runs.run_list().runs] == [second.pk, first.pk]
    assert [each.run for each in runs.run_list(operation="import").runs] == [first.pk]
    shown = runs.show(first.pk)
    assert (shown.operator, shown.reason, shown.arguments, shown.counts, shown.exit_code) == (
        "ann",
        "why",
        {"file": "p.csv"},
        {"changed": 3},
        4,
    )
    assert shown.finished is not None
    assert runs.show(second.pk).finished is None


def test_without_a_name_it_is_user_and_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCOPS_OPERATOR", raising=False)
    assert "@" in runs.operator()


def test_a_run_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="77"):
        runs.show(77)
