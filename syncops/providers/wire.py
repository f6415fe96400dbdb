"""HTTP as every provider needs it: bounded in time, bounded in size, and classified.

The rule: a call ends by its total deadline, whatever the server does, also where it drips a byte a second; an
answer over 64 MiB, a redirect and a certificate that does not verify are refused. An exception says whether
the marketplace may have seen the call, and never what the call was authorised with.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

from syncops import errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection, Mapping

#: The largest body that is read.
MAX_BODY = 64 * 2**20

#: Seconds at most to connect, and again to agree on TLS; reading is bounded by the deadline.
CONNECT = 5.0

#: The longest wait that is believed: what nine digits of seconds can say, some 31 years.
LONGEST_WAIT = 999_999_999.0

#: What stands in a message in place of a secret.
HIDDEN = "[hidden]"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """The marketplace's own name for the call."""
        return self.headers.get("x-request-id", "")[:200]

    def json(self) -> Any:
        """The body as JSON with Decimals for numbers. Raises OutcomeUnknown where it is none."""
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise errors.OutcomeUnknown(
                "The marketplace answered with something that is not JSON",
                status=self.status,
                request_id=self.request_id,
            ) from error


class Wire:
    """One keep-alive connection to one marketplace.

    `secrets` are texts that no message may repeat, even where the marketplace itself does; `trust` takes the
    place of the public certificate authorities. Raises ConfigurationError for a header that cannot be sent.

    It runs an event loop of its own because only a cancelled task ends at a deadline for sure; a timeout for
    each read does not end a server that drips.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        secrets: Collection[str] = (),
        trust: ssl.SSLContext | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        for name, value in headers.items():
            # The client would say so too, and would repeat the value in its exception.
            if not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", value):
                raise errors.ConfigurationError(
                    f"What was given for the header {name} holds characters that a header cannot carry",
                    hint="Often it is a line break at the end of a token.",
                )
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._max_body = max_body
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            headers=dict(headers),
            verify=trust or _public_trust(),
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # noqa: S113 - each call sets its own
        )

    def discreet(self, text: str) -> str:
        """`text` without the secrets of this wire."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def send(self, method: str, url: str, *, deadline: float, content: bytes | None = None) -> Answer:
        """One call, in at most `deadline` seconds. Raises the ProviderError that its failure means."""
        sent = False

        async def trace(name: str, info: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or name.endswith("send_request_headers.started")

        try:
            answer = self._runner.run(self._send(method, url, deadline, content, trace))
        except (httpx.TimeoutException, TimeoutError) as error:
            raise (errors.OutcomeUnknown if sent else errors.Unreachable)(
                f"No answer within {deadline:g} s"
                if sent
                else f"No connection within {_patience(deadline):g} s"
            ) from error
        except httpx.InvalidURL as error:
            raise errors.EndpointMissing(f"The address is not one: {error}") from error
        except httpx.HTTPError as error:
            kind = errors.OutcomeUnknown if sent else errors.Unreachable
            raise kind(f"{type(error).__name__}: {error}") from error
        return checked(answer, self.discreet)

    async def _send(
        self, method: str, url: str, deadline: float, content: bytes | None, trace: Any
    ) -> Answer:
        headers = {"content-type": "application/json"} if content is not None else {}
        patience = _patience(deadline)
        request = self._client.build_request(
            method,
            url,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(None, connect=patience, pool=patience),
            extensions={"trace": trace},
        )
        async with asyncio.timeout(deadline):
            response = await self._client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._max_body:
                        raise errors.OutcomeUnknown(
                            f"The answer is larger than {self._max_body / 2**20:g} MiB",
                            status=response.status_code,
                        )
            finally:
                await response.aclose()
        told = {name.lower(): self.discreet(value) for name, value in response.headers.items()}
        return Answer(response.status_code, told, bytes(body))

    def close(self) -> None:
        """Close the connection and the loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()


def _patience(deadline: float) -> float:
    """Seconds for each of the two steps to a connection.

    They end before the deadline does: the client closes the socket of a handshake that took too long, but not
    that of one that was cancelled (httpcore 1.0).
    """
    return min(CONNECT, deadline / 2)


@cache
def _public_trust() -> ssl.SSLContext:
    """Public certificate authorities, verified; loading them takes too long to do it for each turn."""
    return httpx.create_ssl_context(trust_env=False)


def checked(answer: Answer, discreet: Callable[[str], str] = str) -> Answer:
    """The answer itself if it is a success, else the ProviderError that its status means.

    `discreet` takes out of the answer's text what no message may hold.
    """
    status = answer.status
    if 200 <= status < 300:
        return answer
    told: dict[str, Any] = {"status": status, "request_id": answer.request_id}
    message = f"HTTP {status}{_excerpt(answer, discreet)}"
    match status:
        case 401 | 403:
            raise errors.Unauthorized(message, **told, hint="Check the token of this store.")
        case 404 | 405 | 410:
            raise errors.EndpointMissing(message, **told, hint="Check base_url and remote_store.")
        case 408 | 425 | 429:
            raise errors.Throttled(message, **told, retry_after=retry_after(answer.headers))
        case 409:
            raise errors.Conflict(message, **told)
        case _ if 400 <= status < 500:
            raise errors.CallRefused(message, **told)
        case _ if status >= 500:
            raise errors.ServerFault(message, **told)
    raise errors.EndpointMissing(
        f"{message}: a redirect is not followed", **told, hint="Put the address it leads to into base_url."
    )


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds from `Retry-After`, which is a number of seconds or an HTTP date (RFC 9110 §10.2.3).

    A date without a zone is UTC, as the oldest of the three forms means it. Junk and negative numbers are
    ignored; a date that has passed is 0; no wait is longer than LONGEST_WAIT.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:400]), LONGEST_WAIT)
    if not text:
        return None
    try:
        when = email.utils.parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return float(min(max(0, math.ceil(seconds)), LONGEST_WAIT))


def _excerpt(answer: Answer, discreet: Callable[[str], str]) -> str:
    """The first words of an error's body, printable, for the message."""
    text = discreet(answer.body.decode("utf-8", "replace"))[:1000]
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": {plain[:200]}" if plain else ""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
