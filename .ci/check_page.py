"""Is the explorer's page that is committed the one that its sources build? Needs nothing but Python."""

import gzip
import sys
from pathlib import Path

PAGE, AXE = Path("src/latentia/web/page"), Path("tests/web/axe.min.js")

built, sources = Path(sys.argv[1]), Path(sys.argv[2])


def files(folder: Path) -> dict[str, bytes]:
    """What each file says; packed ones unpacked, since Nodes differ in how they pack."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in found.items()}


ours, theirs = files(PAGE), files(built)
differ = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
if AXE.read_bytes() != (sources / "node_modules/axe-core/axe.min.js").read_bytes():
    differ.append(str(AXE))
if differ:
    sys.exit(f"{', '.join(differ)}: not what web/ builds; run `npm ci && npm run build` there and commit what changes.")
print(f"{len(ours)} files of the page are what web/ builds")
