"""The admin pages of syncops: stores are edited here, everything else is looked at.

The rule: a page writes nothing but Stores. What waits, what was sent and what failed is written by capture and
delivery alone, so those pages refuse every POST.
"""

from __future__ import annotations

from syncops.admin import records, stores

__all__ = ["records", "stores"]
