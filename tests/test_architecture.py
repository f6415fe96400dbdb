"""The rules that the layout makes visible, held by reading the code and not by running it.

The rule: each check is also shown something that breaks it, so that none can pass by finding nothing.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("syncops", "cli", "project")
LONGEST = 300
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc"}

Check = Callable[[ast.Module], list[int]]


def modules(*folders: str, tests: bool = False) -> Iterator[Path]:
    """The modules of some packages, without migrations; paths from the root."""
    for folder in (*folders, *(["tests"] if tests else [])):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT)


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def breaches(paths: Iterator[Path], check: Check, *, but: Collection[str] = ()) -> list[str]:
    """Where modules other than `but` do what `check` finds."""
    return [f"{path}:{line}" for path in paths if path.as_posix() not in but for line in check(parse(path))]


# Floors


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout), done.stdout


# Who imports what


def importing(*names: str) -> Check:
    """Finds imports of these packages, or of anything in them."""

    def inside(name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in names)

    def check(tree: ast.Module) -> list[int]:
        found = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(inside(each.name) for each in node.names):
                found.append(node.lineno)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                module = node.module or ""
                if inside(module) or any(inside(f"{module}.{each.name}") for each in node.names):
                    found.append(node.lineno)
        return found

    return check


celery, settings, click = importing("celery", "kombu"), importing("django.conf.settings"), importing("click")


def test_only_tasks_imports_celery() -> None:
    # The project's own Celery application is what tasks.py runs in.
    assert not breaches(modules(*PACKAGES), celery, but={"syncops/tasks.py", "project/celery.py"})
    assert celery(parse(Path("syncops/tasks.py")))


def test_only_conf_reads_settings() -> None:
    assert not breaches(modules("syncops", "cli"), settings, but={"syncops/conf.py"})
    assert settings(parse(Path("syncops/conf.py")))


def test_nobody_imports_click() -> None:
    assert not breaches(modules(*PACKAGES, tests=True), click)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (celery, "import celery"),
        (celery, "def f():\n    from celery.result import AsyncResult"),
        (celery, "from kombu import Connection"),
        (settings, "from django.conf import settings"),
        (settings, "from django.conf import settings as s"),
        (click, "import click as c"),
        (click, "from click.testing import CliRunner"),
    ],
)
def test_a_forbidden_import_is_found(check: Check, text: str) -> None:
    assert check(ast.parse(text))


# Who writes what

WRITES = {
    "create",
    "bulk_create",
    "get_or_create",
    "update_or_create",
    "update",
    "bulk_update",
    "delete",
    "save",
}
WRITES |= {f"a{name}" for name in WRITES} | {"_raw_delete", "_update", "_insert"}


def writing(model: str, relation: str) -> Check:
    """Finds calls that make, change or delete rows of a model: on the class, a queryset of it, or a relation."""

    def check(tree: ast.Module) -> list[int]:
        if not {model, relation} & {last(node) for node in ast.walk(tree)}:
            return []
        scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return sorted({line for scope in (tree, *scopes) for line in _written(scope)})

    def _written(scope: ast.AST) -> Iterator[int]:
        known: set[str] = set()
        for _ in range(2):  # a name may be made of a name that is made further down in a loop
            for node in ast.walk(scope):
                if isinstance(node, ast.Assign) and comes_from(node.value, known):
                    known |= {each.id for each in node.targets if isinstance(each, ast.Name)}
                elif isinstance(node, ast.For) and comes_from(node.iter, known):
                    known |= {each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)}
        for node in ast.walk(scope):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            made = isinstance(function, ast.Name | ast.Attribute) and last(function) == model
            written = (
                isinstance(function, ast.Attribute)
                and function.attr in WRITES
                and (comes_from(function.value, known) or last(function.value) == relation)
            )
            if made or written:
                yield node.lineno

    def comes_from(node: ast.AST, known: set[str]) -> bool:
        """Whether an expression is the model, or a chain of calls and attributes that begins with it."""
        while True:
            if isinstance(node, ast.Name):
                return node.id == model or node.id in known
            if isinstance(node, ast.Attribute):
                if node.attr == model:
                    return True
                node = node.value
            elif isinstance(node, ast.Call):
                node = node.func
            elif isinstance(node, ast.Subscript):
                node = node.value
            else:
                return False

    def last(node: ast.AST) -> str:
        return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""

    return check


change, lane = writing("Change", "changes"), writing("Lane", "lane")


def test_only_the_outbox_writes_change() -> None:
    assert not breaches(modules(*PACKAGES), change, but={"syncops/outbox.py"})
    assert change(parse(Path("syncops/outbox.py")))


def test_only_lanes_writes_lane() -> None:
    assert not breaches(modules(*PACKAGES), lane, but={"syncops/lanes.py"})
    assert lane(parse(Path("syncops/lanes.py")))


@pytest.mark.parametrize(
    "text",
    [
        "Change(store='eu')",
        "models.Change(store='eu').save()",
        "Change.objects.create(store='eu')",
        "Change.objects.using('other').filter(store='eu').delete()",
        "def f():\n    rows = Change.objects.all()\n    rows.update(run=1)",
        "for each in Change.objects.all():\n    each.delete()",
        "store.changes.create(ref='1')",
        "async def f():\n    await models.Change.objects.acreate(store='eu')",
    ],
)
def test_a_write_of_change_is_found(text: str) -> None:
    assert change(ast.parse(text))
    assert not lane(ast.parse(text))


def test_reading_change_is_not_a_write() -> None:
    assert not change(
        ast.parse("ids = Change.objects.filter(store='eu').values_list('id')\nplan.changes(limit=3)")
    )


def test_no_sql_names_the_tables_that_have_one_writer() -> None:
    text = re.compile(r"\bsyncops_(?:change|lane)\b")
    found = [
        str(path) for path in modules(*PACKAGES) if text.search((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert not found


# Exit numbers

#: Numbers that can be nothing else here.
TELLING = {75, 130, 141, 143}


def numbers(tree: ast.Module) -> list[int]:
    """Finds exits with a number that is written there, and numbers that can only be exit codes."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in TELLING:
            found.append(node.lineno)
        if (
            isinstance(node, ast.keyword)
            and node.arg in {"exit_code", "code", "status"}
            and _number(node.value)
        ):
            found.append(node.value.lineno)
        if isinstance(node, ast.Call) and node.args and _number(node.args[0]):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"exit", "_exit", "quit", "SystemExit", "Exit"}:
                found.append(node.lineno)
    return found


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def test_only_exits_knows_exit_numbers() -> None:
    assert not breaches(modules("cli"), numbers, but={"cli/exits.py"})
    assert numbers(parse(Path("cli/exits.py")))


def test_the_engine_knows_no_exit_numbers() -> None:
    # The providers speak of HTTP statuses, which are numbers of another kind.
    paths = (
        path for path in modules("syncops") if "providers" not in path.parts and "testing" not in path.parts
    )
    assert not breaches(paths, numbers)


@pytest.mark.parametrize(
    "text",
    [
        "sys.exit(3)",
        "raise SystemExit(1)",
        "raise typer.Exit(2)",
        "raise typer.Exit(code=4)",
        "return 75",
        "os._exit(0)",
    ],
)
def test_an_exit_number_is_found(text: str) -> None:
    assert numbers(ast.parse(text))


# Names and sizes


def test_no_module_is_longer_than_it_may_be() -> None:
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules(*PACKAGES)}
    assert not {str(path): lines for path, lines in sizes.items() if lines > LONGEST}


def test_modules_are_named_after_what_they_are() -> None:
    paths = [*modules(*PACKAGES, tests=True)]
    assert not [str(path) for path in paths if {*path.parent.parts, path.stem} & FORBIDDEN_NAMES]


def test_every_module_says_why_it_exists() -> None:
    written = (path for path in modules(*PACKAGES) if (ROOT / path).stat().st_size)
    silent = [str(path) for path in written if not ast.get_docstring(parse(path))]
    assert not silent


def stems(folder: str, prefix: str = "") -> set[str]:
    """The modules of a folder by the verb they are named after; `import_` is what Python lets `import` be."""
    found = {path.stem for path in (ROOT / folder).glob(f"{prefix}*.py")} - {"__init__", "conftest"}
    return {name.removeprefix(prefix).removesuffix("_") for name in found}


#: A verb that shows what belongs to no operation.
NO_OPERATION = {"help"}


def test_a_verb_is_an_operation() -> None:
    assert stems("cli/commands") - NO_OPERATION == stems("syncops/operations")


def test_an_operation_has_its_tests() -> None:
    missing = stems("syncops/operations") - stems("tests/operations", "test_")
    assert not missing, f"tests/operations/test_X.py is missing for {sorted(missing)}"


def test_a_verb_has_its_heading_in_the_reference() -> None:
    page = ROOT / "docs" / "commands.md"
    assert page.exists(), "run: make docs"
    headings = re.findall(r"^## `?([a-z]+)`?$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) >= stems("cli/commands")


# Operations say nothing

#: The play runs in a process of its own, and tells its steps over that process's stdout: a wire, not a terminal.
TELLS = {"syncops/operations/demo.py": {"play"}}


def printing(tree: ast.Module, *, but: Collection[str] = ()) -> list[int]:
    """Finds what writes to the terminal, outside the functions named in `but`."""
    found = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and node.name in but:
            continue
        called = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"print", "input"}
        )
        stream = (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "sys"
            and node.attr in {"stdout", "stderr", "stdin", "__stdout__", "__stderr__"}
        )
        if called or stream:
            found.append(getattr(node, "lineno", 0))
        waiting += ast.iter_child_nodes(node)
    return found


terminal = importing("typer", "rich", "cli")


def test_operations_print_nothing() -> None:
    found = [
        f"{path}:{line}"
        for path in modules("syncops")
        for line in printing(parse(path), but=TELLS.get(path.as_posix(), set()))
    ]
    assert not found


def test_the_engine_knows_no_terminal() -> None:
    assert not breaches(modules("syncops"), terminal)


@pytest.mark.parametrize(
    "text", ["print('x')", "sys.stderr.write('x')", "def f():\n    print('x', file=sys.stdout)"]
)
def test_a_print_is_found(text: str) -> None:
    assert printing(ast.parse(text))


def test_the_exception_is_no_wider_than_its_function() -> None:
    text = ast.parse("def play():\n    print(1)\ndef run():\n    print(2)")
    assert printing(text, but={"play"}) == [4]
