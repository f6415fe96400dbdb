"""What syncops offers to the tests of those who use it.

The rule: nothing here needs a broker, a worker or a committed transaction, and `marked` needs no pytest.

    marked              what was marked inside a block, in a plain TestCase
    ProviderContract    the suite that every provider has to pass (pytest)
    Fault, Fake         how that suite arranges what a marketplace does
    ScriptedServer      an HTTP server that answers with exactly the bytes it was given
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from syncops.testing.arrangement import Fake, Fault
from syncops.testing.marking import Marked, MarkedRef, marked
from syncops.testing.scripted import ScriptedServer, http_answer

if TYPE_CHECKING:
    from syncops.testing.contract import ProviderContract as ProviderContract

__all__ = [
    "Fake",
    "Fault",
    "Marked",
    "MarkedRef",
    "ProviderContract",
    "ScriptedServer",
    "http_answer",
    "marked",
]

_CONTRACT = "syncops.testing.contract"


def __getattr__(name: str) -> Any:
    if name != "ProviderContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _CONTRACT not in sys.modules:
        import pytest  # here, because `marked` needs none

        # So that a failed assertion of the contract shows its values, as one in a test module does.
        pytest.register_assert_rewrite(_CONTRACT)
    return importlib.import_module(_CONTRACT).ProviderContract
