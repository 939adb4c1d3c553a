# SPDX-License-Identifier: Apache-2.0
"""Levels and tokens as headers of the JSON gateway."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message

import pytest

from tricord.base.token import Token

KEY = '{"key": "bGV2ZWxz"}'


def post(endpoint: str, path: str, body: str, headers: dict[str, str]) -> Message:
    request = urllib.request.Request(f"http://{endpoint}{path}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        json.load(answer)
        headers_of_answer: Message = answer.headers
        return headers_of_answer


def test_the_json_gateway_takes_level_and_token_as_headers(tricord_endpoint: str) -> None:
    put = post(tricord_endpoint, "/v3/kv/put", '{"key": "bGV2ZWxz", "value": "MQ=="}', {"tricord-token": ""})
    assert Token.from_text(put["tricord-token"]).groups[0] > 0
    asked = {"Grpc-Metadata-Tricord-Level": "sequential", "tricord-token": put["tricord-token"]}
    got = post(tricord_endpoint, "/v3/kv/range", KEY, asked)
    assert (got["tricord-level"], got["tricord-age"]) == ("sequential", None)
    bounded = post(tricord_endpoint, "/v3/kv/range", KEY, {"tricord-level": "bounded:2s"})
    assert bounded["tricord-level"] == "bounded:2s"
    assert 0 <= float(bounded["tricord-age"]) <= 2
    assert post(tricord_endpoint, "/v3/kv/range", KEY, {})["tricord-level"] is None
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(tricord_endpoint, "/v3/kv/range", KEY, {"tricord-token": "damaged"})
    assert refused.value.code == 400
    assert json.load(refused.value)["code"] == 3
