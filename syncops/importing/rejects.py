"""The rejects file: the rows that were refused, as they were, with the reasons beside them.

The rule: corrected, it imports as it is, and uncorrected it is refused again. A cell that a spreadsheet would
run as a formula is written with an apostrophe before it, and read back without.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from syncops.errors import UsageError
from syncops.importing.rows import Record, RowError, escape

#: The columns that are added to those of the file; the reader passes over columns that it does not know.
ADDED = ("_line", "_code", "_message")

# Apostrophes before it are counted too: only then does reading take away exactly what writing has added.
_FORMULA = re.compile(r"'*[=+\-@\t\r]").match


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
            writer.writerow([*(neutral(header[place]) for place in own), *ADDED])
            for cells, line, errors in rows:
                kept = [cells[place] for place in own] if len(cells) == len(header) else []
                if not kept:
                    # A record that does not fit the header, all in one cell: padded or cut, its cells would
                    # stand under other names, and a price list would come of it that nobody wrote.
                    kept = [_one_line(cells, delimiter), *[""] * (len(own) - 1)]
                codes = ",".join(dict.fromkeys(error.code for error in errors))
                messages = "; ".join(dict.fromkeys(error.message for error in errors))
                writer.writerow([*map(neutral, kept), line, codes, neutral(escape(messages))])
                count += 1
    except OSError as fault:
        raise UsageError(f"{escape(path)} cannot be written: {fault.strerror}") from None
    return count


def neutral(cell: str) -> str:
    """`cell` so that no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA(cell) else cell


def restored(cell: str) -> str:
    """What `neutral` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA(cell) else cell


def is_rejects(header: Sequence[str]) -> bool:
    """Whether a file with these columns is one that we wrote."""
    return tuple(header[-len(ADDED) :]) == ADDED


def restored_record(record: Record) -> Record:
    """A record of a file that we wrote, as it was in the file that it came from."""
    return record._replace(cells=list(map(restored, record.cells)))


def _one_line(cells: Sequence[str], delimiter: str) -> str:
    if len(cells) == 1:
        return cells[0]
    sheet = io.StringIO()
    csv.writer(sheet, delimiter=delimiter, lineterminator="").writerow(cells)
    return sheet.getvalue()
