"""Where the settings come from: the order, the failures, and never running what was found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.discovery import SHIPPED, find, nearest
from syncops.errors import ConfigurationError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\nraise SystemExit('it was run')\n"
TOML = "[tool.syncops]\nsettings = '{}'\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that names its settings everywhere, and a subfolder to stand in."""
    (tmp_path / "pyproject.toml").write_text(TOML.format("in_toml"))
    (tmp_path / "manage.py").write_text(MANAGE.format("in_manage"))
    (tmp_path / "deep" / "down").mkdir(parents=True)
    return tmp_path / "deep" / "down"


ENVIRON = {"DJANGO_SETTINGS_MODULE": "in_environ"}


def test_T10_the_order(project: Path) -> None:
    top = project.parents[1]
    assert find("given", project, ENVIRON).module == "given"
    assert find(None, project, ENVIRON).module == "in_environ"
    found = find(None, project, {})
    assert (found.module, found.roots) == ("in_toml", (top,))
    (top / "pyproject.toml").write_text("[tool.black]\n")
    found = find(None, project, {})
    assert (found.module, found.roots) == ("in_manage", (top,))
    (top / "pyproject.toml").unlink()
    assert find(None, project, {}).module == "in_manage"
    (top / "manage.py").unlink()
    assert find(None, project, {}).module == SHIPPED


def test_T10_an_empty_variable_names_nothing(project: Path) -> None:
    assert find("", project, {"DJANGO_SETTINGS_MODULE": ""}).module == "in_toml"


def test_T10_the_nearest_file_counts(project: Path) -> None:
    (project.parent / "manage.py").write_text(MANAGE.format("nearer"))
    (project.parent / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert find(None, project, {}).module == "nearer"
    assert nearest("manage.py", project) == project.parent / "manage.py"


@pytest.mark.parametrize(
    "line",
    [
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'in_manage')",
        'environ.setdefault("DJANGO_SETTINGS_MODULE", "in_manage")',
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'in_manage'",
        "def main():\n    if True:\n        os.putenv('DJANGO_SETTINGS_MODULE', 'in_manage')",
    ],
)
def test_T10_manage_py_is_parsed_however_it_says_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "manage.py").write_text(f"import os\n{line}\n")
    assert find(None, tmp_path, {}).module == "in_manage"


@pytest.mark.parametrize("content", ["def (", "print('hello')", "import os\nname = 'x'\n", "\0"])
def test_T10_a_manage_py_that_names_nothing_ends_the_search(tmp_path: Path, content: str) -> None:
    (tmp_path / "manage.py").write_text(content)
    with pytest.raises(ConfigurationError, match=r"manage\.py") as caught:
        find(None, tmp_path, {})
    assert "--settings" in caught.value.hint
    assert find("given", tmp_path, {}).module == "given"


@pytest.mark.parametrize(
    "content", ["[tool.syncops", "[tool.syncops]\nsettings = 3\n", "[tool.syncops]\nsettings = ''\n"]
)
def test_T10_a_pyproject_that_cannot_be_understood_ends_the_search(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
        find(None, tmp_path, {})


@pytest.mark.parametrize("content", ["", "tool = 3", "[tool]\nsyncops = 3", "[tool.syncops]\nother = 1"])
def test_T10_a_pyproject_without_the_key_is_passed_by(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    assert find(None, tmp_path, {}).module == SHIPPED


def run(cwd: Path, *words: str, environ: dict[str, str] | None = None) -> Any:
    """The probes' `boot` as cron runs it: an installed command, and nothing in the environment."""
    script = (
        "import sys; sys.path.pop(0)\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]\n"
        "import probes; probes.register()\nfrom cli.main import main\nmain()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "boot", "--json", *words],
        cwd=cwd,
        env=environ or {},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_in(folder: Path, module: str) -> None:
    (folder / f"{module}.py").write_text(f"SECRET_KEY = 'x'\nINSTALLED_APPS = []\nNAME = '{module}'\n")


def test_T10_works_from_a_subfolder_with_an_empty_environment(project: Path) -> None:
    settings_in(project.parents[1], "in_toml")
    done = run(project)
    assert json.loads(done.stdout)["name"] == "in_toml", done.stderr


def test_T10_works_from_anywhere_with_a_project_dir(project: Path, tmp_path_factory: Any) -> None:
    settings_in(project.parents[1], "in_toml")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for words, environ in (
        (["--project-dir", str(project)], {}),
        ([], {"SYNCOPS_PROJECT_DIR": str(project)}),
    ):
        done = run(elsewhere, *words, environ=environ)
        assert json.loads(done.stdout)["name"] == "in_toml", done.stderr
    done = run(elsewhere, "--project-dir", str(elsewhere / "nowhere"))
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "UsageError")


def test_T10_verbose_says_which_settings_were_found(project: Path) -> None:
    settings_in(project.parents[1], "in_toml")
    assert f"settings: in_toml ({project.parents[1] / 'pyproject.toml'})" in run(project, "-v").stderr


def test_T10_a_module_that_is_not_there_lists_everything_that_was_tried(project: Path) -> None:
    (project.parents[1] / "pyproject.toml").write_text("[tool.black]\n")
    done = run(project)
    content = json.loads(done.stdout)
    assert done.returncode == 2
    assert content["error"]["code"] == "ConfigurationError"
    assert "Traceback" not in done.stderr
    for tried in (
        "--settings: not given",
        "DJANGO_SETTINGS_MODULE: not set",
        "pyproject.toml: no [tool.syncops]",
    ):
        assert tried in done.stderr
        assert tried in content["error"]["hint"]
    assert f"{project.parents[1] / 'manage.py'}: in_manage" in done.stderr


@pytest.mark.parametrize("missing", ["nowhere", "nowhere.settings", "there.settings"])
def test_T10_a_wrong_name_does_not_fall_through_to_another_project(project: Path, missing: str) -> None:
    settings_in(project.parents[1], "in_toml")
    (project.parents[1] / "there").mkdir()
    (project.parents[1] / "there" / "__init__.py").touch()
    done = run(project, "--settings", missing)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"].startswith(f"There is no settings module '{missing}'")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("import no_such_library\n", "No module named 'no_such_library'"),
        ("from os import no_such_name\n", "no_such_name"),
        ("import in_toml.inner\n", "in_toml"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_T10_an_error_inside_the_settings_shows_its_own_traceback(
    project: Path, content: str, says: str
) -> None:
    (project.parents[1] / "in_toml.py").write_text(content)
    done = run(project)
    assert done.returncode == 2
    assert "Traceback (most recent call last):" in done.stderr
    assert f'in_toml.py", line 1, in <module>\n    {content}' in done.stderr
    assert says in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "BrokenSettingsError"


def test_T10_settings_that_django_refuses_are_a_line_and_not_a_traceback(project: Path) -> None:
    (project.parents[1] / "in_toml.py").write_text("INSTALLED_APPS = ['cli', 'cli']\nSECRET_KEY = 'x'\n")
    done = run(project)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "ConfigurationError")
    assert "Traceback" not in done.stderr
