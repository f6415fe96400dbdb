"""The addresses under /_sandbox/: faults on demand, the call log, the statistics.

The rule: only a caller with the token gets here, and no fault ever touches these addresses.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from project.marketplace import faults, protocol
from project.marketplace.protocol import Answer, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from project.marketplace.desk import Desk
    from project.marketplace.traffic import Traffic

METHODS: Mapping[str, tuple[str, ...]] = {
    "/_sandbox/faults": ("GET", "POST", "DELETE"),
    "/_sandbox/log": ("GET",),
    "/_sandbox/stats": ("GET",),
}
#: Calls in one page of the log.
LOG_LIMIT = 1_000


def answer(desk: Desk, traffic: Traffic, *, method: str, path: str, query: str, body: bytes) -> Answer:
    """The answer of one control address. Raises Refused."""
    if path == "/_sandbox/faults":
        if method == "POST":
            _arm(desk, body)
        elif method == "DELETE":
            desk.disarm()
            traffic.release()
        return _json({"faults": desk.armed()})
    if path == "/_sandbox/stats":
        return _json({"stores": desk.calls.stats()})
    wanted = protocol.read_query(query)
    since = protocol.read_whole(wanted, "since", 0)
    limit = min(max(protocol.read_whole(wanted, "limit", LOG_LIMIT), 1), LOG_LIMIT)
    calls = desk.calls.read(wanted.get("store", [None])[-1], since=since, limit=limit + 1)
    more = len(calls) > limit
    return _json({"calls": calls[:limit], "next": calls[limit - 1]["id"] if more else None})


def _arm(desk: Desk, body: bytes) -> None:
    """Arm the rules in `body`, a list of objects or one object; all of them or none. Raises Refused (400)."""
    document = protocol.decode(body)
    try:
        desk.arm(
            [faults.make_rule(entry) for entry in (document if isinstance(document, list) else [document])]
        )
    except faults.BadRule as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "bad_rule", str(error)) from error


def _json(value: object) -> Answer:
    return Answer(HTTPStatus.OK, protocol.encode(value))
