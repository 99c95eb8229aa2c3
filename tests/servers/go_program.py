"""Programs published as Go modules, built once per version into the server cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers.found import missing


class GoProgram(NamedTuple):
    """A package of a Go module at a version; `extra` are additional `go mod edit` arguments.

    With `source`, build this file from tests/servers/go, which imports the module. `staging` is the
    version to require for dependencies that the module replaces by its own folders.
    """

    module: str
    version: str
    package: str = ""
    extra: tuple[str, ...] = ()
    source: str = ""
    staging: str = ""


PROGRAMS = {
    "actionlint": GoProgram(
        "github.com/rhysd/actionlint", "v1.7.12", "github.com/rhysd/actionlint/cmd/actionlint"
    ),
    "bao": GoProgram(
        "github.com/openbao/openbao",
        "v0.0.0-20250828202315-f9407a27fbee",
        "github.com/openbao/openbao",
    ),
    "compose-go": GoProgram(
        "github.com/compose-spec/compose-go/v2",
        "v2.9.1",
        "github.com/compose-spec/compose-go/v2/cmd",
    ),
    "jaeger": GoProgram(
        "github.com/jaegertracing/jaeger",
        "v1.62.0",
        "github.com/jaegertracing/jaeger/cmd/all-in-one",
    ),
    "dashboard": GoProgram(
        "github.com/grafana/grafana-foundation-sdk/go", "v0.0.22", source="dashboard.go"
    ),
    "otelcol": GoProgram(
        "go.opentelemetry.io/collector/otelcol",
        "v0.111.0",
        source="otelcol.go",
        extra=tuple(
            f"-require=go.opentelemetry.io/collector/{part}"
            for part in (
                "exporter/otlphttpexporter@v0.111.0",
                "processor/batchprocessor@v0.111.0",
                "processor/memorylimiterprocessor@v0.111.0",
                "receiver/otlpreceiver@v0.111.0",
            )
        ),
    ),
    "etcd": GoProgram("go.etcd.io/etcd/server/v3", "v3.6.16", "go.etcd.io/etcd/server/v3"),
    "kubeconform": GoProgram(
        "github.com/yannh/kubeconform", "v0.7.0", "github.com/yannh/kubeconform/cmd/kubeconform"
    ),
    **{
        name: GoProgram(
            "k8s.io/kubernetes", "v1.34.4", f"k8s.io/kubernetes/cmd/{name}", staging="v0.34.4"
        )
        for name in ("kube-apiserver", "kube-controller-manager")
    },
    "toxiproxy-server": GoProgram(
        "github.com/Shopify/toxiproxy/v2", "v2.12.0", "github.com/Shopify/toxiproxy/v2/cmd/server"
    ),
    "vmalert-tool": GoProgram(
        "github.com/VictoriaMetrics/VictoriaMetrics",
        "v1.148.8",
        "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert-tool",
    ),
    "victoria-logs": GoProgram(
        "github.com/VictoriaMetrics/VictoriaLogs",
        "v1.51.1-0.20260624061259-dc94972a8708",
        "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",
        ("-require=github.com/VictoriaMetrics/VictoriaMetrics@v1.148.8",),
    ),
}


def cache() -> Path:
    """Return the cache folder for downloads and builds of each version."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(root) / "neurova" / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def built(name: str) -> str:
    """Return the path of a program from PATH or the cache; build it if neither has it."""
    found = shutil.which(name)
    if found:
        return found
    program = PROGRAMS[name]
    path = cache() / f"{name}-{program.version}" / name
    if path.exists():  # do not wait for other builds
        return str(path)
    with (cache() / "go.lock").open("w") as lock:  # two parallel builds would need twice the memory
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not path.exists():
            if shutil.which("go") is None:
                missing(name, "install Go, which builds it, or put it on PATH")
            path.parent.mkdir(exist_ok=True)
            _build(program, path)
    return str(path)


def _build(program: GoProgram, path: Path) -> None:
    """Build a program in a module of its own: `go install` refuses modules with replacements.

    The new module copies the program's go version, checksums, exclusions, and replacements by
    published modules.
    """
    with tempfile.TemporaryDirectory(prefix="neurova-go-") as folder:
        _go(folder, "mod", "init", "neurova.test/build")
        source = _go_json(folder, "mod", "download", "-json", f"{program.module}@{program.version}")
        module = _go_json(folder, "mod", "edit", "-json", source["GoMod"])
        _go(folder, "mod", "edit", *_edits(program, module), *program.extra)
        checksums = Path(source["Dir"], "go.sum")
        if checksums.exists():
            Path(folder, "go.sum").write_bytes(checksums.read_bytes())
        making = path.with_suffix(".making")
        flags = ["-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", str(making)]
        if program.source:
            shutil.copy(Path(__file__).with_name("go") / program.source, folder)
        _go(folder, "build", *flags, program.package or ".")
        making.rename(path)


def _edits(program: GoProgram, module: dict[str, Any]) -> list[str]:
    name = module["Module"]["Path"]
    edits = [f"-go={module['Go']}"] if module.get("Go") else []
    if name == program.module:
        edits.append(f"-require={name}@{program.version}")
    else:
        edits += [f"-require={name}@v0.0.0", f"-replace={name}={program.module}@{program.version}"]
    for replace in module.get("Replace") or []:
        old, new = replace["Old"], replace["New"]
        if new.get("Version"):
            at = f"@{old['Version']}" if old.get("Version") else ""
            edits.append(f"-replace={old['Path']}{at}={new['Path']}@{new['Version']}")
        elif program.staging:
            edits.append(f"-replace={old['Path']}={old['Path']}@{program.staging}")
    excluded = module.get("Exclude") or []
    return edits + [f"-exclude={other['Path']}@{other['Version']}" for other in excluded]


def _go(folder: str, *arguments: str) -> str:
    flags = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -modcacherw"}
    done = subprocess.run(
        ["go", *arguments],
        cwd=folder,
        env={**os.environ, **flags},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _go_json(folder: str, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_go(folder, *arguments))
    return answer
