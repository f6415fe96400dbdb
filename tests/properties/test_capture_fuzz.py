"""C03: random programs against the oracle "one on_commit hook for each save"."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from django.db import connection, transaction

from project.catalog.models import PriceRecord
from syncops.models import Change
from tests.conftest import make_product

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAMS = int(os.environ.get("SYNCOPS_TEST_PROGRAMS", "5000"))
SEED = int(os.environ.get("SYNCOPS_TEST_SEED", "20260101"))


class Stop(Exception):
    """Leaves a block of a program."""


class Program:
    """One random program; what it does is decided as it runs, by its own randomness."""

    def __init__(self, chance: random.Random, prices: list[PriceRecord], kept: set[str]) -> None:
        self.chance = chance
        self.prices = prices
        self.kept = kept
        self.said: list[str] = []

    def run(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            try:
                self.block(depth=0)
            except Stop:
                self.said.append("stopped")

    def block(self, depth: int) -> None:
        for _ in range(self.chance.randint(1, 4)):
            step = self.chance.choices(
                [self.save, self.nest, self.flat, self.swallow, self.foreign, self.stop],
                [8, 4 if depth < 5 else 0, 2 if depth < 5 else 0, 4 if depth < 5 else 0, 2, 1],
            )[0]
            step(depth)

    def save(self, _depth: int) -> None:
        price = self.chance.choice(self.prices)
        self.said.append(f"save {price.product_id}")
        price.save()
        ref = str(price.product_id)
        transaction.on_commit(lambda: self.kept.add(ref))

    def nest(self, depth: int) -> None:
        self.said.append("atomic {")
        with transaction.atomic():
            self.block(depth + 1)
        self.said.append("}")

    def flat(self, depth: int) -> None:
        self.said.append("atomic(savepoint=False) {")
        with transaction.atomic(savepoint=False):
            self.block(depth + 1)
        self.said.append("}")

    def swallow(self, depth: int) -> None:
        self.said.append("try atomic {")
        try:
            with transaction.atomic():
                self.block(depth + 1)
        except Stop:
            self.said.append("} swallowed")

    def foreign(self, _depth: int) -> None:
        self.said.append("a hook of somebody else")
        transaction.on_commit(lambda: None)

    def stop(self, _depth: int) -> None:
        self.said.append("raise")
        raise Stop


def take() -> set[str]:
    found = set(Change.objects.values_list("ref", flat=True))
    Change.objects.all().delete()
    return found


@pytest.mark.parametrize("shard", range(4))
def test_C03_random_programs_mark_what_one_hook_a_save_would(store: Any, shard: int) -> None:
    prices = [make_product(store, f"A-{number}").price for number in range(6)]
    take()
    for number in range(shard, PROGRAMS, 4):
        kept: set[str] = set()
        program = Program(random.Random(SEED + number), prices, kept)
        program.run()
        assert not connection.in_atomic_block
        assert take() == kept, f"program {number}: {'; '.join(program.said)}"
