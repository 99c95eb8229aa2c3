"""What OpenFaaS's python3-http template does around a handler, written anew: Flask on waitress.

A catch-all Flask route makes an event (body, header fields, method, query, path) and a context,
calls the handler, and turns what it returns into a response, dicts as JSON. Waitress with its own
default threads. Bare: without the watchdog process that stands before it in a cluster, no log.
"""

import os
import sys
from types import SimpleNamespace

from flask import Flask, jsonify, request
from handler import handle
from waitress import serve

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
app = Flask(__name__)


def respond(returned):
    """Return body, status and headers for Flask."""
    body = returned.get("body", "")
    ready = jsonify(body) if isinstance(body, dict | list) else body
    return ready, returned.get("statusCode", 200), returned.get("headers", {})


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def every(path):
    """Pass any request to the handler."""
    event = SimpleNamespace(
        body=request.get_data(),
        headers=request.headers,
        method=request.method,
        query=request.args,
        path=request.path,
    )
    return respond(handle(event, SimpleNamespace(hostname=os.getenv("HOSTNAME", "localhost"))))


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]))
