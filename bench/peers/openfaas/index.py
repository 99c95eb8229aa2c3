"""A reimplementation of OpenFaaS's python3-http template: Flask on waitress.

A catch-all Flask route creates an event (body, header fields, method, query, path) and a context,
calls the handler, and converts its result into a response, dicts as JSON. Waitress has its default
threads. There is no log, and no watchdog process, which in a cluster runs in front of the server.
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
    """Convert a result into body, status and headers for Flask."""
    body = returned.get("body", "")
    ready = jsonify(body) if isinstance(body, dict | list) else body
    return ready, returned.get("statusCode", 200), returned.get("headers", {})


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def handle_request(path):
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
