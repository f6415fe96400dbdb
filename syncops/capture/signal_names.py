"""Every Signal object of a Python program, by the name a reader would look for.

The rule: finding wakes nothing; objects are judged by `type()`, never by `isinstance`, which asks lazy
objects for their `__class__`.

Signals are found twice. The attributes of loaded modules give names, but miss a signal that sits in a class
or a container; `gc.get_objects()` sees those, but has no names and is blind after `gc.freeze()`. Together
they cost about 20 ms for Django's own apps, next to 300 ms of `django.setup()`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, cast

from django.dispatch import Signal

from syncops.capture.receivers import Owner, dotted, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NEARNESS: Mapping[Owner, int] = {"django": 0, "syncops": 1, "third party": 2, "project": 3}


def named_signals(heap: Sequence[object]) -> dict[str, Signal]:
    """Every Signal that a module, or an object of `heap`, holds, by its best dotted name."""
    # By the id of the type: quick on a large heap, and harmless where a metaclass cannot be hashed.
    kinds = {id(kind) for kind in _signal_kinds(Signal)}
    found = {id(thing): cast("Signal", thing) for thing in heap if id(type(thing)) in kinds}
    holders: dict[int, list[tuple[str, str]]] = {}
    for module_name, module in list(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if id(type(value)) in kinds:
                found[id(value)] = value
                holders.setdefault(id(value), []).append((module_name, attribute))
    nameless = found.keys() - holders.keys()
    for kind in heap if nameless else ():
        if issubclass(type(kind), type):
            for attribute, value in list(vars(kind).items()):
                if id(value) in nameless:
                    holders.setdefault(id(value), []).append((dotted(cast("type", kind)), attribute))
    names: dict[str, Signal] = {}
    for key, signal in found.items():
        names[_free_name(_best_name(holders.get(key, [])), signal, names)] = signal
    return names


def is_signal(thing: object) -> TypeGuard[Signal]:
    """Whether `thing` is a Signal, without waking it if it is lazy."""
    return issubclass(type(thing), Signal)


def _signal_kinds(kind: type[Signal]) -> Iterator[type[Signal]]:
    yield kind
    for heir in kind.__subclasses__():
        yield from _signal_kinds(heir)


def _free_name(name: str | None, signal: Signal, taken: Mapping[str, Signal]) -> str:
    if name is not None and name not in taken:
        return name
    base, number = name or f"{dotted(type(signal))} unnamed", 1
    while f"{base} {number}" in taken:
        number += 1
    return f"{base} {number}"


def _best_name(holders: list[tuple[str, str]]) -> str | None:
    """The name under which a signal is defined: importers hold it too.

    A lower package never imports from a higher one, so Django's name beats a project's; then public beats
    private, the module that assigns it beats those that import it, and the shortest wins.
    """
    if len(holders) < 2:
        return ".".join(holders[0]) if holders else None

    def layer(holder: tuple[str, str]) -> tuple[int, bool]:
        private = any(part.startswith("_") for part in ".".join(holder).split("."))
        return (_NEARNESS[owner_of(_file_of(holder[0]))], private)

    lowest = min(map(layer, holders))
    rivals = [holder for holder in holders if layer(holder) == lowest]
    defining = [holder for holder in rivals if _assigns(*holder)] if len(rivals) > 1 else rivals
    return min((".".join(holder) for holder in defining or rivals), key=lambda path: (len(path), path))


def _file_of(module_name: str) -> str | None:
    file = getattr(sys.modules.get(module_name), "__file__", None)
    return file if isinstance(file, str) else None


def _assigns(module_name: str, attribute: str) -> bool:
    file = _file_of(module_name)
    if file is None or not file.endswith(".py"):
        return False
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:  # run from a zip or without sources: the next rule decides
        return False
    # The name comes first in the pattern because a literal start is searched many times faster.
    for match in re.finditer(rf"{re.escape(attribute)}[ \t]*(?::[^=\n]*)?=(?!=)", text):
        if not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
            return True
    return False
