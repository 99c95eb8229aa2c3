"""Tables of unauthorised requests: spellings of paths, methods, headers and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .conftest import Keys

Fields = list[tuple[bytes, bytes]]


class RawRequest(NamedTuple):
    """A raw request; `is_asgi` tells whether an ASGI scope can represent it."""

    method: bytes
    target: bytes
    fields: Fields = []  # noqa: RUF012  # never changed
    body: bytes = b""
    version: bytes = b"1.1"
    host: bool = True
    is_asgi: bool = True

    def encode(self) -> bytes:
        """Return the request as HTTP/1.1 bytes."""
        lines = [b"%b %b HTTP/%b" % (self.method, self.target, self.version)]
        lines += [b"%b: %b" % field for field in self.all_fields()]
        return b"\r\n".join([*lines, b"Connection: close", b"", self.body])

    def all_fields(self) -> Fields:
        """Return all fields except Connection."""
        host = [(b"Host", b"probe")] if self.host else []
        length = [(b"Content-Length", b"%d" % len(self.body))] if self.body else []
        return [*host, *self.fields, *length]


class Route(NamedTuple):
    """A route, and the name (in Keys) of a key that may not call it; "" means no key."""

    method: bytes
    path: bytes
    key: str

    def fields(self, keys: Keys) -> Fields:
        """Return the header field with the key."""
        return [(b"X-API-Key", getattr(keys, self.key))] if self.key else []


ROUTES = {
    "secret": Route(b"GET", b"/secret", "low"),
    "echo": Route(b"POST", b"/echo", "other"),
    "item": Route(b"GET", b"/items/1", ""),
    "mount": Route(b"GET", b"/legacy/a", "low"),
    "mount_itself": Route(b"GET", b"/legacy", ""),
}

JSON = (b"Content-Type", b"application/json")
BODY = b'{"text":"x"}'


def _hex(data: bytes, form: bytes = b"%%%02x") -> bytes:
    return b"".join(form % byte for byte in data)


# Spellings of a path "/a...". They escape its first letter unless the name says otherwise.
PATHS: dict[str, Callable[[bytes], bytes]] = {
    "itself": lambda p: p,
    "letter_escaped": lambda p: b"/%b%b" % (_hex(p[1:2]), p[2:]),
    "letter_escaped_upper": lambda p: b"/%b%b" % (_hex(p[1:2], b"%%%02X"), p[2:]),
    "all_escaped": lambda p: b"/" + b"/".join(map(_hex, p[1:].split(b"/"))),
    "all_escaped_slash_too": _hex,
    "slash_escaped": lambda p: b"/" + p[1:].replace(b"/", b"%2f") + b"%2f",
    "escaped_twice": lambda p: b"/%b%b" % (_hex(p[1:2], b"%%25%02x"), p[2:]),
    "escaped_thrice": lambda p: b"/%b%b" % (_hex(p[1:2], b"%%2525%02x"), p[2:]),
    "percent_escaped": lambda p: b"/%25" + p[1:],
    "upper": bytes.upper,
    "title": lambda p: b"/" + p[1:].title(),
    "a_letter_more": lambda p: p + b"a",
    "slash_after": lambda p: p + b"/",
    "slashes_after": lambda p: p + b"//",
    "slash_before": lambda p: b"/" + p,
    "slashes_before": lambda p: b"//" + p,
    "dot_before": lambda p: b"/." + p,
    "dots_before": lambda p: b"/.." + p,
    "up_from_nowhere": lambda p: b"/nowhere/.." + p,
    "up_from_public": lambda p: b"/count/.." + p,
    "up_far": lambda p: b"/../../../.." + p,
    "dot_escaped": lambda p: b"/%2e" + p,
    "dots_escaped": lambda p: b"/count/%2e%2e" + p,
    "dots_half_escaped": lambda p: b"/count/.%2e" + p,
    "dots_escaped_twice": lambda p: b"/count/%252e%252e" + p,
    "dots_and_slash_escaped": lambda p: b"/count%2f%2e%2e%2f" + p[1:],
    "dots_semicolon": lambda p: b"/count/..;" + p,
    "semicolon_before": lambda p: b"/;" + p,
    "semicolon_after": lambda p: p + b";",
    "parameter_after": lambda p: p + b";v=1",
    "style_after": lambda p: p + b";.css",
    "semicolon_escaped": lambda p: p + b"%3b",
    "dot_after": lambda p: p + b"/.",
    "dots_after": lambda p: p + b"/..",
    "full_stop": lambda p: p + b".",
    "ending": lambda p: p + b".json",
    "space_escaped": lambda p: p + b"%20",
    "space_escaped_before": lambda p: b"/%20" + p[1:],
    "tab_escaped": lambda p: p + b"%09",
    "nul_escaped": lambda p: p + b"%00",
    "nul_and_ending": lambda p: p + b"%00.html",
    "line_escaped": lambda p: p + b"%0d%0a",
    "field_escaped": lambda p: p + b"%20HTTP/1.1%0d%0aX-API-Key:%20x",
    "slash_escaped_before": lambda p: b"/%2f" + p[1:],
    "backslash_before": lambda p: b"/\\" + p[1:],
    "backslash_only": lambda p: b"\\" + p[1:],
    "backslash_after": lambda p: p + b"\\",
    "backslash_up": lambda p: b"/count/..\\" + p[1:],
    "backslash_escaped_up": lambda p: b"/count/..%5c" + p[1:],
    "backslash_escaped": lambda p: b"/%5c" + p[1:],
    "query_with_public": lambda p: p + b"?path=/count",
    "query_twice": lambda p: p + b"??public=1",
    "query_escaped": lambda p: p + b"%3f",
    "fragment": lambda p: p + b"#/count",
    "fragment_of_public": lambda p: b"/nowhere#" + p,
    "fragment_escaped": lambda p: p + b"%23",
    "absolute": lambda p: b"http://probe" + p,
    "absolute_secure": lambda p: b"https://probe:443" + p,
    "absolute_other_host": lambda p: b"http://127.0.0.1" + p,
    "absolute_in_path": lambda p: b"/http://probe" + p,
    "network_path": lambda p: b"//probe" + p,
    "user_in_host": lambda p: b"http://probe@127.0.0.1" + p,
    "no_slash": lambda p: p[1:],
    "asterisk": lambda p: b"*",
    "asterisk_and_path": lambda p: b"*" + p,
    "overlong_slash": lambda p: b"/count%c0%af..%c0%af" + p[1:],
    "overlong_letter": lambda p: b"/%%c1%b%b" % (_hex(bytes([p[1] & 0x3F | 0x80])), p[2:]),
    "overlong_in_three": lambda p: b"/%%e0%%81%b%b" % (_hex(bytes([p[1] & 0x3F | 0x80])), p[2:]),
    "overlong_nul": lambda p: p + b"%c0%80",
    "surrogate": lambda p: p + b"%ed%a0%80",
    "surrogate_pair": lambda p: p + b"%ed%a0%bd%ed%b8%80",
    "beyond_unicode": lambda p: p + b"%f4%90%80%80",
    "not_utf8": lambda p: p + b"%ff",
    "byte": lambda p: p + b"\xff",
    "no_break_space": lambda p: p + b"\xa0",
    "raw_utf8": lambda p: p + "é".encode(),
    "full_width": lambda p: b"/" + _hex(chr(0xFEE0 + p[1]).encode()) + p[2:],
    "full_width_slash": lambda p: b"/" + _hex("\uff0f".encode()) + p[1:],
    "long_s": lambda p: b"/" + _hex("\u017f".encode()) + p[2:],
    "dotless_i": lambda p: b"/" + _hex("\u0131".encode()) + p[2:],
    "combining": lambda p: p + _hex("\u0301".encode()),
    "zero_width": lambda p: b"/" + _hex("\u200b".encode()) + p[1:],
    "byte_order_mark": lambda p: b"/" + _hex("\ufeff".encode()) + p[1:],
    "right_to_left": lambda p: b"/" + _hex("\u202e".encode()) + p[1:],
    "escape_of_unicode": lambda p: b"/%%u00%02x%b" % (p[1], p[2:]),
    "escape_cut": lambda p: p + b"%",
    "escape_cut_in_half": lambda p: p + b"%7",
    "escape_of_nothing": lambda p: p + b"%zz",
    "plus": lambda p: p + b"+",
    "braces": lambda p: p + b"{}",
    "quoted": lambda p: b'"%b"' % p,
    "template": lambda p: b"/{id}" + p,
    "endless_dots": lambda p: b"/." * 3000 + p,
}


class MethodSpelling(NamedTuple):
    """A spelling of a method; `path` None means the path of the route."""

    method: bytes
    fields: Fields = []  # noqa: RUF012  # never changed
    query: bytes = b""
    body: bytes = b""
    is_asgi: bool = True


# Methods, sent with a key that may call the route.
METHODS: dict[str, MethodSpelling] = {
    **{
        name: MethodSpelling(name.encode())
        for name in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "SEARCH")
    },
    "preflight": MethodSpelling(
        b"OPTIONS", [(b"Origin", b"https://a.b"), (b"Access-Control-Request-Method", b"GET")]
    ),
    # In an ASGI scope the method is a token in upper case.
    **{
        name: MethodSpelling(method, is_asgi=False)
        for name, method in {
            "lower": b"get",
            "lower_post": b"post",
            "title": b"Get",
            "unknown": b"FROB",
            "longer": b"GETT",
            "tab_after": b"GET\t",
            "tab_before": b"\tGET",
            "nul": b"GET\x00",
            "two": b"GET POST",
            "list": b"GET,POST",
            "quoted": b'"GET"',
            "escaped": b"%47ET",
            "full_width": "\uff27\uff25\uff34".encode(),
            "empty": b"",
        }.items()
    },
    **{
        f"override_{number}": MethodSpelling(b"PUT", [(field, b"GET"), (field, b"POST")])
        for number, field in enumerate(
            (b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override", b"X-Method")
        )
    },
    "override_in_query": MethodSpelling(b"PUT", query=b"?_method=GET&_method=POST&method=GET"),
    "override_in_body": MethodSpelling(
        b"PUT", [(b"Content-Type", b"application/x-www-form-urlencoded")], body=b"_method=POST"
    ),
}

# Headers that some servers obey.
FIELDS: dict[str, Callable[[Keys], Fields]] = {
    **{
        name.lower().replace("-", "_"): lambda k, name=name, value=value: [(name.encode(), value)]  # type: ignore[misc]
        for value, names in {
            b"/count": "X-Original-URL X-Rewrite-URL X-Original-URI X-Forwarded-URI"
            " X-Forwarded-Path X-Forwarded-Prefix",
            b"127.0.0.1": "X-Forwarded-For X-Real-IP X-Client-IP X-Originating-IP True-Client-IP"
            " CF-Connecting-IP X-Custom-IP-Authorization",
            b"localhost": "X-Forwarded-Host X-Forwarded-Server",
            b"good": "X-Consumer-Username X-Consumer-Custom-ID X-Credential-Identifier"
            " X-Authenticated-Userid X-Remote-User Remote-User",
            b"probe:write probe:secret": "X-Consumer-Scopes X-Neurova-Scopes",
            b"true": "X-Public X-Neurova-Public",
            b"e30=.e30=": "X-Neurova-Identity X_Neurova_Identity X-Neurova_Identity"
            " Neurova-Identity",
            b"OPTIONS": "X-Forwarded-Method",
            b"for=127.0.0.1;host=localhost;proto=https": "Forwarded",
            b"https": "X-Forwarded-Proto",
            b"1": "X-Consumer-ID",
            b"probe:secret": "X-Authenticated-Scope",
            b"false": "X-Anonymous-Consumer",
            b'{"consumer":"good","scopes":"probe:write probe:secret"}': "nv",
            b"x": "Kong-Admin-Token",
            b"1.1 gateway": "Via",
            b"X-API-Key, Host": "Connection",
            b"h2c": "Upgrade",
            b"AAMAAABkAAQAAP__": "HTTP2-Settings",
            b"0": "Max-Forwards",
            b"bytes=0-0": "Range",
            b"*": "If-None-Match",
            b"only-if-cached": "Cache-Control",
            b"null": "Origin",
            b"http://probe/count": "Referer",
            b"gzip": "Content-Encoding",
            b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00": "traceparent",
        }.items()
        for name in names.split()
    },
    "identity_twice": lambda k: [(b"X-Neurova-Identity", b"a.b"), (b"x-neurova-identity", b"c.d")],
    "identity_is_the_key": lambda k: [(b"X-Neurova-Identity", k.good)],
}


def _field(form: bytes, name: bytes = b"X-API-Key") -> Callable[[Keys], Fields]:
    return lambda k: [(name, form % k.good if b"%b" in form else form)]


# Spellings of a fully authorised key that the server must not accept.
PRESENTED: dict[str, Callable[[Keys], Fields]] = {
    "none": lambda k: [],
    "empty": _field(b""),
    "word": _field(b"null"),
    "anything": _field(b"*"),
    "sql": _field(b"' OR 1=1 --"),
    "prefix": _field(b"nrv_test_"),
    "unknown": lambda k: [(b"X-API-Key", k.unknown)],
    "expired": lambda k: [(b"X-API-Key", k.expired)],
    "revoked": lambda k: [(b"X-API-Key", k.revoked)],
    "live": lambda k: [(b"X-API-Key", k.live)],
    "other_environment_of_it": lambda k: [(b"X-API-Key", k.elsewhere)],
    "bound": lambda k: [(b"X-API-Key", k.bound)],
    "bound_and_forwarded": lambda k: [(b"X-API-Key", k.bound), (b"X-Forwarded-For", b"10.0.0.1")],
    "bound_and_real": lambda k: [(b"X-API-Key", k.bound), (b"X-Real-IP", b"10.0.0.1")],
    "bound_and_via": lambda k: [(b"X-API-Key", k.bound), (b"Forwarded", b"for=10.0.0.1")],
    "lower": lambda k: [(b"X-API-Key", k.good.lower())],
    "upper": lambda k: [(b"X-API-Key", k.good.upper())],
    "case_swapped": lambda k: [(b"X-API-Key", k.good[:9] + k.good[9:].swapcase())],
    "prefix_upper": lambda k: [(b"X-API-Key", b"NRV_TEST_" + k.good[9:])],
    "typo": lambda k: [(b"X-API-Key", k.good[:20] + bytes([k.good[20] ^ 1]) + k.good[21:])],
    "turned_letters": lambda k: [(b"X-API-Key", k.good[:9] + k.good[9:39][::-1] + k.good[39:])],
    "cut": lambda k: [(b"X-API-Key", k.good[:-1])],
    "without_checksum": lambda k: [(b"X-API-Key", k.good[:-6])],
    "without_prefix": lambda k: [(b"X-API-Key", k.good[9:])],
    "longer": _field(b"%b0"),
    "twice_in_one": lambda k: [(b"X-API-Key", k.good + k.good)],
    "space_inside": lambda k: [(b"X-API-Key", k.good[:20] + b" " + k.good[20:])],
    "underscore_is_dash": lambda k: [(b"X-API-Key", k.good.replace(b"_", b"-"))],
    "quoted": _field(b'"%b"'),
    "comma": _field(b"%b,"),
    "semicolon": _field(b"%b;"),
    "list": lambda k: [(b"X-API-Key", k.good + b", " + k.good)],
    "after_junk": _field(b"x, %b"),
    "scheme_in_own_field": _field(b"Bearer %b"),
    "escaped": lambda k: [(b"X-API-Key", _hex(k.good))],
    "base64": lambda k: [(b"X-API-Key", k.basic(b"%b")[6:])],
    "digest": lambda k: [(b"X-API-Key", k.digest)],
    "digest_with_prefix": lambda k: [(b"X-API-Key", b"nrv_test_" + k.digest[:36])],
    "no_break_space": _field(b"%b\xa0"),
    "no_break_space_in_utf8": _field(b"\xc2\xa0%b"),
    "zero_width": _field(b"%b\xe2\x80\x8b"),
    "full_width_digit": lambda k: [(b"X-API-Key", k.good[:-1] + "\uff10".encode())],
    "not_utf8": lambda k: [(b"X-API-Key", k.good[:-1] + b"\xff")],
    "surrogate": lambda k: [(b"X-API-Key", k.good[:-3] + b"\xed\xa0\x80")],
    "huge": _field(b"n" * 15_000),
    "field_twice": lambda k: [(b"X-API-Key", k.good)] * 2,
    "field_twice_in_two_cases": lambda k: [(b"X-API-Key", k.good), (b"x-api-key", k.good)],
    "good_then_junk": lambda k: [(b"X-API-Key", k.good), (b"X-API-Key", b"x")],
    "junk_then_good": lambda k: [(b"X-API-Key", b"x"), (b"X-API-Key", k.good)],
    "low_then_good": lambda k: [(b"X-API-Key", k.low), (b"X-API-Key", k.good)],
    "empty_then_good": lambda k: [(b"X-API-Key", b""), (b"X-API-Key", k.good)],
    "both_fields": lambda k: [(b"X-API-Key", k.good), (b"Authorization", b"Bearer " + k.good)],
    "both_fields_one_low": lambda k: [
        (b"X-API-Key", k.low), (b"Authorization", b"Bearer " + k.good),
    ],
    "both_fields_one_basic": lambda k: [(b"X-API-Key", k.good), (b"Authorization", b"Basic YTpi")],
    "bearer_twice": lambda k: [(b"Authorization", b"Bearer " + k.good)] * 2,
    "bearer_list": lambda k: [(b"Authorization", b"Bearer %b, Bearer %b" % (k.good, k.good))],
    "bearer_two_words": _field(b"Bearer %b x", b"Authorization"),
    "bearer_without_space": _field(b"Bearer%b", b"Authorization"),
    "bearer_comma": _field(b"Bearer,%b", b"Authorization"),
    "bearer_equals": _field(b"Bearer=%b", b"Authorization"),
    "bearer_colon": _field(b"Bearer:%b", b"Authorization"),
    "bearer_tab": _field(b"Bearer\t%b", b"Authorization"),
    "bearer_quoted": _field(b'Bearer "%b"', b"Authorization"),
    "bearer_named": _field(b"Bearer token=%b", b"Authorization"),
    "bearer_alone": _field(b"Bearer", b"Authorization"),
    "bearer_expired": lambda k: [(b"Authorization", b"Bearer " + k.expired)],
    "bearer_live": lambda k: [(b"Authorization", b"Bearer " + k.live)],
    "no_scheme": _field(b"%b", b"Authorization"),
    **{
        f"scheme_{scheme.lower()}": _field(scheme.encode() + b" %b", b"Authorization")
        for scheme in ("Basic", "Token", "ApiKey", "Digest", "Negotiate", "DPoP", "nrv", "Bearers")
    },
    "basic_user": lambda k: [(b"Authorization", k.basic(b"%b:"))],
    "basic_password": lambda k: [(b"Authorization", k.basic(b":%b"))],
    "cookie": _field(b"X-API-Key=%b", b"Cookie"),
    "cookie_too": lambda k: [(b"Cookie", b"x-api-key=%b; key=%b" % (k.good, k.good))],
    **{
        f"field_{name.lower().replace('-', '_')}_{number}": _field(b"%b", name.encode())
        for number, name in enumerate(
            (
                "X_API_Key", "X-API_Key", "X_API-KEY", "API-Key", "ApiKey", "X-ApiKey", "X-Key",
                "Key", "X-Auth-Token", "X-Access-Token", "Access-Token", "Token", "X-Token",
                "Proxy-Authorization", "X-Authorization", "Authorisation", "X-API-Key-",
                "X-Forwarded-API-Key", "X-Neurova-Key", "HTTP_X_API_KEY",
            )
        )
    },
}  # fmt: skip

# A key in the query or in the body: the server reads neither.
ELSEWHERE: dict[str, Callable[[Keys], tuple[bytes, bytes]]] = {
    **{
        f"query_{name}": lambda k, name=name: (b"?%b=%b" % (name.encode(), k.good), b"")  # type: ignore[misc]
        for name in ("x-api-key", "X-API-Key", "api_key", "apikey", "key", "access_token", "token")
    },
    "query_alone": lambda k: (b"?" + k.good, b""),
    "query_with_line": lambda k: (b"?a%0d%0aX-API-Key:%20" + k.good, b""),
    "body_json": lambda k: (b"", b'{"text":"x","x-api-key":"%b","key":"%b"}' % (k.good, k.good)),
    "body_form": lambda k: (b"", b"x-api-key=%b&access_token=%b" % (k.good, k.good)),
}
