"""The Django signals that syncops sends.

The rule: they are sent with `send_robust`, so a receiver that raises loses nothing of ours.
Every signal carries `using`, the alias of the database that was written.
"""

from __future__ import annotations

from django.dispatch import Signal

#: Changes of these stores are committed. Arguments: stores (frozenset of slugs), using.
marked = Signal()

#: A store's *Sync product prices* was switched, inside the transaction that switches it.
#: Sent by Store itself, whichever way it was written. Arguments: store (slug), on (bool), using.
store_switched = Signal()

#: A lane delivered items. Arguments: store (slug), skus (tuple), using.
delivered = Signal()

#: A lane stopped by itself until an operator resumes it. Arguments: store (slug), reason, using.
store_paused = Signal()
