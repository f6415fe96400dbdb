"""What makes a function a verb: the shared options, Django, a Session to speak with, an exit code.

The rule: a verb parses nothing, prints nothing and exits nowhere. It takes a Session and its own options,
calls one operation, and returns a View. Until it is asked for, it costs `--help` no more than its name.
"""

from __future__ import annotations

import inspect
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.models import OptionInfo

from cli.exits import ClosedPipe, Terminated, of_ending
from cli.options import SHARED, DryRun, Limit, Stores, Yes, chosen_format
from cli.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncops.values import Ending

#: A file of verbs takes the shared option types from here, next to `verb`: Typer reads annotations at run
#: time, and an import that only annotates would be moved out of its sight.
__all__ = ["DryRun", "Limit", "Stores", "Verb", "Yes", "schema_of", "verb"]

#: A View is shown; an Ending ends a verb that has shown its views itself.
Body = TypeVar("Body", bound="Callable[..., View | Ending]")


class Verb(TyperCommand):
    """A command whose options are worked out when somebody asks for them.

    Typer works out those of every command for every command line, which costs more than all else together.
    """

    declare: Callable[[], Callable[..., int]]
    schema: str
    _real: TyperCommand | None = None

    def _complete(self) -> TyperCommand:
        if self._real is None:
            alone = typer.Typer(rich_markup_mode=None, add_completion=False)
            alone.command(self.name)(self.declare())
            real = typer.main.get_command(alone)
            assert isinstance(real, TyperCommand)  # noqa: S101 - what Typer makes of one command
            self._real = real
        return self._real

    @property
    def params(self) -> Any:
        """The parameters, as Typer sees them."""
        return self._complete().params

    @params.setter
    def params(self, value: Any) -> None:
        """Typer hands over those of the placeholder: none."""

    @property
    def callback(self) -> Any:
        """What runs the verb."""
        return self._complete().callback

    @callback.setter
    def callback(self, value: Any) -> None:
        """Typer hands over the placeholder."""


def verb(app: typer.Typer, name: str, *, schema: str, django: bool = True) -> Callable[[Body], Body]:
    """Make a function the verb `name` of `app`; its docstring is the help.

    The function's first parameter is the Session, the others are its options and arguments as Typer knows
    them. An option without a variable gets SYNCOPS_<GROUP>_<VERB>_<FLAG>. Django is set up before the
    function is called, unless `django` is false or somebody did so already. The function stays callable.
    """

    def declare(body: Body) -> Body:
        def complete() -> Callable[..., int]:
            group = [app.info.name] if isinstance(app.info.name, str) else []
            return _with_signature(body, "_".join(["SYNCOPS", *group, name]), schema, django)

        kind = type("Verb", (Verb,), {"declare": staticmethod(complete), "schema": schema})
        app.command(name, cls=kind, help=inspect.getdoc(body))(lambda: None)
        return body

    return declare


def schema_of(context: typer.Context | None) -> str:
    """The schema of the verb that a command line names, or nothing where it names none."""
    return str(getattr(context.command, "schema", "")) if context is not None else ""


def _with_signature(
    body: Callable[..., View | Ending], prefix: str, schema: str, django: bool
) -> Callable[..., int]:
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own = (_with_variable(parameter, prefix) for parameter in _own_parameters(body))
    parameters = [context, *own, *SHARED]

    def run_verb(**given: Any) -> int:
        return _run(body, schema, django, **given)

    run_verb.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run_verb.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run_verb.__doc__ = body.__doc__
    return run_verb


def _own_parameters(body: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters of `body` after its Session, whose annotation may be known to type checkers only."""
    parameters = inspect.signature(body).parameters
    _, *names = parameters

    def declared() -> None: ...

    declared.__annotations__ = {name: hint for name, hint in body.__annotations__.items() if name in names}
    resolved = inspect.get_annotations(declared, globals=body.__globals__, eval_str=True)
    return [parameters[name].replace(annotation=resolved[name]) for name in names]


def _with_variable(parameter: inspect.Parameter, prefix: str) -> inspect.Parameter:
    """`parameter` as a keyword, with a variable of its own if it is an option that has none."""
    annotation, found = parameter.annotation, None
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        found = next((extra for extra in extras if not isinstance(extra, str)), None)
    elif parameter.default is not parameter.empty:
        found = typer.Option()
    if isinstance(found, OptionInfo) and found.envvar is None:
        found = copy(found)
        declared = [found.default, *(found.param_decls or ())]
        flags = [word for word in declared if isinstance(word, str) and word.startswith("--")]
        flag = flags[0].split("/")[0].strip() if flags else parameter.name
        found.envvar = f"{prefix}_{flag.lstrip('-')}".upper().replace("-", "_")
    return parameter.replace(
        kind=inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation if found is None else Annotated[annotation, found],
    )


def _run(
    body: Callable[..., View | Ending], schema: str, django: bool, *, context: typer.Context, **given: Any
) -> int:
    from cli import discovery
    from cli.session import Session

    shared = {parameter.name: given.pop(parameter.name) for parameter in SHARED}
    settings, project_dir = shared.pop("settings"), shared.pop("project_dir")
    wanted = chosen_format(context, shared.pop("format"), shared.pop("as_json"))
    session = Session(schema=schema, format=wanted, **shared)
    booted = None
    try:
        if django and (booted := discovery.boot(settings, project_dir)):
            session.detail(f"settings: {booted.module} ({booted.origin})")
        outcome = body(session, **given)
        if not isinstance(outcome, View):
            return of_ending(outcome)
        if outcome.run is not None:
            from syncops.operations import runs

            runs.record_exit(outcome.run, outcome.exit_code)
        return session.show(outcome)
    except (ClosedPipe, typer.Exit):
        raise
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return session.fail(error)
    finally:
        if booted:
            discovery.release()
