"""`neurova deploy`: plan, apply and inspect the deployment of an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...memory import gc_paused
from ..output import json_option, print_document, print_table
from .deploy_site import site

if TYPE_CHECKING:
    from neurova_deploy.engine import Engine
    from neurova_deploy.plan import Plan
    from neurova_deploy.project import Project
    from neurova_deploy.record import Content, Head
    from neurova_deploy.targets.base import Target

    from ...deployment.project import Deployment

CHANGES = 2
"""The exit code of `--plan` if the plan contains changes."""


class _Commands(click.Group):
    """Treat an argument that names no subcommand as the environment of `apply`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["apply", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wants_help = any(each in ("-h", "--help") for each in args[:1])
        if not wants_help and not (args and args[0] in self.commands):
            args = ["apply", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Commands)
def deploy() -> None:
    """Plan, apply, promote and roll back a deployment.

    Environments are [deploy.NAME] in neurova.toml, and `local`, which runs all on this machine with
    Compose; `neurova deploy NAME` is `neurova deploy apply NAME`.
    """


deploy.add_command(site)


def _environment(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("environment", required=False, default="")(command)


def _yes(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--yes", is_flag=True, help="Do not ask before changing anything.")(command)


@deploy.command()
@_environment
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change; exit with 2.")
@click.option("--canary", metavar="N%", default="", help="Send N% of the calls to the new version.")
@click.option("--only", metavar="SERVICE", default="", help="Refuse changes of other services.")
@click.option("--markdown", is_flag=True, help="Print the plan as Markdown, for a pull request.")
@_yes
@json_option
@click.pass_context
@gc_paused()  # loads thousands of functions that live as long as the command
def apply(
    ctx: click.Context,
    environment: str,
    only_plan: bool,
    canary: str,
    only: str,
    markdown: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what will change, who may call what first, ask, and deploy.

    A deployment that does not become healthy is rolled back. An interrupted one is continued by the
    next. With --plan nothing is changed, and the exit code is 2 if anything would be.
    """
    from neurova_deploy.engine import find_plan
    from neurova_deploy.record import latest

    percent = _parse_percent(canary)
    found = _load(environment)
    target = _open(found.project)
    heads = target.heads()
    serving, interrupted = latest(heads, "deployed", "canary"), latest(heads, "applying")
    _refuse_running_canary(found.project.environment, serving)
    content = _content(found, target, serving, percent)
    plan = find_plan(target, content)
    if only:
        _refuse_others(found.project, plan, only)
    if as_json:
        print_document({"access": plan.access, "changes": plan.changes})
    else:
        click.echo(_describe_plan(plan, found.project.environment, markdown))
        if interrupted is not None:
            click.echo(f"Release {interrupted.number} was interrupted, this continues it", err=True)
    if only_plan or not (plan or interrupted):
        ctx.exit(CHANGES if plan or interrupted else 0)
    if not yes:
        click.confirm("Apply?", abort=True, err=True)
    engine = _engine(target)
    _print_done(engine.deploy(content, canary=percent, ready=found.project.deploy.ready), as_json)


@deploy.command()
@_environment
@click.option("--to", type=int, help="The number of the release; default: the one before.")
@_yes
@json_option
def rollback(environment: str, to: int | None, yes: bool, as_json: bool) -> None:
    """Bring back the release before the one that serves, or end a canary.

    Migrations stay: a release must work with the tables of the next one.
    """
    from neurova.errors import ConfigError
    from neurova_deploy.record import choose_rollback

    project, target = _open_state(environment)
    heads = target.heads()
    chosen = choose_rollback(heads, to)
    if chosen is None:
        numbers = ", ".join(str(each.number) for each in heads if each.status == "deployed")
        fix = f"the deployed releases are: {numbers or 'none'}"
        raise ConfigError("there is no release to go back to", where="rollback", fix=fix)
    if not yes:
        click.confirm(f"Roll back to release {chosen.number}?", abort=True, err=True)
    done = _engine(target).roll_back(chosen, project.deploy.ready)
    _print_done(done, as_json)


@deploy.command()
@_environment
@json_option
def promote(environment: str, as_json: bool) -> None:
    """Give all calls to the version of the canary."""
    from neurova.errors import ConfigError
    from neurova_deploy.record import Content, latest

    project, target = _open_state(environment)
    serving = latest(target.heads(), "deployed", "canary")
    if serving is None or not serving.canary:
        raise ConfigError("there is no canary", where="promote", fix="deploy with --canary 10%")
    canary = target.read_content(serving.number)
    content = Content(canary.promoted, canary.access)
    note = f"promotion of {serving.number}"
    done = _engine(target).deploy(content, note=note, ready=project.deploy.ready)
    _print_done(done, as_json)


@deploy.command()
@_environment
@json_option
def status(environment: str, as_json: bool) -> None:
    """Show the release that serves, and the health of its resources."""
    from neurova_deploy.record import latest

    _, target = _open_state(environment)
    serving = latest(target.heads(), "deployed", "canary")
    kinds = target.kinds_with_health
    keys = sorted(each for each in target.read() if each.partition("/")[0] in kinds)
    health = {key: target.health(key) for key in keys}
    if as_json:
        rows = {key: each._asdict() for key, each in health.items()}
        print_document({"release": serving, "resources": rows})
        return
    click.echo(_describe(serving) if serving is not None else "Nothing is deployed")
    print_table(("resource", "state", "reason"), [(k, *each) for k, each in health.items()])


@deploy.command()
@_environment
@json_option
def history(environment: str, as_json: bool) -> None:
    """List the releases: who deployed what and when."""
    _, target = _open_state(environment)
    heads = target.heads()
    if as_json:
        print_document(heads)
        return
    rows = [
        (str(each.number), each.status, each.when, each.who, each.commit[:12], each.note)
        for each in reversed(heads)
    ]
    print_table(("release", "status", "when", "who", "commit", "note"), rows)


@deploy.command()
@_environment
@_yes
@json_option
def destroy(environment: str, yes: bool, as_json: bool) -> None:
    """Delete all resources and the history; databases and the namespace stay."""
    project, target = _open_state(environment)
    if not yes:
        name = project.name
        text = f"Delete {name} from {project.namespace}? Type the name of the project"
        if click.prompt(text, err=True) != name:
            raise click.Abort
    count = _engine(target).destroy()
    print_document({"deleted": count}) if as_json else click.echo(f"Deleted {count} resources")


@deploy.command()
@_environment
@click.option("--images", is_flag=True, help="Print each service and its image.")
@json_option
def render(environment: str, images: bool, as_json: bool) -> None:
    """Print all resources in the form of the target's own tools; needs no target."""
    from neurova_deploy.targets.table import provider_of

    found = _load(environment)
    if images:
        pairs = [(each.name or found.project.name, each.image) for each in found.project.units]
        print_document(dict(pairs)) if as_json else print_table(("service", "image"), pairs)
        return
    provider = provider_of(found.project.deploy)
    resources = provider.render(found.project, found.kong)
    if as_json:
        print_document([each.manifest for each in resources])
        return
    click.echo(provider.write(found.project, resources), nl=False)


def _load(environment: str) -> Deployment:
    from ...deployment.origin import find_only_environment
    from ...deployment.project import load_deployment

    return load_deployment(None, environment or find_only_environment())


def _open_state(environment: str) -> tuple[Project, Target]:
    """Return the project and target, for commands that need only the deployed state."""
    from ...deployment.origin import find_only_environment
    from ...deployment.project import load_project_head

    project = load_project_head(None, environment or find_only_environment())
    return project, _open(project)


def _open(project: Project) -> Target:
    from neurova_deploy.targets.table import provider_of

    target = provider_of(project.deploy).open(project)
    target.check()
    return target


def _content(found: Deployment, target: Target, serving: Head | None, percent: int) -> Content:
    from neurova.errors import ConfigError
    from neurova_deploy.record import Content
    from neurova_deploy.targets.table import provider_of

    provider = provider_of(found.project.deploy)
    resources = provider.render(found.project, found.kong)
    if not percent:
        return Content(resources, found.project.access)
    if serving is None:
        raise ConfigError("nothing serves yet", where="--canary", fix="deploy without --canary")
    stable = target.read_content(serving.number)
    if stable.access != found.project.access:
        raise ConfigError(
            "routes or access change, and both versions must have the same",
            where="--canary",
            fix="deploy without --canary",
        )
    canary = provider.render_canary(found.project, found.kong, stable.resources, percent)
    return Content(canary, found.project.access, resources)


def _refuse_running_canary(environment: str, serving: Head | None) -> None:
    from neurova.errors import ConfigError

    if serving is not None and serving.canary:
        raise ConfigError(
            f"a canary has {serving.canary}% of the calls",
            where=f"release {serving.number}",
            fix=f"`neurova deploy promote {environment}` or "
            f"`neurova deploy rollback {environment}` first",
        )


def _parse_percent(text: str) -> int:
    if not text:
        return 0
    number = text.removesuffix("%")
    if not number.isdecimal() or not 0 < int(number) < 100:
        raise click.BadParameter("write a percentage from 1% to 99%", param_hint="--canary")
    return int(number)


def _refuse_others(project: Project, plan: Any, only: str) -> None:
    """Raise ConfigError if a plan changes anything but the service `only` and its Kong entities."""
    from neurova.errors import ConfigError

    if not project.deploy.has_images_of_services or only not in {
        each.name for each in project.units
    }:
        names = ", ".join(each.name for each in project.units if each.name)
        fix = f"use one of {names}" if names else "write {service} into image"
        raise ConfigError(f"{only} has no image of its own", where="--only", fix=fix)
    parts = [f"{only}-", "kong", "api"]
    pairs = [(prefix, part) for prefix in (project.name, project.namespace) for part in parts]
    mine = tuple("-".join(pair).replace("_", "-") for pair in pairs)
    keys = [each.key for each in plan.changes]
    others = [key for key in keys if not key.partition("/")[2].startswith(mine)]
    functions = [e.function for e in plan.access if not e.function.startswith(f"{only}.")]
    if others or functions:
        what = f"others change, too: {', '.join((*functions, *others)[:5])}"
        raise ConfigError(what, where="--only", fix="deploy all, or take these changes back")


def _engine(target: Target) -> Engine:
    from getpass import getuser

    from neurova_deploy.engine import Engine, Who

    from ...deployment.origin import find_commit

    return Engine(target, Who(getuser(), find_commit()), lambda line: click.echo(line, err=True))


def _print_done(head: Head, as_json: bool) -> None:
    print_document(head) if as_json else click.echo(_describe(head))


def _describe_plan(plan: Plan, environment: str, as_markdown: bool) -> str:
    from neurova_deploy.markdown import write_markdown

    if as_markdown:
        return write_markdown(plan, environment)
    return str(plan) or "Nothing to change"


def _describe(head: Head) -> str:
    canary = f", {head.canary}% of the calls" if head.canary else ""
    return f"Release {head.number}: {head.status}{canary}, {head.when} by {head.who}"
