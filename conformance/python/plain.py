"""Plain requests, for what a client has no method for."""

import json
import os
import urllib.error
import urllib.request
from typing import Any, Dict, Optional, Tuple

ADDRESS = os.environ["ANNALS_URL"]
KEY = os.environ["ANNALS_API_KEY"]


def plain(method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None) -> Tuple[int, Any]:
    """The status and the JSON of the answer, be it an error or not."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ADDRESS}{path}", data=data, method=method)
    for name, value in {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        status, text = refusal.code, refusal.read()
    return status, json.loads(text) if text else None
