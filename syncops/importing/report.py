"""What an import was asked, and what it says of itself.

The rule: every row that was read has exactly one fate, and the sum is proved before it is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncops.importing.plan import PriceChange
from syncops.importing.rows import RowError
from syncops.values import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a price list is to be read and applied."""

    store: str | None = None
    source: str | None = None
    dry_run: bool = False
    on_error: Literal["abort", "skip"] = "abort"
    rejects: str | None = None
    decimal: Literal["auto", ".", ","] = "auto"
    encoding: str | None = None
    delimiter: str | None = None
    currency: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    unknown: Literal["reject", "ignore", "create"] = "reject"
    dup: Literal["reject", "last"] = "reject"
    overrides: Mapping[str, str] = field(default_factory=dict)
    deliver: bool = True
    all_changes: bool = False


#: The guard rails that there are, for `--override`.
RAILS = ("G_UNKNOWN",)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was found out about the file."""

    name: str
    sha256: str
    bytes: int
    encoding: str
    delimiter: str
    decimal: str | None
    header_line: int


@dataclass(frozen=True, slots=True)
class Rail:
    """A guard rail that the plan ran into."""

    code: str
    message: str
    overridden_because: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """How an import went. Every row that was read is in exactly one of `rows`."""

    status: Literal["applied", "unchanged", "dry run", "refused", "guarded"]
    file: FileFacts
    rows: Mapping[str, int]
    marked: Mapping[str, int]
    errors: tuple[RowError, ...]
    codes: Mapping[str, int]
    changes: tuple[PriceChange, ...]
    rails: tuple[Rail, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    run: int | None = None
    rejects: str | None = None
    delivered: Any = None  #: what a flush did, where no broker delivers

    @property
    def ending(self) -> Ending:
        if self.status == "refused":
            return Ending.REFUSED
        if self.status == "guarded":
            return Ending.GUARDED
        left = self.rows["rejected"] or self.rows["stale"] or self.codes.get("E_UNKNOWN_SKU")
        return Ending.LEFTOVERS if left else Ending.DONE


def count_rows(read: int, codes: Mapping[str, int], changed: int, created: int) -> dict[str, int]:
    unknown = codes.get("E_UNKNOWN_SKU", 0) + codes.get("W_UNKNOWN_SKU", 0)
    rejected = sum(count for code, count in codes.items() if code.startswith("E_")) - codes.get(
        "E_UNKNOWN_SKU", 0
    )
    good = codes.get("", 0)
    return {
        "read": read,
        "valid": read - rejected,
        "created": created,
        "changed": changed,
        "unchanged": good - changed - created,
        "rejected": rejected,
        "unknown": unknown,
        "duplicate": codes.get("W_DUP", 0),
        "stale": 0,
    }


def prove(counts: Mapping[str, int]) -> None:
    """Every row that was read has one fate; anything else is a bug, and is said before it is believed."""
    fates = ("created", "changed", "unchanged", "rejected", "unknown", "duplicate", "stale")
    if counts["read"] != sum(counts[fate] for fate in fates):
        raise RuntimeError(f"rows are not conserved: {dict(counts)}")
