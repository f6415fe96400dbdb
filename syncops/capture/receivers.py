"""What Django stores about one receiver, read without trusting its layout, and said in words.

The rule: the tuple is read by what its parts are, never by how many there are. Tools that unpacked a fixed
number of parts broke at Django 5.0 and again at 6.1. Nothing here calls a receiver.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Literal, NamedTuple
from weakref import ReferenceType

import django

Owner = Literal["django", "syncops", "third party", "project"]

#: The second part of a lookup key for `sender=None` (django.dispatch.dispatcher.NONE_ID).
ANY_SENDER = id(None)

_DJANGO = f"{Path(django.__file__).absolute().parent}{os.sep}"
_SYNCOPS = f"{Path(__file__).absolute().parents[1]}{os.sep}"
_STDLIB = f"{Path(os.__file__).absolute().parent}{os.sep}"
_WRAPPERS = 20


class Connection(NamedTuple):
    """One entry of `Signal.receivers`.

    `target` is the receiver, or what is left of it: the function of a method whose object is gone, else None.
    `uid` is the user's `dispatch_uid`, or None where Django made the key from ids.
    `sender_ref` is a weak reference to the sender: Django 6.0 and later, where the sender allows one.
    """

    target: object
    uid: object
    sender_key: object
    sender_ref: ReferenceType[Any] | None
    weak: bool
    dead: bool
    is_async: bool


class Place(NamedTuple):
    """Where a receiver's code is. `file` and `line` are None for code that has none (C, or already gone)."""

    path: str
    file: str | None
    line: int | None
    owner: Owner


def make_id(target: object) -> object:
    """The key Django makes of a receiver or a sender (dispatcher._make_id, the same in 5.2, 6.0 and 6.1)."""
    if hasattr(target, "__func__"):
        return (id(target.__self__), id(target.__func__))  # type: ignore[attr-defined]
    return id(target)


def read_entry(entry: tuple[Any, ...]) -> Connection:
    """`entry` of `Signal.receivers` as a Connection.

    Django 5.2: `(lookup_key, receiver, is_async)`. Django 6.0 and 6.1: `(lookup_key, receiver, sender_ref,
    is_async)`. The lookup key is `(dispatch_uid or id of the receiver, id of the sender)`.
    """
    (key, sender_key), held, *rest = entry
    sender_ref = next((part for part in rest if isinstance(part, ReferenceType)), None)
    is_async = next((part for part in rest if isinstance(part, bool)), False)
    weak = isinstance(held, ReferenceType)
    target = held() if weak else held
    gone = target is None
    return Connection(
        # WeakMethod keeps the function apart from its object, so a dead one can still be named.
        target=getattr(held, "_func_ref", lambda: None)() if gone else target,
        uid=_user_uid(key, target),
        sender_key=sender_key,
        sender_ref=sender_ref,
        weak=weak,
        dead=gone or (sender_ref is not None and sender_ref() is None),
        is_async=is_async,
    )


def _user_uid(key: object, target: object) -> object:
    if target is not None:
        return None if key == make_id(target) else key
    # The receiver is gone and cannot be compared: only a whole number or a pair of them can be Django's.
    parts = key if isinstance(key, tuple) and len(key) == 2 else (key,)
    return None if all(type(part) is int for part in parts) else key


def dotted(kind: type) -> str:
    """The dotted path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def owner_of(file: str | None) -> Owner:
    """Whose code lives in `file`; where there is no file, the project's: its people are to look into it."""
    if file is None:
        return "project"
    if file.startswith(_SYNCOPS):
        return "syncops"
    if file.startswith(_DJANGO):
        return "django"
    installed = not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
    return "third party" if installed or file.startswith(_STDLIB) else "project"


def locate(receiver: object) -> Place:
    """Name and place of any callable: function, lambda, partial, bound method, callable object, class.

    A partial and a decorated function (`__wrapped__`) are named after what they wrap. A method or an object
    belongs to the owner of its class, so a project's subclass of an installed class is the project's.
    """
    target = _unwrapped(receiver)
    if isinstance(target, FunctionType):
        return _function_place(target)
    if isinstance(target, type):
        return Place(dotted(target), *_class_place(target), owner_of(_module_file(target)))
    if isinstance(target, MethodType):
        kind = target.__self__ if isinstance(target.__self__, type) else type(target.__self__)
        return _method_place(kind, target.__func__)
    if inspect.isbuiltin(target):
        return Place(f"{target.__module__ or 'builtins'}.{target.__qualname__}", None, None, "third party")
    return _method_place(type(target), inspect.getattr_static(type(target), "__call__", None), "__call__")


def _unwrapped(receiver: object) -> object:
    # Counted, because a proxy may answer any attribute with itself.
    for _ in range(_WRAPPERS):
        if isinstance(receiver, functools.partial):
            receiver = receiver.func
            continue
        inner = None if isinstance(receiver, MethodType) else getattr(receiver, "__wrapped__", None)
        if not callable(inner):
            break
        receiver = inner
    return receiver


def _function_place(function: FunctionType) -> Place:
    file, line = function.__code__.co_filename, function.__code__.co_firstlineno
    path = f"{function.__module__}.{function.__qualname__}"
    if function.__name__ == "<lambda>":
        path += f" ({Path(file).name}:{line})"
    return Place(path, file, line, owner_of(file))


def _method_place(kind: type, function: object, name: str | None = None) -> Place:
    name = name or getattr(function, "__name__", type(function).__name__)
    code = getattr(_unwrapped(function), "__code__", None)
    file, line = (code.co_filename, code.co_firstlineno) if code else (None, None)
    return Place(f"{dotted(kind)}.{name}", file, line, owner_of(_module_file(kind) or file))


def _module_file(kind: type) -> str | None:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file if isinstance(file, str) else None


def _class_place(kind: type) -> tuple[str | None, int | None]:
    file = _module_file(kind)
    try:
        return file, inspect.findsource(kind)[1] + 1
    except (OSError, TypeError):  # made at run time, or only compiled: the file is all there is to say
        return file, None
