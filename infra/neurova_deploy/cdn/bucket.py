"""The private S3 bucket of a page: its files, and a record of the deployed state."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from neurova.errors import ConfigError

from ..targets.base import DeployError
from .base import Release, url_path
from .cloudfront_config import FOLDER
from .site import SiteFile

_STATE = "neurova.json.gz"
_TAG = "neurova"
_PRIVATE = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
_BATCH = 1000


class State(msgspec.Struct, frozen=True):
    """The deployed state.

    `files`: S3's entity tag and our hash of each file. `applied`: for each kind of resource, the
    hash of the wanted configuration, and the configuration that CloudFront returned.
    """

    releases: tuple[Release, ...] = ()
    files: Mapping[str, tuple[str, str]] = {}
    applied: Mapping[str, tuple[str, dict[str, Any]]] = {}


class Bucket:
    """A bucket with the tag `neurova` = `owner`."""

    def __init__(self, s3: Any, name: str, owner: str) -> None:
        self.name, self._s3, self._owner = name, s3, owner
        self.key = f"Bucket/{name}"
        self.domain = f"{name}.s3.{s3.meta.region_name}.amazonaws.com"

    def exists(self) -> bool:
        """Return whether the bucket exists. Raises ConfigError if it is not ours."""
        error = self._s3.exceptions.ClientError
        try:
            self._s3.head_bucket(Bucket=self.name)
        except error as refused:
            status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return False
            if status in (301, 400):
                raise self._refuse("is in another region", "set AWS_REGION to its region") from None
            raise self._refuse(
                "belongs to another account, or these credentials may not use it",
                "set cdn_bucket to another name, or allow s3:ListBucket on it",
            ) from None
        try:
            tags = self._s3.get_bucket_tagging(Bucket=self.name)["TagSet"]
        except error as refused:
            if refused.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            tags = []
        owner = next((each["Value"] for each in tags if each["Key"] == _TAG), "")
        is_empty = not owner and not self._s3.list_objects_v2(Bucket=self.name, MaxKeys=1).get(
            "KeyCount"
        )
        if owner != self._owner and not is_empty:
            what = f"belongs to {owner}" if owner else "has files that are not ours"
            fix = f"set cdn_bucket to another name, or give it the tag {_TAG}={self._owner}"
            raise self._refuse(what, fix)
        return True

    def create(self) -> None:
        """Create the bucket if it is missing; block public access and set our tag."""
        if not self.exists():
            region = self._s3.meta.region_name
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._s3.create_bucket(Bucket=self.name, **(where if region != "us-east-1" else {}))
        tags = [{"Key": _TAG, "Value": self._owner}]
        self._s3.put_bucket_tagging(Bucket=self.name, Tagging={"TagSet": tags})
        self._s3.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=_PRIVATE)

    def access(self) -> dict[str, Any]:
        """Return the bucket's policy and its public-access settings."""
        error = self._s3.exceptions.ClientError
        found: dict[str, Any] = {"Policy": {}, "PublicAccessBlock": {}}
        try:
            policy = self._s3.get_bucket_policy(Bucket=self.name)["Policy"]
            found["Policy"] = json.loads(policy)
            answer = self._s3.get_public_access_block(Bucket=self.name)
            found["PublicAccessBlock"] = answer["PublicAccessBlockConfiguration"]
        except error as refused:
            code = refused.response["Error"]["Code"]
            if code not in ("NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration"):
                raise
        return found

    @staticmethod
    def wanted_access(policy: dict[str, Any]) -> dict[str, Any]:
        """Return the value that `access` returns for a correctly configured bucket."""
        return {"Policy": policy, "PublicAccessBlock": _PRIVATE}

    def allow(self, policy: dict[str, Any]) -> None:
        """Set the bucket's policy."""
        self._s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def files(self) -> dict[str, str]:
        """Return the entity tags of the files by path."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=f"{FOLDER}/"
        )
        return {
            _path(each["Key"]): each["ETag"] for page in pages for each in page.get("Contents", ())
        }

    def upload(self, file: SiteFile) -> str:
        """Store a file; return its entity tag."""
        answer = self._s3.put_object(
            Bucket=self.name,
            Key=_key(file.path),
            Body=file.content,
            ContentType=file.content_type,
            CacheControl=file.cache_control,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(file.sha256)).decode(),
        )
        return str(answer["ETag"])

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files."""
        self._delete([_key(path) for path in paths])

    def read_state(self) -> tuple[State, str]:
        """Return the state, and its entity tag ("" without a state)."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=_STATE)
        except self._s3.exceptions.NoSuchKey:
            return State(), ""
        try:
            content = gzip.decompress(answer["Body"].read())
            return msgspec.json.decode(content, type=State), answer["ETag"]
        except (OSError, EOFError, zlib.error, msgspec.MsgspecError):
            fix = "delete it and deploy again: all files are then uploaded again"
            raise DeployError("is damaged", where=f"s3://{self.name}/{_STATE}", fix=fix) from None

    def write_state(self, state: State, tag: str) -> None:
        """Replace the state if its entity tag is still `tag`. Raises DeployError otherwise."""
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        body = gzip.compress(msgspec.json.encode(state), mtime=0)
        try:
            self._s3.put_object(Bucket=self.name, Key=_STATE, Body=body, **condition)
        except self._s3.exceptions.ClientError as refused:
            if refused.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
            what = "another deployment published at the same time"
            raise DeployError(what, where=self.name, fix="deploy again") from None

    def remove(self) -> None:
        """Delete the bucket and all its objects."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        self._delete(sorted(keys, key=lambda key: key == _STATE))
        self._s3.delete_bucket(Bucket=self.name)

    def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), _BATCH):
            objects = [{"Key": key} for key in keys[start : start + _BATCH]]
            answer = self._s3.delete_objects(
                Bucket=self.name, Delete={"Objects": objects, "Quiet": True}
            )
            for error in answer.get("Errors", ()):
                raise DeployError(f"{error['Code']}: {error['Message']}", where=error["Key"])

    def _refuse(self, what: str, fix: str) -> ConfigError:
        return ConfigError(f"the bucket {self.name} {what}", where="cdn_bucket", fix=fix)


def _key(path: str) -> str:
    """Return the key of a file: the URL path that CloudFront requests, index.html for the root."""
    return f"{FOLDER}/{path if path == 'index.html' else url_path(path)[1:]}"


def _path(key: str) -> str:
    path = key.removeprefix(f"{FOLDER}/")
    return f"{path}index.html" if path.endswith("/") else path
