"""The policies of each kind of person, as docs/OPERATIONS.md has them."""

import json
import re
from pathlib import Path

OPERATIONS = Path(__file__).resolve().parents[1] / "docs" / "OPERATIONS.md"

KINDS = {
    "reads": "**Reads**",
    "asks": "**Asks**",
    "approves": "**Approves**",
    "edits templates": "**Edits templates**",
    "edits the policy": "**Edits the policy**",
}


def policies(**names) -> dict:
    """The policy of each kind, with `REGION`, `ACCOUNT`, `TABLE` and `ADVISORIES` replaced by what is given for them."""
    section = OPERATIONS.read_text().partition("\n## Who may do what\n")[2].partition("\n## ")[0]
    for name, value in names.items():
        section = re.sub(rf"\b{name}\b", value, section)
    blocks = {kind: section.partition(heading)[2].partition("```json\n")[2].partition("```")[0] for kind, heading in KINDS.items()}
    assert section.count("```json\n") == len(blocks)
    return {kind: json.loads(block) for kind, block in blocks.items()}
