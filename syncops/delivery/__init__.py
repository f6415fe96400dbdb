"""Delivery: one turn of one lane.

The rule: the Change ids are read first, the price in a later statement, then comes the call, then exactly those
ids are settled under the fencing token. Nothing is called inside a database transaction.
"""

from __future__ import annotations

from syncops.delivery.calls import Delivery, Means
from syncops.delivery.preview import Preview, preview
from syncops.delivery.turn import deliver

__all__ = ["Delivery", "Means", "Preview", "deliver", "preview"]
