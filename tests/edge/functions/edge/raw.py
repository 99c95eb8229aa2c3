"""An ASGI app that answers what it received, with fields and a body that are hard to convert."""

from base64 import b64encode
from typing import Any

import msgspec

from neurova import mount


async def app(scope: Any, receive: Any, send: Any) -> None:
    received = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "fields": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "body": b64encode((await receive())["body"]).decode(),
    }
    fields = [
        (b"content-type", b"application/octet-stream"),
        (b"x-received", msgspec.json.encode(received)),
        (b"x-latin", b"caf\xe9"),
        (b"link", b"</a>"),
        (b"link", b"</b>"),
        (b"set-cookie", b"a=1; Path=/"),
        (b"set-cookie", b"b=2, 3"),
        (b"set-cookie", b"c=4"),
    ]
    await send({"type": "http.response.start", "status": 207, "headers": fields})
    await send({"type": "http.response.body", "body": bytes(range(256))})


raw = mount("/raw", app, public=True)
