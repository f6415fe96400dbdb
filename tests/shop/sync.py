from django.db.models import Value

from syncops.sources import Source, Watch, register
from tests.shop.models import Article, Gadget, Offer, Tariff


@register(Article)
class ArticleSource(Source):
    sku, name, store = "code", "title", "stores"
    price, currency = "cost", "money"
    watch = [Watch(Article, fields=("code", "title", "cost", "money"))]


@register(Gadget)
class GadgetSource(Source):
    sku, name, store = "sku", "name", "offers__store"
    price, currency = "variant__tariff__amount", Value("EUR")
    watch = [
        Watch(Gadget, fields=("sku", "name")),
        Watch(Offer, product="gadget", fields=("store",)),
        Watch(Tariff, product="variant__gadget", fields=("amount",)),
    ]
