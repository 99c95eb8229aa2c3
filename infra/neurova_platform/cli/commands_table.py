"""All commands of `neurova`. A command is imported when it is called."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command: "module:name" below cli/commands, and the first line of its help."""

    target: str
    help: str


COMMANDS = {
    "dev": Command("dev:dev", "Serve the project with reload and a test key, and show each call."),
    "run": Command("run:run", "Serve the project with live keys and several workers."),
    "new": Command("new:new", "Create a project, a service or a function."),
    "functions": Command(
        "functions:functions",
        "List the project's functions, and its schedules with their next times.",
    ),
    "status": Command("status:status", "Show the state of the running platform."),
    "call": Command("call:call", "Call the running platform; show response, time and limits."),
    "explain": Command("explain:explain", "Show which function handles a call, and its settings."),
    "openapi": Command("openapi:openapi", "Print the project's OpenAPI document."),
    "secrets": Command("secrets:secrets", "Set, show, list, rotate and import secrets."),
    "gateway": Command("gateway:gateway", "Render, compare and load the configuration of Kong."),
    "keys": Command(
        "keys:keys", "Create, list, rotate, revoke, limit, export and import API keys."
    ),
    "consumers": Command(
        "consumers:consumers", "List consumers, set their plan and limits, and show their usage."
    ),
    "plans": Command(
        "consumers:plans", "List the plans of neurova.toml, and how many consumers hold each."
    ),
    "logs": Command("logs:logs", "Show the log lines of functions and the platform."),
    "dlq": Command("dlq:dlq", "Group, show, edit, replay, save and drop events that failed."),
    "traces": Command("traces:traces", "List the newest traces in the state folder, or show one."),
    "deploy": Command("deploy:deploy", "Plan, apply, promote and roll back a deployment."),
    "config": Command("config:config", "Show every setting and where its value comes from."),
    "doctor": Command("doctor:doctor", "Check what the platform needs, and show how to fix it."),
    "db": Command("db:db", "Create, apply and inspect the migrations of services."),
    "bus": Command(
        "bus:bus", "Create the queues on RabbitMQ or SQS; compare and print those on RabbitMQ."
    ),
    "schema": Command("schema:schema", "List, check, compare and register schemas of events."),
    "sql": Command(
        "sql:sql", "Print the answer of STATEMENT, one SELECT of tables of the warehouse."
    ),
    "report": Command("report:report", "List and show the saved reports of the project."),
    "warehouse": Command(
        "warehouse:warehouse",
        "List, archive, restore and check the tables of the warehouse, and forget persons.",
    ),
    "model": Command("model:model", "Train, register, promote, compare and watch models."),
    "version": Command("version:version", "Show the version of neurova and of Python."),
}
