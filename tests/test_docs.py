"""The docs hold: every block is run, every command, setting and code in them is real (T16).

A block says how it is tested by a comment before it; CONTRIBUTING.md lists the comments. The pages run in a
throwaway project of their own, in processes of their own, with an environment that has nothing of ours.
"""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import reference
from cli.main import app
from syncops import conf

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: Pages with blocks that are run, in a throwaway project.
RUN = ["README.md", "docs/quickstart.md", "docs/models.md", "docs/providers.md", "docs/operations.md"]
PAGES = [*RUN, "docs/import.md", "docs/decisions.md", "CONTRIBUTING.md", "CHANGELOG.md"]

#: How a block may be tested, by its language; None: it needs no comment.
KINDS: dict[str, set[str | None]] = {
    "bash": {"run", "background", "make", "read"},
    "python": {"file", "append", "exec", "compile"},
    "text": {None, "output", "file"},
    "http": {None},
    "ini": {None},
}
#: Options in the docs that belong to other programs.
FOREIGN = {"--editable", "--concurrency", "--loglevel", "--schedule"}

TIMEOUT = 120


@dataclass(frozen=True)
class Block:
    """One fenced block, or a comment that stands for itself (`shows`)."""

    page: str
    line: int
    language: str
    kind: str | None
    argument: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order, each with the comment just before it."""
    found: list[Block] = []
    inside: list[str] | None = None
    comment, language, start = "", "", 0
    for number, line in enumerate(read(page).splitlines(), 1):
        if inside is not None:
            if line.startswith("```"):
                kind, _, argument = comment.partition(" ")
                found.append(Block(page, start, language, kind or None, argument, "\n".join(inside) + "\n"))
                comment, inside = "", None
            else:
                inside.append(line)
        elif line.startswith("```"):
            language, start, inside = line[3:].strip(), number, []
        elif marked := re.fullmatch(r"<!-- test: (.*) -->", line):
            comment = marked[1]
            if comment.startswith("shows "):
                found.append(Block(page, number, "", "shows", comment.removeprefix("shows "), ""))
                comment = ""
        elif line.strip():
            assert not comment, f"{page}:{number}: the comment before this line is about no block"
    assert inside is None, f"{page}: a block is not closed"
    return found


def block(page: str, kind: str, argument: str) -> Block:
    return next(each for each in blocks(page) if (each.kind, each.argument) == (kind, argument))


# The blocks


@pytest.mark.parametrize("page", PAGES)
def test_T16_every_block_says_how_it_is_tested(page: str) -> None:
    for each in blocks(page):
        if each.kind == "shows":
            continue
        assert each.language in KINDS, f"{each}: no test knows {each.language!r}"
        assert each.kind in KINDS[each.language], f"{each}: {each.language} cannot be {each.kind!r}"
        if each.kind in {"file", "append"}:
            assert each.argument, f"{each}: which file?"
        if each.kind in {"run", "background", "file", "append", "exec", "output"}:
            assert page in RUN, f"{each}: nothing runs this page"


@pytest.mark.parametrize("page", PAGES)
def test_T16_blocks_that_are_not_run_can_be_read(page: str) -> None:
    for each in blocks(page):
        if each.language == "python":
            compile(each.text, str(each), "exec")
        elif each.language == "ini":
            parser = configparser.ConfigParser(interpolation=None, strict=True)
            parser.read_string(each.text)
            assert parser.has_option("Service", "ExecStart"), each
        elif each.language == "http":
            for body in re.findall(r"(?<=\n\n)\{.*\}", each.text, re.DOTALL):
                json.loads(body)


@pytest.mark.parametrize("page", PAGES)
def test_T16_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for each in blocks(page):
        if each.kind == "make":
            program, *words = each.text.split()
            assert program == "make"
            assert set(words) <= targets, each


def test_T16_the_readme_names_the_two_commands_of_a_newcomer() -> None:
    made = [each.text.strip() for each in blocks("README.md") if each.kind == "make"]
    assert made == ["make demo", "make test"]


class Reader:
    """Somebody who follows a page in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.folder.mkdir()
        self.variables = folder / "variables.sh"
        self.variables.write_text("")
        self.said = ""
        self.sandbox: subprocess.Popen[str] | None = None
        self.url = ""
        self.ready: Callable[[], object] | None = None
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(folder),
            "SYNCOPS_HOME": str(folder / "home"),
            "SYNCOPS_SANDBOX_PORT": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        }

    def follow(self, each: Block) -> None:
        """Do what a block says. Nothing of a block that is only to be read."""
        match each.kind:
            case "file":
                self.write(each.argument, each.text)
            case "append":
                self.write(each.argument, (self.folder / each.argument).read_text() + "\n\n" + each.text)
            case "run":
                self.prepare()
                self.shell(each.text, each)
            case "exec":
                self.prepare()
                setup = "import django\ndjango.setup()\n"
                self.program(
                    [sys.executable, "-c", setup + each.text], each, DJANGO_SETTINGS_MODULE="mysite.settings"
                )
            case "background":
                self.start(each)
            case "output":
                said = " ".join(self.said.split())
                for line in filter(str.strip, each.text.splitlines()):
                    assert " ".join(line.split()) in said, f"{each}: {line!r} is not in\n{self.said}"
            case "shows":
                path, text = each.argument.split()
                with urllib.request.urlopen(self.url + path, timeout=TIMEOUT) as answer:
                    assert text in answer.read().decode(), f"{each}: {text!r} is not on {path}"

    def prepare(self) -> None:
        """Whatever has to be there before the first command, once."""
        ready, self.ready = self.ready, None
        if ready is not None:
            ready()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def shell(self, text: str, where: object = "") -> None:
        """Run a script; what it exports is there for the next one."""
        text = text.replace("http://127.0.0.1:8765", self.url or "http://127.0.0.1:8765")
        variables = shlex.quote(str(self.variables))
        script = f"set -euo pipefail\n. {variables}\n{text}\nexport -p > {variables}\n"
        self.program(["bash", "-c", script], where)

    def program(self, words: list[str], where: object, **more: str) -> None:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{self.said}"

    def start(self, each: Block) -> None:
        """Start what goes on until Ctrl-C, and wait until it says where it answers."""
        self.sandbox = subprocess.Popen(
            ["bash", "-c", f"set -eu\n{each.text}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.sandbox.stderr is not None
        said = self.sandbox.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address, f"{each} said {said!r}"
        self.url = address[0]

    def stop(self) -> None:
        """End what was started."""
        if self.sandbox is None:
            return
        os.killpg(self.sandbox.pid, signal.SIGTERM)
        self.sandbox.communicate(timeout=TIMEOUT)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = Reader(tmp_path)
    try:
        yield found
    finally:
        found.stop()


def give_a_project(reader: Reader, page: str) -> None:
    """The project that the quickstart makes, for the pages that suppose one."""
    start = "docs/quickstart.md"
    reader.shell(blocks(start)[1].text)  # syncops --version
    reader.shell("django-admin startproject mysite .\npython manage.py startapp shop\n")
    reader.follow(block(start, "append", "mysite/settings.py"))
    if page != "docs/models.md":
        reader.follow(block(start, "file", "shop/models.py"))
        reader.follow(block(start, "file", "shop/sync.py"))
    reader.ready = lambda: reader.shell(
        "python manage.py makemigrations --verbosity 0 shop\npython manage.py migrate --verbosity 0\n"
    )


@pytest.mark.parametrize("page", RUN)
def test_T16_a_page_runs_from_top_to_bottom(page: str, reader: Reader) -> None:
    if page != "docs/quickstart.md":
        give_a_project(reader, page)
    done = 0
    for each in blocks(page):
        reader.follow(each)
        done += each.kind in {"run", "exec"}
    assert done, f"{page} runs nothing"


def test_T16_the_readmes_source_marks_a_saved_price(reader: Reader) -> None:
    give_a_project(reader, "README.md")
    reader.follow(block("README.md", "file", "shop/sync.py"))
    program = """
from shop.models import Price, Product
from syncops.models import Change, Store
eu = Store.objects.create(slug="eu", provider="memory")
mug = Product.objects.create(store=eu, sku="A-1", name="Mug")
Price.objects.create(product=mug, amount="12.50")
Change.objects.all().delete()
price = Price.objects.get()
price.amount = 14
price.save()
print("marked:", list(Change.objects.values_list("store", "source")))
"""
    reader.follow(Block("README.md", 0, "python", "exec", "", program))
    assert "marked: [('eu', 'shop.Product')]" in reader.said


def test_T16_the_demo_runs_and_shows_the_second_price(tmp_path: Path) -> None:
    """What `make demo` ends with, without the making of a virtual environment."""
    recipe = re.search(r"^demo:.*\n\t(.*)$", read("Makefile"), re.MULTILINE)
    assert recipe
    assert recipe[1] == "$(BIN)/syncops demo"
    reader = Reader(tmp_path)
    reader.program(["syncops", "demo", "--json", "--quiet"], "syncops demo")
    told = json.loads(reader.said)
    assert told["imported"] > 100
    assert told["second_price"] != told["first_price"]
    assert told["sandbox_pid"] is None


# What the text says


def spans(page: str) -> Iterator[str]:
    """The code in a page: its inline spans, and the lines of its shell and text blocks."""
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", text)
    for each in blocks(page):
        if each.language in {"bash", "text"} and each.kind != "output":
            yield from each.text.splitlines()


def commands(text: str) -> list[list[str]]:
    """The words after each `syncops` that is a command in a piece of code."""
    plain = re.split(r"\s#\s", text)[0]
    found = re.findall(r"(?:^|[\s/`])syncops[ \t]+([^`>|;&]+)", plain)
    return [each.split() for each in found]


def faults(words: list[str]) -> str:
    """What is wrong with the words of a command; "" where nothing is."""
    here: Any = typer.main.get_command(app)
    flags = {flag for each in here.params for flag in each.opts} | {"--help", "-h"}
    for word in words:
        verbs = getattr(here, "commands", None)
        if word.startswith("-"):
            if word.split("=")[0] not in flags:
                return f"{here.name} has no option {word}"
        elif verbs is not None and (word.islower() or "-" in word):
            if word not in verbs:
                return f"there is no verb {word}"
            here = verbs[word]
            flags = {flag for each in here.params for flag in each.opts} | {"--help", "-h"}
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_T16_every_verb_and_option_exists(page: str) -> None:
    wrong = [f"{text!r}: {why}" for text in spans(page) for words in commands(text) if (why := faults(words))]
    assert not wrong, f"{page}: {wrong}"


def test_T16_the_check_of_commands_finds_what_is_wrong() -> None:
    assert faults(["replay", "--all"]) == "there is no verb replay"
    assert faults(["flush", "--nope"]) == "flush has no option --nope"
    assert faults(["stores", "drop"]) == "there is no verb drop"
    assert faults(["stores", "add", "eu", "--provider", "http"]) == ""
    assert commands("cd x && .venv/bin/syncops flush --quiet >/dev/null") == [["flush", "--quiet"]]


def every_option() -> set[str]:
    found: set[str] = {"--help"}
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        found |= {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
        waiting += getattr(command, "commands", {}).values()
    return found


@pytest.mark.parametrize("page", PAGES)
def test_T16_every_option_that_is_spoken_of_exists(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
    named = {
        flag for span in re.findall(r"`([^`\n]+)`", text) for flag in re.findall(r"(?<!\S)--[a-z-]+", span)
    }
    assert named - FOREIGN <= every_option(), f"{page}: {sorted(named - FOREIGN - every_option())}"


def test_T16_the_readme_names_every_verb() -> None:
    table = read("README.md")
    root: Any = typer.main.get_command(app)
    missing = [name for name in root.commands if f"`syncops {name}" not in table]
    assert not missing


def test_T16_the_reference_is_what_the_command_line_says() -> None:
    assert reference.PAGE == DOCS / "commands.md"
    assert reference.PAGE.exists(), "run: make docs"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.text(), "run: make docs"


def rows(page: str) -> dict[str, list[str]]:
    """The rows of every table of a page by the code in their first cell."""
    found: dict[str, list[str]] = {}
    for line in read(page).splitlines():
        if line.startswith("| `"):
            first, *rest = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            for name in re.findall(r"`([^`]+)`", first):
                found[name] = rest
    return found


def test_T16_every_setting_is_in_the_docs_with_its_default() -> None:
    table = rows("docs/operations.md")
    settings = conf.Settings()
    for each in fields(settings):
        assert each.name in table, f"{each.name} is missing in docs/operations.md"
        assert ast.literal_eval(table[each.name][0].strip("`")) == getattr(settings, each.name), each.name


def test_T16_no_setting_is_in_the_docs_that_does_not_exist() -> None:
    known = {each.name for each in fields(conf.Settings)}
    named = set(re.findall(r'SYNCOPS\["([A-Z_]+)"\]', "".join(map(read, PAGES))))
    assert named
    assert named <= known


def test_T16_every_verdict_is_in_the_docs() -> None:
    table = rows("docs/operations.md")
    names: set[str] = set()
    for path in ("syncops/retry.py", "syncops/delivery/turn.py"):
        for node in ast.walk(ast.parse(read(path))):
            called = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Verdict"
            )
            if called and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                names.add(str(node.args[0].value))
    assert len(names) > 10
    assert names <= set(table), sorted(names - set(table))


CODE = re.compile(r"\b[EFGW]_[A-Z]+(?:_[A-Z]+)*\b")


def codes_of_the_program() -> set[str]:
    paths = [*(ROOT / "syncops" / "importing").glob("*.py"), ROOT / "syncops" / "operations" / "import_.py"]
    return {code for path in paths for code in CODE.findall(path.read_text(encoding="utf-8"))}


def test_T16_every_code_of_an_import_is_in_the_docs() -> None:
    known = codes_of_the_program()
    assert len(known) > 15
    missing = known - set(rows("docs/import.md"))
    assert not missing, sorted(missing)


def test_T16_no_code_is_in_the_docs_that_the_program_has_not() -> None:
    named = {code for page in PAGES for code in CODE.findall(read(page))}
    assert named <= codes_of_the_program()


def test_T16_every_system_check_is_in_the_docs() -> None:
    paths = (ROOT / "syncops" / "checks").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    known = set(re.findall(r"\b[EW]0\d\d\b", text))
    assert len(known) > 10
    assert {f"syncops.{each}" for each in known} <= set(rows("docs/operations.md"))


def test_T16_every_dependency_has_its_reason() -> None:
    table = read("docs/decisions.md")
    named = re.findall(r"^([a-z][a-z0-9-]*)", read("requirements.txt"), re.MULTILINE)
    assert named
    missing = [name for name in named if not re.search(rf"^\| {name} \| \S", table, re.MULTILINE)]
    assert not missing


def test_T16_the_floors_in_the_docs_are_those_of_the_contract() -> None:
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    drawn = [each.text.splitlines() for each in blocks("CONTRIBUTING.md") if each.language == "text"]
    assert contract["layers"] in drawn


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, "docs/commands.md"])
def test_T16_every_link_leads_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert path.is_file(), f"{page}: {target}"
        assert path.is_relative_to(ROOT), f"{page}: {target} is outside"
        if anchor:
            assert anchor in anchors(path), f"{page}: {target}"


def test_T16_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for target in re.findall(r"\]\(([^)#\s]+\.md)", path.read_text(encoding="utf-8")):
            following = (path.parent / target).resolve()
            if following.is_file() and following not in seen:
                waiting.append(following)
    assert not set(DOCS.glob("*.md")) - seen


@pytest.mark.parametrize("page", [*PAGES, "docs/commands.md"])
def test_T16_no_path_of_a_machine_is_in_the_docs(page: str) -> None:
    found = re.findall(r"(?<![\w.])/(?:home|Users|root|work|tmp|private|mnt)/\S*|\b[A-Z]:\\\S*", read(page))
    assert not found
    assert str(ROOT) not in read(page)
