"""One command line in this process: formats, failures, variables, talk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from cli import exits
from cli import main as main_module
from cli.verbs import Verb
from syncops import __version__

Obey = Callable[..., Any]

SHARED = {
    "--format": "SYNCOPS_FORMAT",
    "--json": "SYNCOPS_JSON",
    "--quiet": "SYNCOPS_QUIET",
    "--verbose": "SYNCOPS_VERBOSE",
    "--debug": "SYNCOPS_DEBUG",
    "--no-color": "SYNCOPS_NO_COLOR",
    "--settings": "SYNCOPS_SETTINGS",
    "--project-dir": "SYNCOPS_PROJECT_DIR",
}


def verbs() -> Iterator[tuple[str, Verb]]:
    """Every verb of the command line with the words that call it."""
    waiting = [("", typer.main.get_command(main_module.app))]
    while waiting:
        words, command = waiting.pop()
        for name, child in getattr(command, "commands", {}).items():
            waiting.append((f"{words} {name}".strip(), child))
        if isinstance(command, Verb):
            yield words, command


# --- T04


def test_T04_every_flag_of_every_verb_has_a_variable_of_its_own(registered: None) -> None:
    found = dict(verbs())
    assert {"help", "probe", "probes list"} <= set(found)
    for words, command in found.items():
        options = [param for param in command.params if param.param_type_name == "option"]
        variables = {param.opts[0]: param.envvar for param in options}
        assert SHARED.items() <= variables.items(), words
        assert all(str(variable).startswith("SYNCOPS_") for variable in variables.values()), (
            words,
            variables,
        )
        assert len(set(variables.values())) == len(variables), (words, variables)


def test_T04_the_variables_of_a_verb_are_named_after_it(registered: None) -> None:
    found = {
        words: {param.opts[0]: param.envvar for param in command.params if param.opts[0].startswith("--")}
        for words, command in verbs()
    }
    assert found["probe"]["--deep-look"] == "SYNCOPS_PROBE_DEEP_LOOK"
    assert found["probe"]["--bare-option"] == "SYNCOPS_PROBE_BARE_OPTION"
    assert found["probe"]["--dry-run"] == "SYNCOPS_DRY_RUN"
    assert found["probes list"]["--state"] == "SYNCOPS_PROBES_LIST_STATE"


def test_T04_variables_work(obey: Obey) -> None:
    result = obey(
        "probe",
        SYNCOPS_JSON="1",
        SYNCOPS_STORE="eu* us",
        SYNCOPS_DRY_RUN="1",
        SYNCOPS_YES="true",
        SYNCOPS_LIMIT="5",
        SYNCOPS_PROBE_DEEP_LOOK="1",
        SYNCOPS_PROBE_BARE_OPTION="9",
        SYNCOPS_QUIET="1",
    )
    assert json.loads(result.out)["told"] == {
        "stores": ["eu*", "us"],
        "dry_run": True,
        "yes": True,
        "limit": 5,
        "deep": True,
        "bare": 9,
    }
    assert result.err == ""


def test_T04_short_flags_and_repeated_stores(obey: Obey) -> None:
    told = json.loads(obey("probe", "-nyq", "--store", "a*", "--store", "b", "--json").out)["told"]
    assert (told["dry_run"], told["yes"], told["stores"]) == (True, True, ["a*", "b"])


def test_T04_version(obey: Obey) -> None:
    result = obey("--version")
    assert (result.out, result.err, result.code) == (f"syncops {__version__}\n", "", 0)


def test_T07_no_flag_takes_a_secret(registered: None) -> None:
    for words, command in verbs():
        for param in command.params:
            for flag in param.opts:
                assert not {"token", "secret", "password", "key"} & set(flag.strip("-").split("-")), (
                    words,
                    flag,
                )


# --- T03


def test_T03_plain_is_the_default_where_there_is_no_terminal(obey: Obey) -> None:
    assert obey("probe").out.startswith("sku\tname\tprice\nA-1\t")
    assert obey("probe").out == obey("probe", "--format", "plain").out


def test_T03_json_is_short_for_format_json(obey: Obey) -> None:
    assert obey("probe", "--json").out == obey("probe", "--format", "json").out
    assert json.loads(obey("probe", "--json").out)["schema"] == "syncops.probe/1"


def test_T03_what_is_typed_beats_a_variable(obey: Obey) -> None:
    assert obey("probe", "--json", SYNCOPS_FORMAT="csv").out.startswith("{")
    assert obey("probe", "--format", "csv", SYNCOPS_JSON="1").out.startswith("sku,")
    assert obey("probe", SYNCOPS_FORMAT="csv").out.startswith("sku,")


def test_T03_a_contradiction_is_refused(obey: Obey) -> None:
    result = obey("probe", "--json", "--format", "csv")
    assert result.code == 2
    assert "contradict" in result.err


# --- T02, T14


def test_T02_talk_goes_to_stderr_and_quiet_silences_it(obey: Obey) -> None:
    loud, quiet, verbose = obey("probe"), obey("probe", "-q"), obey("probe", "-v")
    assert loud.err == "said\nnoted\n2 parked: syncops failures list --store eu\n"
    assert quiet.err == ""
    assert verbose.err == "said\ndetailed\nnoted\n2 parked: syncops failures list --store eu\n"
    assert loud.out == quiet.out == verbose.out


def test_T14_the_last_line_names_the_next_command(obey: Obey) -> None:
    assert obey("probe").err.splitlines()[-1] == "2 parked: syncops failures list --store eu"


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [
        ("usage", 2, "UsageError"),
        ("configuration", 2, "ConfigurationError"),
        ("refused", 6, "E04"),
        ("guarded", 5, "R01"),
        ("held", 75, "LaneHeld"),
        ("database", 75, "Unavailable"),
        ("unmigrated", 2, "ConfigurationError"),
        ("parameter", 2, "UsageError"),
        ("bug", 1, "KeyError"),
        ("socket", 1, "BrokenPipeError"),
    ],
)
@pytest.mark.parametrize("way", ["flag", "variable", "ndjson"])
def test_T02_a_failure_parses_too(obey: Obey, kind: str, code: int, word: str, way: str) -> None:
    flags = {"flag": ["--format", "json"], "variable": [], "ndjson": ["--format=ndjson"]}[way]
    environ = {"SYNCOPS_FORMAT": "json"} if way == "variable" else {}
    result = obey("fail", kind, *flags, **environ)
    content = json.loads(result.out)
    assert result.code == code
    assert list(content) == ["schema", "ok", "error", "exit_code"]
    assert (content["schema"], content["ok"], content["exit_code"]) == ("syncops.fail/1", False, code)
    assert content["error"]["code"] == word
    assert set(content["error"]) == {"code", "message", "hint"}
    if way == "ndjson":
        assert result.out.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "environ", "schema"),
    [
        (["probe", "--json", "--frob"], {}, "syncops.probe/1"),
        (["probe", "--limit", "many", "--format", "json"], {}, "syncops.probe/1"),
        (["fail", "--format=json"], {}, "syncops.fail/1"),
        (["probe", "--limit", "0"], {"SYNCOPS_FORMAT": "json"}, "syncops.probe/1"),
        (["probs", "--json"], {}, "syncops.error/1"),
        (["--json", "probe"], {}, "syncops.error/1"),
        (["probes", "list", "more"], {"SYNCOPS_JSON": "1"}, "syncops.probes/1"),
        ([], {"SYNCOPS_FORMAT": "json"}, "syncops.error/1"),
    ],
)
def test_T02_a_usage_error_parses_too(
    obey: Obey, words: list[str], environ: dict[str, str], schema: str
) -> None:
    result = obey(*words, **environ)
    content = json.loads(result.out)
    assert result.code == 2
    assert (content["schema"], content["ok"], content["exit_code"]) == (schema, False, 2)
    assert content["error"]["code"] == "UsageError"
    assert content["error"]["hint"]


def test_T02_words_after_two_dashes_ask_for_no_format(obey: Obey) -> None:
    assert obey("fail", "--frob", "--", "--json").out == ""


def test_T02_rows_and_the_reason_for_refusing_them(obey: Obey) -> None:
    result = obey("refuse", "--json")
    content = json.loads(result.out)
    assert (content["ok"], content["rows"], content["error"]["code"], result.code) == (
        False,
        [1, 2],
        "E10",
        6,
    )
    assert obey("refuse").out == "row\n1\n2\n"
    assert obey("refuse", "-q").err == "error: 2 rows cannot be read.\nhint: See the rows.\n"


# --- T08


def test_T08_an_expected_error_is_a_line_and_a_hint(obey: Obey) -> None:
    result = obey("fail", "refused")
    assert (result.out, result.err) == ("", "error: The file is empty.\nhint: Export it again.\n")


def test_T08_a_long_and_hostile_message_is_still_one_line(obey: Obey) -> None:
    result = obey("fail", "held")
    assert result.err == "error: Another holder has the lane. It began\\x1b[31m at noon.\n"


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_T08_debug_shows_the_traceback(obey: Obey, way: str) -> None:
    result = (
        obey("fail", "refused", "--debug") if way == "flag" else obey("fail", "refused", SYNCOPS_DEBUG="1")
    )
    assert result.err.startswith("Traceback (most recent call last):\n")
    assert result.err.endswith("error: The file is empty.\nhint: Export it again.\n")
    assert result.code == 6


def test_T08_a_bug_shows_its_traceback_and_ends_with_1(obey: Obey) -> None:
    result = obey("fail", "bug")
    assert result.code == 1
    assert "Traceback (most recent call last):" in result.err
    assert "KeyError: 'price'" in result.err


def test_T08_a_broken_socket_is_a_bug_and_no_closed_pipe(obey: Obey) -> None:
    result = obey("fail", "socket")
    assert result.code == 1
    assert "a socket, not our output" in result.err


def test_T08_usage_errors_are_a_line_and_a_hint(obey: Obey) -> None:
    assert obey("probe", "--frob").err == "error: No such option: --frob\nhint: syncops probe --help\n"
    assert "Did you mean 'probe'" in obey("prob").err
    assert obey("--json", "probe").err.endswith("hint: Options go after the verb: syncops VERB --json\n")


def test_T08_without_a_verb_the_help_is_shown_and_the_code_is_2(obey: Obey) -> None:
    for words in ([], ["probes"]):
        result = obey(*words)
        assert (result.out, result.code) == ("", 2)
        assert result.err.startswith("Usage: syncops")


def test_a_verb_may_end_by_itself(obey: Obey) -> None:
    assert obey("fail", "exit").code == 3


@pytest.mark.parametrize(
    ("endings", "code"), [(["differences", "leftovers"], 4), (["temporary", "guarded"], 5)]
)
def test_the_endings_of_a_view_become_one_code(obey: Obey, endings: list[str], code: int) -> None:
    flags = [word for ending in endings for word in ("--ending", ending)]
    result = obey("probe", "--json", *flags)
    assert (result.code, json.loads(result.out)["exit_code"]) == (code, code)


# --- help


def test_T08_help_prints_the_table_of_exit_codes(obey: Obey) -> None:
    lines = [line.split("\t") for line in obey("help", "exit-codes").out.splitlines()]
    assert lines[0] == ["code", "meaning"]
    assert [int(code) for code, _ in lines[1:]] == [0, 1, 2, 3, 4, 5, 6, 75, 130, 141, 143]
    assert {int(code): meaning for code, meaning in lines[1:]} == exits.TABLE
    content = json.loads(obey("help", "exit-codes", "--json").out)
    assert content["exit_codes"][7]["code"] == 75


def test_help_lists_its_topics_and_refuses_others(obey: Obey) -> None:
    assert obey("help").out.startswith("topic\tabout\nexit-codes\t")
    result = obey("help", "frob")
    assert (result.code, result.err) == (2, "error: There is no topic 'frob'.\nhint: syncops help\n")


def test_every_verb_has_a_help_and_a_schema(registered: None, obey: Obey) -> None:
    for words, command in verbs():
        result = obey(*words.split(), "--help")
        assert result.code == 0
        assert result.out.startswith(f"Usage: syncops {words}")
        assert command.help
        assert command.schema.startswith("syncops.")
