"""The same answer from functions-framework, without key, limit, trace, log and schema.

Runs on gunicorn, with the framework's worker and thread settings.
"""

from datetime import date, timedelta

import flask
import functions_framework

RATES = {"a": 7500, "b": 8250, "c": 9900, "d": 11950, "e": 13400, "f": 15800}


@functions_framework.http
def quote(request: flask.Request):
    """Price a stay."""
    stay = request.get_json()
    rate = RATES[stay["room_type"]]
    return {
        **stay,
        "rate_cents": rate,
        "total_cents": rate * stay["nights"],
        "currency": "EUR",
        "cancel_until": str(date.fromisoformat(stay["arrival"]) - timedelta(days=7)),
    }
