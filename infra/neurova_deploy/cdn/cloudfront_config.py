"""The configuration of CloudFront and its bucket, without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from neurova.settings.deploy import Deploy

from .routes import ApiRoute

FOLDER = "site"
"""The folder in the bucket that CloudFront may read; the state is outside of this folder."""
# Policies that AWS manages have the same id in every account.
_OPTIMIZED = "658327ea-f89d-4fab-a63d-7439e06da6d7"  # CachingOptimized: gzip, brotli, no query
_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-38268dfd25c6"  # AllViewerExceptHostHeader
_READING = ["GET", "HEAD"]
_ALL = [*_READING, "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
# CloudFront caches these errors for 10 s by default, even if the cache policy forbids it.
_ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)


def access_control(name: str) -> dict[str, Any]:
    """Return the origin access control, with which CloudFront signs its requests to the bucket."""
    return {
        "Name": name,
        "Description": "",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }


def headers_policy(name: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the policy that adds headers to the files."""
    rest = dict(headers)
    known: dict[str, Any] = {}
    if value := rest.pop("content-security-policy", ""):
        known["ContentSecurityPolicy"] = {"Override": True, "ContentSecurityPolicy": value}
    if value := rest.pop("referrer-policy", ""):
        known["ReferrerPolicy"] = {"Override": True, "ReferrerPolicy": value}
    if rest.pop("x-content-type-options", ""):
        known["ContentTypeOptions"] = {"Override": True}
    if value := rest.pop("strict-transport-security", ""):
        known["StrictTransportSecurity"] = {
            "Override": True,
            "IncludeSubdomains": "includeSubDomains" in value,
            "Preload": "preload" in value,
            "AccessControlMaxAgeSec": int(value.partition("max-age=")[2].partition(";")[0]),
        }
    custom = [
        {"Header": key, "Value": value, "Override": True} for key, value in sorted(rest.items())
    ]
    return {
        "Name": name,
        "Comment": "",
        "SecurityHeadersConfig": known,
        "CustomHeadersConfig": _items(custom),
    }


def cache_policy(name: str) -> dict[str, Any]:
    """Return the policy for functions with `cache`; only responses that allow it are stored."""
    return {
        "Name": name,
        "Comment": "",
        "MinTTL": 0,
        "DefaultTTL": 0,
        "MaxTTL": 366 * 86_400,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True,
            "EnableAcceptEncodingBrotli": True,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": _items(["Origin"])},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "all"},
        },
    }


def distribution(
    name: str, deploy: Deploy, bucket: str, routes: Sequence[ApiRoute], ids: Mapping[str, str]
) -> dict[str, Any]:
    """Return the distribution.

    `bucket`: the domain of the bucket. `ids`: the ids of the other resources, by kind.
    """
    api = urlsplit(deploy.cdn_origin)
    headers = {"ResponseHeadersPolicyId": ids["ResponseHeadersPolicy"]}
    behaviors = [
        {
            "PathPattern": each.pattern,
            **_behavior(
                "api",
                ids["CachePolicy"] if each.is_cached else _DISABLED,
                _ALL,
                OriginRequestPolicyId=_ALL_BUT_HOST,
            ),
        }
        for each in routes
    ]
    origins: list[dict[str, Any]] = [
        {
            "Id": "site",
            "DomainName": bucket,
            "OriginPath": f"/{FOLDER}",
            "OriginAccessControlId": ids["OriginAccessControl"],
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "CustomHeaders": _items([]),
        }
    ]
    if routes:
        origins.append(_api_origin(api.hostname or "", api.port or 443))
    certificate: dict[str, Any] = {"CloudFrontDefaultCertificate": True}
    if deploy.cdn_domain:
        certificate = {
            "ACMCertificateArn": deploy.cdn_certificate,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        }
    return {
        "Comment": name,
        "Enabled": True,
        "Aliases": _items([deploy.cdn_domain] if deploy.cdn_domain else []),
        "DefaultRootObject": "index.html",
        "Origins": _items(origins),
        "DefaultCacheBehavior": _behavior("site", _OPTIMIZED, _READING, **headers),
        "CacheBehaviors": _items(behaviors),
        "CustomErrorResponses": _items(
            [{"ErrorCode": code, "ErrorCachingMinTTL": 0} for code in _ERRORS]
        ),
        "ViewerCertificate": certificate,
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
    }


def bucket_policy(bucket: str, arn: str) -> dict[str, Any]:
    """Return the policy that lets only the distribution `arn` read the files.

    The distribution may also list the files, because S3 would otherwise return 403 instead of 404
    for a missing file.
    """
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }
    at = f"arn:aws:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Action": "s3:GetObject", "Resource": f"{at}/{FOLDER}/*", **allowed},
            {"Action": "s3:ListBucket", "Resource": at, **allowed},
        ],
    }


def _api_origin(host: str, port: int) -> dict[str, Any]:
    return {
        "Id": "api",
        "DomainName": host,
        "OriginPath": "",
        "CustomHeaders": _items([]),
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": port,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": _items(["TLSv1.2"]),
            "OriginReadTimeout": 60,
            "OriginKeepaliveTimeout": 5,
        },
    }


def _behavior(origin: str, cache: str, methods: list[str], **more: str) -> dict[str, Any]:
    nobody = {"Enabled": False, "Quantity": 0}
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cache,
        "Compress": True,
        "AllowedMethods": {**_items(methods), "CachedMethods": _items(_READING)},
        # CloudFront's update operation also requires these fields.
        "TrustedSigners": nobody,
        "TrustedKeyGroups": nobody,
        "SmoothStreaming": False,
        "LambdaFunctionAssociations": {"Quantity": 0},
        "FunctionAssociations": {"Quantity": 0},
        "FieldLevelEncryptionId": "",
        **more,
    }


def _items(items: list[Any]) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}
