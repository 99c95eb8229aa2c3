"""`neurova deploy site`: publish the public page on a CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document

if TYPE_CHECKING:
    from neurova_deploy.cdn.base import Cdn, Release, SitePlan

    from ...deployment.site import SiteDeployment

CHANGES = 2
"""The exit code of `--plan` if the plan contains changes."""


@click.command()
@click.argument("environment", required=False, default="")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change; exit with 2.")
@click.option("--rollback", is_flag=True, help="Publish the release before, or --to.")
@click.option("--to", type=int, help="The number of the release for --rollback.")
@click.option("--destroy", is_flag=True, help="Delete the page and all that was created for it.")
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
@json_option
@click.pass_context
def site(
    ctx: click.Context,
    environment: str,
    only_plan: bool,
    rollback: bool,
    to: int | None,
    destroy: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what will change on the CDN, ask, and publish the page.

    Only what changed is uploaded and invalidated, HTML last. An interrupted command is continued by
    the next. With --plan nothing is changed, and the exit code is 2 if anything would be.
    """
    from neurova_deploy.cdn.table import open_cdn

    from ...deployment.origin import find_only_environment
    from ...deployment.project import load_project_head
    from ...deployment.site import load_site_deployment

    project = load_project_head(None, environment or find_only_environment())
    cdn = open_cdn(project.name, project.environment, project.deploy)
    if destroy:
        _destroy(cdn, project.name, yes, as_json)
        return
    found = load_site_deployment(None)
    plan = _plan_rollback(cdn, found, to) if rollback else _plan(cdn, found)
    if as_json:
        print_document(_describe(plan))
    else:
        click.echo(str(plan) or "Nothing to change")
    if only_plan or not plan:
        ctx.exit(CHANGES if plan else 0)
    if not yes:
        click.confirm("Publish?", abort=True, err=True)
    url = cdn.apply(plan, _report)
    number = plan.releases[0].number
    if not as_json:
        click.echo(f"Release {number}: {url}")


def _plan(cdn: Cdn, found: SiteDeployment) -> SitePlan:
    from neurova_deploy.cdn.base import plan_release, release_of

    present = cdn.read(found.front)
    release = _signed(release_of(found.site), present.releases)
    return plan_release(release, found.site.files, found.front, present)


def _plan_rollback(cdn: Cdn, found: SiteDeployment, to: int | None) -> SitePlan:
    import msgspec

    from neurova.errors import ConfigError
    from neurova_deploy.cdn.base import plan_release

    releases = cdn.read(found.front).releases
    before = releases[1:] if to is None else [each for each in releases if each.number == to]
    if not before:
        fix = f"the releases are: {', '.join(str(each.number) for each in releases) or 'none'}"
        raise ConfigError("there is no release to go back to", where="--rollback", fix=fix)
    chosen = before[0]
    front = msgspec.structs.replace(found.front, headers=chosen.headers)
    release = _signed(chosen, releases, f"rollback to {chosen.number}")
    files = {**{each.path: each for each in found.site.files}}
    files |= {each.path: each for each in chosen.pages}
    return plan_release(release, files.values(), front, cdn.read(front))


def _signed(release: Release, releases: tuple[Release, ...], note: str = "") -> Release:
    """Return a release with its number, its time, and the user and commit that publish it."""
    from datetime import UTC, datetime
    from getpass import getuser

    import msgspec

    from ...deployment.origin import find_commit

    return msgspec.structs.replace(
        release,
        number=max((each.number for each in releases), default=0) + 1,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        who=getuser(),
        commit=find_commit(),
        note=note,
    )


def _destroy(cdn: Cdn, project: str, yes: bool, as_json: bool) -> None:
    if not yes:
        text = f"Delete the page of {project}? Type the name of the project"
        if click.prompt(text, err=True) != project:
            raise click.Abort
    cdn.destroy(_report)
    print_document({"deleted": True}) if as_json else click.echo("Deleted the page")


def _describe(plan: SitePlan) -> dict[str, object]:
    return {
        "changes": plan.changes,
        "uploads": [each.path for each in plan.uploads],
        "invalidations": plan.stale,
        "deletes": plan.deletes,
        "release": plan.releases[0].number,
    }


def _report(line: str) -> None:
    click.echo(line, err=True)
