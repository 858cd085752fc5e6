"""Builds the site of the docs, which the server serves at /docs, into `src/sagewright/docsite/built`.

`make docs`. MkDocs works on a temporary copy, so that nothing of the checkout can be cleaned by it; what it makes is packed into
files named by their content and one manifest, which the server reads. The wheel carries them.
"""

from __future__ import annotations

import base64
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
OWN = ROOT / "tools" / "site"
BUILT = ROOT / "src" / "sagewright" / "docsite" / "built"
MANIFEST = "manifest.json"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
UNUSED = (".map", ".gz", ".xml")
"""Endings of files that no page loads."""
PACKED = (".html", ".css", ".js", ".json", ".svg", ".txt")
_LASTING = re.compile(r"\.[0-9a-f]{8}\.min\.(?:css|js)$")
_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", re.DOTALL)
_LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


def main(built: Path = BUILT) -> int:
    """Builds the site into `built`. Returns the exit status: that of MkDocs if it refuses a page, for a link that leads nowhere."""
    with tempfile.TemporaryDirectory(prefix="sagewright-docs-") as temporary:
        place = Path(temporary)
        copy_sources(place)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict"],
            cwd=place,
            check=False,
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            print(
                *(line for line in done.stderr.splitlines() if not line.startswith("INFO")), sep="\n", file=sys.stderr
            )
            return done.returncode
        files, size = pack(place / "site", built)
    print(f"The docs are built: {files} files, {size / 1e6:.1f} MB. A running server shows them at /docs.")
    return 0


def copy_sources(place: Path) -> None:
    """Copies what the site is built from: the pages, the design, and the look."""
    shutil.copytree(ROOT / "docs", place / "docs")
    shutil.copytree(OWN / "assets", place / "docs" / "assets")
    shutil.copyfile(ROOT / "DESIGN.md", place / "docs" / "explanation" / "design.md")
    for name in ("mkdocs.yml", "hooks.py"):
        shutil.copyfile(OWN / name, place / name)


def pack(site: Path, built: Path) -> tuple[int, int]:
    """Writes the files of a site and their manifest into `built`; returns their number and bytes. Raises ValueError for a file that
    loads something from another host, and for one of a type that is not served."""
    built.mkdir(exist_ok=True)
    lock = os.open(built, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds write one after the other
        return _pack(site, built)
    finally:
        os.close(lock)


def _pack(site: Path, built: Path) -> tuple[int, int]:
    files: dict[str, dict[str, object]] = {}
    hashes: set[str] = set()
    size = 0
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.is_dir() or path.suffix in UNUSED or name.startswith("assets/javascripts/lunr/"):
            continue
        if path.suffix not in TYPES:
            raise ValueError(f"{name}: files of this type are not served")
        content = path.read_bytes()
        if path.suffix == ".html":
            hashes |= script_hashes(name, content.decode())
        tag = hashlib.sha256(content).hexdigest()[:20]
        packed = gzip.compress(content, 9, mtime=0) if path.suffix in PACKED else content
        if not (built / f"{tag}{path.suffix}").exists():
            (built / f"{tag}{path.suffix}").write_bytes(packed)
        size += len(packed)
        files[name.removesuffix("index.html") if name.endswith("/index.html") or name == "index.html" else name] = {
            "file": f"{tag}{path.suffix}",
            "type": TYPES[path.suffix],
            "size": len(content),
            "packed_size": len(packed) if path.suffix in PACKED else 0,
            "tag": tag,
            "lasting": bool(_LASTING.search(name)),
        }
    fresh = built / f"{MANIFEST}.new"
    fresh.write_text(json.dumps({"policy": policy(hashes), "files": files}, indent=1))
    fresh.replace(built / MANIFEST)
    for path in built.iterdir():
        if path.name != MANIFEST and path.name not in {one["file"] for one in files.values()}:
            path.unlink()
    return len(files), size


def script_hashes(name: str, page: str) -> set[str]:
    """Returns the hashes of a page's inline scripts, for the policy. Raises ValueError for a page that loads from another host."""
    if (found := _LOADED.search(page)) is not None:
        raise ValueError(f"{name} loads {found[1]}, which is on another host")
    return {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in _SCRIPT.findall(page)
        if script
    }


def policy(hashes: set[str]) -> str:
    """Returns the Content Security Policy: scripts of this server, and the pages' own inline ones by their hashes."""
    scripts = " ".join(f"'sha256-{one}'" for one in sorted(hashes))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


if __name__ == "__main__":
    sys.exit(main())
