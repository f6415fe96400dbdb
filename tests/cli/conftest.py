"""A throwaway Django site with throwaway verbs, and every door into the command line."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pty
import select
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import main as main_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

_PATHS = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]\n"
_FILES = {
    "site_settings.py": (
        "SECRET_KEY = 'x'\nUSE_TZ = True\nNAME = 'site'\nINSTALLED_APPS = ['cli']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    ),
    "manage.py": (
        "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n"
        + _PATHS
        + "import probes; probes.register()\n"
        "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n"
    ),
    "console.py": "import sys; sys.path.pop(0)\n"
    + _PATHS
    + "import probes; probes.register()\nfrom cli.main import main\nmain()\n",
    "call.py": (
        "import io, os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n"
        + _PATHS
        + "import probes; probes.register()\nimport django; django.setup()\n"
        "from django.core.management import call_command\n"
        "out, err, code = io.StringIO(), io.StringIO(), 0\n"
        "try:\n    call_command(*sys.argv[1:], stdout=out, stderr=err)\n"
        "except SystemExit as leaving:\n    code = leaving.code\n"
        "sys.stdout.write(out.getvalue()); sys.stderr.write(err.getvalue()); sys.exit(code)\n"
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What came out of one run."""

    out: str
    err: str
    code: int


def clean_environment(**extra: str) -> dict[str, str]:
    """Nothing of the shell that runs the tests: no DJANGO_SETTINGS_MODULE, no SYNCOPS_…, no TERM."""
    return {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **extra}


class Site:
    """A directory with a manage.py, settings, and scripts that open each door."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in _FILES.items():
            (path / name).write_text(text)

    def command(self, door: str, *words: str) -> list[str]:
        lead = {"console": [], "manage": ["syncops"], "call": ["syncops"]}[door]
        script = self.path / {"console": "console.py", "manage": "manage.py", "call": "call.py"}[door]
        return [sys.executable, str(script), *lead, *words]

    def run(
        self, door: str, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run to the end, with `env` on top of a clean environment."""
        done = subprocess.run(
            self.command(door, *words),
            cwd=cwd or self.path,
            env=clean_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Outcome(done.stdout.decode(), done.stderr.decode(), done.returncode)

    def start(
        self,
        door: str,
        *words: str,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(door, *words),
            cwd=self.path,
            env=clean_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def both_doors(self, *words: str, env: Mapping[str, str] | None = None) -> Outcome:
        """The outcome of the console script, once manage.py and call_command were seen to give the same."""
        with ThreadPoolExecutor() as doors:
            console, *others = doors.map(
                lambda door: self.run(door, *words, env=env), ("console", "manage", "call")
            )
        for other in others:
            assert (other.out, other.code) == (console.out, console.code), other.err
        return console


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def both_doors(site: Site) -> Callable[..., Outcome]:
    return site.both_doors


@pytest.fixture(scope="session")
def probes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("probes", HERE / "probes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["probes"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def registered(probes: ModuleType) -> Iterator[None]:
    """The throwaway verbs, in this process, for the length of one test."""
    before = list(main_module.app.registered_groups)
    probes.register()
    yield
    main_module.app.registered_groups[:] = before


@pytest.fixture
def obey(
    registered: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run one command line in this process, with an environment of its own."""

    def run(*words: str, **environ: str) -> Outcome:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("SYNCOPS_", "DJANGO_"))]:
                patch.delenv(name)
            for name, value in environ.items():
                patch.setenv(name, value)
            code = main_module.run(list(words))
        streams = capsys.readouterr()
        return Outcome(streams.out, streams.err, code)

    return run


class Terminal:
    """A program that runs with a pseudo terminal for some of its streams, and pipes for the others."""

    def __init__(self, command: Sequence[str], terminals: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        ends = {name: slave if name in terminals.split() else None for name in ("in", "out", "err")}
        self._program = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=ends["in"] if ends["in"] is not None else subprocess.DEVNULL,
            stdout=ends["out"] if ends["out"] is not None else subprocess.PIPE,
            stderr=ends["err"] if ends["err"] is not None else subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            pass_fds=(slave,),
        )
        os.close(slave)
        self.seen = ""

    def read_until(self, text: str) -> None:
        """Read the terminal until `text` has been shown."""
        while text not in self.seen:
            assert self._read(), f"ended without {text!r}: {self.seen!r}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 60)
        assert ready, f"nothing more after {self.seen!r}"
        try:
            block = os.read(self._master, 65536)
        except OSError:  # Linux says EIO once the other side is closed
            return False
        self.seen += block.decode()
        return bool(block)

    def finish(self) -> Outcome:
        """Everything else; pipes as stdout and stderr of the outcome, the terminal in `seen`."""
        while self._read():
            continue
        os.close(self._master)
        out, err = self._program.communicate(timeout=60)
        return Outcome((out or b"").decode(), (err or b"").decode(), self._program.returncode)


@pytest.fixture
def terminal(site: Site) -> Callable[..., Terminal]:
    def start(*words: str, terminals: str = "in out err", **environ: str) -> Terminal:
        return Terminal(
            site.command("console", *words),
            terminals,
            site.path,
            clean_environment(**{"TERM": "xterm-256color", "COLUMNS": "100", **environ}),
        )

    return start
