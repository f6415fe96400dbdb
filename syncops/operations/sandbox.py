"""`sandbox`: the marketplace to try things on, as a program of its own.

The rule: it is a third party. syncops knows its module's name and its address, and speaks HTTP with it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from syncops.errors import Unavailable, UsageError
from syncops.values import Ending

#: What is run, by name: nothing here imports the project.
MODULE = "project.marketplace"

#: The variable that hands over the token; a token on a command line could be read by other users.
TOKEN = "SYNCOPS_SANDBOX_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(slots=True)
class Sandbox:
    """A running sandbox marketplace."""

    url: str
    token: str = field(repr=False)
    program: subprocess.Popen[str] = field(repr=False)
    ending: Ending = Ending.DONE

    @property
    def pid(self) -> int:
        """What to stop it by."""
        return self.program.pid

    def wait(self) -> int:
        """Until it ends by itself or by a signal; its exit status."""
        return self.program.wait()

    def leave(self) -> None:
        """Let it run on after us."""
        if self.program.stdout is not None:
            self.program.stdout.close()
        # Popen would warn about a child that is meant to outlive us.
        self.program.returncode = 0

    def stop(self) -> None:
        """End it, and make sure that it has ended."""
        if self.program.poll() is None:
            self.program.send_signal(signal.SIGTERM)
            try:
                self.program.wait(10)
            except subprocess.TimeoutExpired:
                self.program.kill()
                self.program.wait()
        for stream in (self.program.stdout, self.program.stderr):
            if stream is not None:
                stream.close()


def start(
    *,
    port: int = 0,
    file: Path | None = None,
    batch_limit: int = 100,
    strict: Sequence[str] = (),
    token: str | None = None,
    alone: bool = False,
) -> Sandbox:
    """Start the sandbox marketplace and wait until it answers.

    `file` keeps its state; without one it forgets. The token is `token`, or $SYNCOPS_SANDBOX_TOKEN, or a new
    one. `alone` lets it outlive the command that started it. Raises UsageError where it cannot be started.
    """
    token = token or os.environ.get(TOKEN) or secrets.token_urlsafe(16)
    words = [
        sys.executable,
        "-m",
        MODULE,
        "--announce",
        "--port",
        str(port),
        "--batch-limit",
        str(batch_limit),
    ]
    if file is not None:
        words += ["--file", str(file)]
    for store in strict:
        words += ["--strict", store]
    program = subprocess.Popen(  # noqa: S603 - our own program, and no shell
        words,
        env={**os.environ, TOKEN: token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if alone else subprocess.PIPE,
        text=True,
        start_new_session=alone,
    )
    announced = program.stdout.readline() if program.stdout is not None else ""
    if not announced:
        _, why = program.communicate()
        raise UsageError(f"The sandbox marketplace did not start: {(why or '').strip() or 'it said nothing'}")
    try:
        url = str(json.loads(announced)["url"])
    except (ValueError, KeyError, TypeError) as error:
        with suppress(ProcessLookupError):
            program.kill()
        raise Unavailable("The sandbox marketplace started and announced nothing usable") from error
    return Sandbox(url, token, program)
