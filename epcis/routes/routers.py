"""The routers below `/epcis`: every address answers OPTIONS, and other methods with a refusal."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from epcis.problem import Problem
from epcis.routes.described import REFUSED, path_described
from epcis.routes.negotiation import discovery
from epcis.routes.problems import EpcisRoute

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def new_router(tag: str) -> APIRouter:
    """An empty router below `/epcis`."""
    return APIRouter(prefix="/epcis", route_class=EpcisRoute, tags=[tag], responses=REFUSED)


def capable(routes: APIRouter, path: str, methods: str, *, is_described: bool = True) -> None:
    """Let `path` answer OPTIONS with what can be done there, and other methods with 405."""
    allow = f"OPTIONS, {methods}"

    async def options() -> Response:
        return Response(status_code=204, headers={"Allow": allow, **discovery()})

    async def refuse() -> Response:
        raise Problem(
            405,
            "Method not allowed",
            f"this address takes {allow}",
            type="epcisException:ValidationException",
            headers={"Allow": allow},
        )

    options.__doc__ = "What can be done here, and which versions and formats are spoken."
    routes.add_api_route(
        path,
        options,
        methods=["OPTIONS"],
        status_code=204,
        name=f"options {path}",
        openapi_extra=path_described(path),
        include_in_schema=is_described,
    )
    taken = {one.strip() for one in allow.split(",")}
    others = [one for one in _METHODS if one not in taken]
    routes.add_api_route(path, refuse, methods=others, include_in_schema=False)
