"""What XML can name: elements, attributes, prefixes and namespaces.

Names come from JSON, which allows any text. Whatever is to be an attribute is asked here where it
enters the model; an element of another name is written under a name of our own.
Standard: XML 1.0 fifth edition section 2.3, Namespaces in XML 1.0 sections 3 and 4.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from epcis.codec.namespaces import XML

_START: Final = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME: Final = re.compile(f"[{_START}][{_START}0-9.\\-\u00b7\u0300-\u036f\u203f\u2040]*")
_BOUND_BY_XML: Final = frozenset({"xml", "xmlns"})


def is_name(name: str) -> bool:
    """Whether XML can have an element of this name, without a colon.

    >>> is_name("lot-number"), is_name("@value"), is_name("12"), is_name("\u00b2")
    (True, False, False, False)
    """
    return _NAME.fullmatch(name) is not None


def is_prefix(name: str) -> bool:
    """Whether a document may bind this prefix to a namespace.

    >>> is_prefix("ext"), is_prefix("xmlns"), is_prefix("1")
    (True, False, False)
    """
    return name not in _BOUND_BY_XML and is_name(name)


@lru_cache(maxsize=1024)
def is_namespace(namespace: str) -> bool:
    """Whether an XML parser takes this as the name of a namespace: a URI, by libxml2's reading.

    >>> is_namespace("urn:x"), is_namespace("2005-04-03T20:33"), is_namespace("a b")
    (True, False, False)
    """
    try:
        etree.fromstring(f"<a xmlns:x={quoteattr(namespace)}/>")
    except (etree.XMLSyntaxError, ValueError):
        return False
    return bool(namespace)


def is_attribute(namespace: str, local: str) -> bool:
    """Whether XML can have an attribute of this name; `xmlns` declares a namespace instead.

    >>> is_attribute("urn:x", "grade"), is_attribute("", "9521321.1"), is_attribute("", "xmlns")
    (True, False, False)
    """
    if not namespace:
        return local != "xmlns" and is_name(local)
    return is_name(local) and (namespace == XML or is_namespace(namespace))
