"""What every provider promises, as a suite of tests: `ProviderContract`.

The rule: whatever the marketplace does, a provider says truly what it knows. A call that may have been
applied is never called refused, an item is believed only by its sku, and no exception's text holds a secret.

    class TestAcme(ProviderContract):
        secrets = ("s3cret-token",)

        @pytest.fixture
        def fake(self):
            with AcmeFake() as fake:          # a syncops.testing.Fake
                yield fake

        def make_provider(self, fake):
            return Acme("eu", {"base_url": fake.url}, {"token": "s3cret-token"})

What the provider's own attributes rule out (`echoes`, `names`, `atomicity`, …) and what the fake cannot do is
skipped, with the reason. The tests touch no database.
"""

from __future__ import annotations

from syncops.testing.contract.calls import CallTests
from syncops.testing.contract.items import ItemTests


class ProviderContract(ItemTests, CallTests):
    """Inherit it as `Test…`, give it a fixture `fake` and `make_provider`."""
