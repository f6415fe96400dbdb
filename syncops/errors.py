"""Every exception that syncops raises on purpose, in one tree.

The rule: an exception means that the operation could not be done; a Result says how it went, item by item.
One bad SKU never raises out of a batch. The docstring of a class is its default message, and `hint` says
what to do next.

    SyncopsError                    .hint
    ├── ConfigurationError          settings or a registration are wrong (also a system check)
    ├── UsageError                  the operator asked for something impossible
    ├── InputRefused                a file from outside is not what it has to be   .code
    ├── GuardRail                   a rail stopped the operation before its first write   .code
    ├── Unavailable                 temporary: try again later
    │   └── LaneHeld                another holder has the lane of this store
    ├── LeaseLost                   the fencing token is no longer ours
    ├── InsideTransaction           a call to a marketplace was asked for inside a database transaction
    └── ProviderError               the whole call failed   .status .request_id
        ├── Unreachable             nothing was sent
        ├── OutcomeUnknown          sent, and no usable answer
        ├── ServerFault             5xx
        ├── Throttled               408, 425, 429   .retry_after
        ├── Unauthorized            401, 403
        ├── EndpointMissing         404, 405, 410
        ├── CallRefused             400, 413, 422 for the whole call
        └── Conflict                409
"""

from __future__ import annotations


class SyncopsError(Exception):
    """Something that syncops could not do."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        self.hint = hint

    @property
    def advice(self) -> str:
        """The message and what to do next, in one line."""
        return f"{self} {self.hint}".strip()

    @property
    def code(self) -> str:
        """A stable word for machines: the class name, or what a subclass was given."""
        return type(self).__name__


class ConfigurationError(SyncopsError):
    """The settings or a Source declaration are wrong."""


class UsageError(SyncopsError):
    """That cannot be asked for."""


class _Coded(SyncopsError):
    """An error whose code comes from the table in docs/import.md."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self._code = code

    @property
    def code(self) -> str:
        return self._code


class InputRefused(_Coded):
    """The file was refused; nothing was written."""


class GuardRail(_Coded):
    """A guard rail refused the operation; nothing was written."""


class Unavailable(SyncopsError):
    """Something that is needed does not answer at the moment."""


class LaneHeld(Unavailable):
    """Another holder has the lane of this store."""


class LeaseLost(SyncopsError):
    """The lease of the lane was lost; its new holder settles instead."""


class InsideTransaction(SyncopsError):
    """A marketplace is never called inside a database transaction."""


class ProviderError(SyncopsError):
    """The call to the marketplace failed as a whole.

    `status` is the HTTP status where there was one, `request_id` the marketplace's own name for the call.
    A provider never puts a credential into the message.
    """

    def __init__(
        self, message: str = "", *, hint: str = "", status: int | None = None, request_id: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.request_id = request_id


class Unreachable(ProviderError):
    """The marketplace could not be reached; nothing was sent."""


class OutcomeUnknown(ProviderError):
    """The call was sent and its outcome is unknown: it may have been applied."""


class ServerFault(ProviderError):
    """The marketplace failed (5xx).

    `answered_before_body` is true only where the provider knows that the request's body was not sent.
    """

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        status: int | None = None,
        request_id: str = "",
        answered_before_body: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, status=status, request_id=request_id)
        self.answered_before_body = answered_before_body


class Throttled(ProviderError):
    """The marketplace asks for fewer calls.

    `retry_after` is in seconds from now, or None where the marketplace did not say.
    """

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        status: int | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status, request_id=request_id)
        self.retry_after = retry_after


class Unauthorized(ProviderError):
    """The marketplace does not accept the credentials of this store."""


class EndpointMissing(ProviderError):
    """The marketplace has nothing at this address."""


class CallRefused(ProviderError):
    """The marketplace refused the call as a whole and applied nothing."""


class Conflict(ProviderError):
    """The marketplace saw a conflicting change (409)."""
