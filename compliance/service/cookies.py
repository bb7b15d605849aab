"""Cookies of a request, read before any route looks at it."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie


def cookie_in(headers: dict[bytes, bytes], name: str) -> str | None:
    """The value of a cookie; None where the request has none of this name.

    >>> cookie_in({b"cookie": b"a=1; b=2"}, "b")
    '2'
    """
    try:
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return None
    morsel = cookies.get(name)
    return morsel.value if morsel else None
