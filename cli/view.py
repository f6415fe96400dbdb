"""What a verb hands over to be shown, and the formats in which it can be.

The rule: this module is imported by every verb, so it imports next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from cli.exits import of_ending, of_error, worst

if TYPE_CHECKING:
    from syncops.errors import SyncopsError
    from syncops.values import Ending


class Format(StrEnum):
    """What `--format` takes."""

    TABLE = "table"
    PLAIN = "plain"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def structured(self) -> bool:
        """Whether a failure is told on stdout too, as an object."""
        return self in (Format.JSON, Format.NDJSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a verb has to show.

    `payload` is the JSON document without its `schema`, `ok` and `exit_code`; `columns` and `rows` are the
    same for the other formats (without columns, the payload's plain values are shown, one a line), and
    `headings` shorter names of the columns for a table. `notes` and `next` are talk: what happened, and which
    command is useful now. `error` is why an operation did not do its work, where there is also something to
    show. `run` is the Run whose exit code this one is. `schema` may be left empty: the verb knows its own.
    """

    schema: str = ""
    payload: Mapping[str, object] = field(default_factory=dict)
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    headings: Sequence[str] = ()
    title: str = ""
    ending: Ending | Sequence[Ending] = ()
    notes: Sequence[str] = ()
    next: Sequence[str] = ()
    error: SyncopsError | None = None
    run: int | None = None

    @property
    def exit_code(self) -> int:
        """The worst of its endings and its error."""
        endings = self.ending if isinstance(self.ending, Sequence) else (self.ending,)
        codes = [of_ending(ending) for ending in endings]
        return worst(codes if self.error is None else [*codes, of_error(self.error)])
