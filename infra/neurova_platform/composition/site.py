"""The public page of a project, in the form that the embedded gateway serves."""

from __future__ import annotations

from pathlib import Path

from neurova.settings.settings import Settings
from neurova_gateway.pipeline.static_site import StaticFile, StaticSite, compress

_TAG_LENGTH = 24


def load_site(settings: Settings) -> StaticSite | None:
    """Return the page in `[site] folder`, or None if this gateway does not serve a page.

    Behind Kong the page is on a CDN, because Kong serves no files. Raises ConfigError.
    """
    if not settings.site.folder or settings.gateway.behind:
        return None
    from neurova_deploy.cdn.site import build_site

    site = build_site(Path(settings.site.folder), {"api": ""})
    headers = dict(site.headers)
    if not settings.gateway.tls_cert:
        del headers["strict-transport-security"]  # must not be sent without TLS: RFC 6797, 7.2
    return StaticSite(
        {
            file.path: StaticFile(
                file.content,
                file.content_type,
                file.cache_control,
                file.sha256[:_TAG_LENGTH],
                compress(file.content, file.content_type) if settings.gateway.compress else {},
            )
            for file in site.files
        },
        headers,
    )
