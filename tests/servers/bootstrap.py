"""Prepare an OpenBao for a project with infra/vault/bootstrap.sh, as an operator does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.openbao import OpenBao
from tests.servers.postgres import PostgresServer

SCRIPT = Path(__file__).parents[2] / "infra" / "vault" / "bootstrap.sh"


def bootstrap(server: OpenBao, folder: Path, *words: str, **variables: str) -> tuple[str, str]:
    """Run the script; return the role's role_id and secret_id, which it writes to `folder`."""
    path = f"{Path(server.program).parent}{os.pathsep}{os.environ['PATH']}"
    access = {"BAO_ADDR": server.url, "BAO_TOKEN": server.token, "CREDENTIALS": str(folder)}
    done = subprocess.run(
        ["sh", SCRIPT, *words],
        env={"PATH": path, "HOME": str(folder), **access, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "role-id").read_text().strip(), (folder / "secret-id").read_text().strip()


def create_service_database(postgres: PostgresServer, service: str) -> str:
    """Create a service's database and its owner role; return the URL without a user."""
    postgres.run(f"CREATE ROLE {service} NOLOGIN")
    postgres.run(f"CREATE DATABASE {service} OWNER {service}")
    return f"postgresql://127.0.0.1:{postgres.port}/{service}?sslmode=disable"


def postgres_variables(postgres: PostgresServer, ttl: str, max_ttl: str) -> dict[str, str]:
    """Return the script's variables for leasing credentials of a PostgreSQL server."""
    parts = urlsplit(postgres.url)
    return {
        "POSTGRES_ADDRESS": f"127.0.0.1:{postgres.port}",
        "POSTGRES_ADMIN": parts.username or "",
        "POSTGRES_ADMIN_PASSWORD": parts.password or "",
        "POSTGRES_SSLMODE": "disable",
        "DATABASE_TTL": ttl,
        "DATABASE_MAX_TTL": max_ttl,
    }
