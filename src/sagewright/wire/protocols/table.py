"""The wire protocols by the names that routes give them. Errors of EC2, which is not served, have their own format."""

from __future__ import annotations

from sagewright.wire.protocols.base import WireProtocol
from sagewright.wire.protocols.cbor import CborProtocol
from sagewright.wire.protocols.ec2 import Ec2Protocol
from sagewright.wire.protocols.json import JsonProtocol
from sagewright.wire.protocols.query import QueryProtocol
from sagewright.wire.protocols.rest_json import RestJsonProtocol
from sagewright.wire.protocols.rest_xml import RestXmlProtocol


def protocols() -> dict[str, WireProtocol]:
    return {
        "json": JsonProtocol(),
        "cbor": CborProtocol(),
        "query": QueryProtocol(),
        "ec2": Ec2Protocol(),
        "rest-json": RestJsonProtocol(),
        "rest-xml": RestXmlProtocol(),
    }
