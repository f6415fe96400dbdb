"""`python -m project.marketplace`: the sandbox marketplace on its own, until SIGTERM or SIGINT.

The rule: the token comes from the environment, never from the command line, where other users could read it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from project.marketplace.server import Marketplace

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; the exit status (2: cannot start as asked)."""
    options = _parser().parse_args(arguments)
    token = os.environ.get(options.token_env, "")
    if not token:
        sys.stderr.write(f"the environment variable {options.token_env} holds no token\n")
        return 2
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    try:
        marketplace = Marketplace(
            token=token,
            batch_limit=options.batch_limit,
            file=options.file,
            host=options.host,
            port=options.port,
            strict=options.strict,
            keep_items=options.keep_items,
        )
    except (OSError, OverflowError, ValueError) as error:
        sys.stderr.write(f"the marketplace cannot start: {error}\n")
        return 2
    with marketplace:
        if options.announce:
            sys.stdout.write(json.dumps({"url": marketplace.url}) + "\n")
            sys.stdout.flush()
        else:
            sys.stderr.write(f"the marketplace answers at {marketplace.url}\n")
        asked_to_stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m project.marketplace", description="A marketplace to try things on."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--file", type=Path, help="SQLite file to keep everything in (default: memory)")
    parser.add_argument(
        "--token-env",
        default="SYNCOPS_SANDBOX_TOKEN",
        metavar="NAME",
        help="environment variable that holds the token (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-limit", type=int, default=100, help="items in a call at most (default: %(default)s)"
    )
    parser.add_argument(
        "--strict",
        action="append",
        default=[],
        metavar="STORE",
        help="a store that refuses unknown skus; repeatable",
    )
    parser.add_argument(
        "--keep-items", type=int, metavar="N", help="received items kept in the call log (default: all)"
    )
    parser.add_argument("--announce", action="store_true", help='print {"url": ...} on stdout when ready')
    return parser


if __name__ == "__main__":
    sys.exit(main())
