"""The same answer from a handler for OpenFaaS's python3-http template."""

import json
from datetime import date, timedelta

RATES = {"a": 7500, "b": 8250, "c": 9900, "d": 11950, "e": 13400, "f": 15800}


def handle(event, context):
    """Price a stay."""
    stay = json.loads(event.body)
    rate = RATES[stay["room_type"]]
    answer = {
        **stay,
        "rate_cents": rate,
        "total_cents": rate * stay["nights"],
        "currency": "EUR",
        "cancel_until": str(date.fromisoformat(stay["arrival"]) - timedelta(days=7)),
    }
    return {"statusCode": 200, "body": answer}
