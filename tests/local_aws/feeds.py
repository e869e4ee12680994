"""What vendors publish of vulnerabilities: documents that are put here are served as their feeds serve them.

`POST /_local/feeds {"feed", "path", "body" or "file", "status"}` puts one, `GET /_local/feeds/<feed><path>` is the feed.
A document has a tag, and one that is asked for by its tag is not sent again; one that was not put is not found. The
deployed functions read their feeds here, so that nothing of the outside is asked.
"""

import base64
import hashlib
from pathlib import Path

from tests.local_aws import control

ROUTE = "/_local/feeds/"
_documents = {}  # (feed, path with its query) -> (status, bytes)


@control.route("POST", "feeds")
def _put(body):
    feed, path, text, encoded, file, status = control.fields(
        body, "feed", "path", body=None, base64=None, file=None, status=200
    )
    if not path.startswith("/"):
        raise control.BadInput(f"path {path!r} does not begin with a slash")
    given = [one for one in (text, encoded, file) if one is not None]
    if len(given) > 1:
        raise control.BadInput("give one of body, base64 and file")
    if file is not None:
        content = Path(file).read_bytes()
    elif encoded is not None:
        content = base64.b64decode(encoded)
    else:
        content = (text or "").encode()
    _documents[(feed, path)] = (int(status), content)
    return {"url": f"{ROUTE}{feed}{path}", "bytes": len(content)}


@control.route("POST", "feeds/clear")
def _clear(body):
    """Takes away what was put: of one feed, or of all."""
    (feed,) = control.fields(body, feed=None)
    gone = [key for key in _documents if feed in (None, key[0])]
    for key in gone:
        del _documents[key]
    return {"gone": len(gone)}


@control.serves(ROUTE)
def answer(path: str, query: str, headers: dict) -> tuple:
    """Status, headers and bytes of what a feed answers."""
    feed, slash, rest = path.removeprefix(ROUTE).partition("/")
    asked = f"{slash}{rest}" + (f"?{query}" if query else "")
    status, content = _documents.get((feed, asked), (404, b"there is no such document\n"))
    if status != 200:
        return status, {}, content
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if headers.get("if-none-match") == tag:
        return 304, {"etag": tag}, b""
    return 200, {"etag": tag}, content
