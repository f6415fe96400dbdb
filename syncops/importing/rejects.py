"""The rejects file: the rows that were refused, as they were, with the reasons beside them.

The rule: corrected, it imports as it is. A cell that a spreadsheet would run as a formula is written with an
apostrophe before it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from syncops.errors import UsageError
from syncops.importing.rows import RowError, escape

#: The columns that are added to those of the file; the reader passes over columns that it does not know.
ADDED = ("_line", "_code", "_message")


def write_rejects(
    path: str,
    header: Sequence[str],
    delimiter: str,
    rows: Iterable[tuple[list[str], int, list[RowError]]],
) -> int:
    """Write the refused rows to `path`. Returns how many. Raises UsageError where it cannot be written."""
    count = 0
    own = [place for place, name in enumerate(header) if name not in ADDED]
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerow([*(header[place] for place in own), *ADDED])
            for cells, line, errors in rows:
                kept = [neutral(cells[place]) if place < len(cells) else "" for place in own]
                codes = ",".join(dict.fromkeys(error.code for error in errors))
                messages = "; ".join(dict.fromkeys(error.message for error in errors))
                writer.writerow([*kept, line, codes, neutral(escape(messages))])
                count += 1
    except OSError as fault:
        raise UsageError(f"{escape(path)} cannot be written: {fault.strerror}") from None
    return count


def neutral(cell: str) -> str:
    """`cell` so that no spreadsheet runs it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
