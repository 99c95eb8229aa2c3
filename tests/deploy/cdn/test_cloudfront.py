"""The configuration sent to CloudFront's API, and operator mistakes."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from neurova.errors import NeurovaError
from neurova_deploy.cdn.cloudfront_config import distribution
from neurova_deploy.cdn.table import open_cdn

from .conftest import NAME, ROUTES, CloudFrontEdge
from .test_publish import pytestmark  # noqa: F401 - marks these tests, too

IDS = {"OriginAccessControl": "O", "ResponseHeadersPolicy": "H", "CachePolicy": "C"}
DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
BUCKET = f"{NAME}-123456789012"


def test_api_is_stored_only_if_a_function_says_cache(cloudfront: CloudFrontEdge) -> None:
    config = distribution(NAME, cloudfront.deploy, "bucket", ROUTES, IDS)
    behaviors = config["CacheBehaviors"]["Items"]
    assert [(each["PathPattern"], each["CachePolicyId"]) for each in behaviors] == [
        ("/rooms/*", "C"),
        ("/rooms", DISABLED),
        ("/bookings", DISABLED),
    ]
    assert {each["TargetOriginId"] for each in behaviors} == {"api"}
    assert all(each["ErrorCachingMinTTL"] == 0 for each in config["CustomErrorResponses"]["Items"])
    assert {each["ViewerProtocolPolicy"] for each in behaviors} == {"redirect-to-https"}
    default = config["DefaultCacheBehavior"]
    assert (default["TargetOriginId"], default["Compress"]) == ("site", True)
    assert default["ResponseHeadersPolicyId"] == "H"
    assert config["HttpVersion"] == "http2and3"


def test_policies_have_the_headers_and_no_default_caching(cloudfront: CloudFrontEdge) -> None:
    """moto does not implement policies, so inspect what boto3 sends."""
    headers = dict(cloudfront.publish().front.headers)
    (sent,) = cloudfront.api.policies["ResponseHeadersPolicy"].values()
    assert f"<AccessControlMaxAgeSec>{31536000}<" in sent
    assert "<ReferrerPolicy>no-referrer</ReferrerPolicy>" in sent
    assert "<ContentTypeOptions><Override>true<" in sent
    policy = headers["content-security-policy"].replace("'", "&apos;")
    assert policy in sent.replace("'", "&apos;")
    custom = set(re.findall("<Header>(.*?)</Header>", sent))
    assert custom == {
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "permissions-policy",
    }
    assert len(headers) == len(custom) + 4
    (caching,) = cloudfront.api.policies["CachePolicy"].values()
    assert "<DefaultTTL>0</DefaultTTL>" in caching
    assert "<MinTTL>0</MinTTL>" in caching


def test_only_the_distribution_reads_the_private_bucket(cloudfront: CloudFrontEdge) -> None:
    cloudfront.publish()
    (found,) = cloudfront.cloudfront.list_distributions()["DistributionList"]["Items"]
    policy = json.loads(cloudfront.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    for statement in policy["Statement"]:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["AWS:SourceArn"] == found["ARN"]
    assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::{BUCKET}/site/*"
    block = cloudfront.s3.get_public_access_block(Bucket=BUCKET)
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}
    head = cloudfront.s3.head_object(Bucket=BUCKET, Key="site/index.html")
    assert head["CacheControl"] == "no-cache"
    assert head["ContentType"] == "text/html; charset=utf-8"


def change_distribution(edge: CloudFrontEdge) -> None:
    api = edge.cloudfront
    (found,) = api.list_distributions()["DistributionList"]["Items"]
    answer = api.get_distribution_config(Id=found["Id"])
    config = {**answer["DistributionConfig"], "HttpVersion": "http1.1"}
    api.update_distribution(Id=found["Id"], IfMatch=answer["ETag"], DistributionConfig=config)


def change_policy(edge: CloudFrontEdge) -> None:
    policies = edge.api.policies["ResponseHeadersPolicy"]
    (identity,) = policies
    policies[identity] = policies[identity].replace("no-referrer", "unsafe-url")


def open_bucket(edge: CloudFrontEdge) -> None:
    edge.s3.delete_public_access_block(Bucket=BUCKET)


def change_file(edge: CloudFrontEdge) -> None:
    edge.s3.put_object(Bucket=BUCKET, Key="site/robots.txt", Body=b"changed")


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (change_distribution, "~ Distribution/neurova-shop-test\n    HttpVersion: http1.1"),
        (change_policy, "ReferrerPolicy: unsafe-url -> no-referrer"),
        (open_bucket, f"~ Bucket/{BUCKET}\n    PublicAccessBlock.BlockPublicAcls"),
        (change_file, "upload robots.txt\ninvalidate /robots.txt"),
    ],
)
def test_drift_by_hand_is_shown_and_taken_back(
    cloudfront: CloudFrontEdge, change: Any, shown: str
) -> None:
    cloudfront.publish()
    change(cloudfront)
    assert shown in str(cloudfront.publish())
    assert not cloudfront.plan()


def test_deployment_at_the_same_time_is_noticed(cloudfront: CloudFrontEdge) -> None:
    cloudfront.publish()
    state = cloudfront.s3.get_object(Bucket=BUCKET, Key="neurova.json.gz")["Body"].read()
    cloudfront.write("robots.txt", "a")
    plan = cloudfront.plan()

    def interfere(line: str) -> None:
        if line == "upload robots.txt":
            cloudfront.s3.put_object(Bucket=BUCKET, Key="neurova.json.gz", Body=state + b"\0")

    with pytest.raises(NeurovaError, match="another deployment published"):
        cloudfront.cdn.apply(plan, interfere)


def test_wrong_account_or_bucket_names_the_fix(
    cloudfront: CloudFrontEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudfront.s3.create_bucket(
        Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    cloudfront.s3.put_object(Bucket="theirs", Key="photo.jpg", Body=b"1")
    deploy = msgspec.structs.replace(cloudfront.deploy, cdn_bucket="theirs")
    with pytest.raises(NeurovaError, match="cdn_bucket: the bucket theirs has files that are not"):
        open_cdn("shop", "test", deploy).check()
    cloudfront.cdn.apply(cloudfront.plan(), lambda line: None)
    other = msgspec.structs.replace(cloudfront.deploy, cdn_bucket=BUCKET)
    with pytest.raises(NeurovaError, match="belongs to neurova-shop-test"):
        open_cdn("other", "test", other).check()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(NeurovaError, match="aws sso login"):
        open_cdn("shop", "test", cloudfront.deploy)
