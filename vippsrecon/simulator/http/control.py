"""Serve the control endpoints, with which a test controls the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from vippsrecon.simulator import state_file
from vippsrecon.simulator.apis import epayment
from vippsrecon.simulator.apis.error_responses import DomainRefusal
from vippsrecon.simulator.clock import format_event_time
from vippsrecon.simulator.errors import SimulatorInputError
from vippsrecon.simulator.json_objects import parse_json
from vippsrecon.simulator.payments import payer
from vippsrecon.simulator.world import World

_BATCH_LINES = 500


def create_control_app(world: World) -> Starlette:
    """Build the app for /_simulator/."""

    async def show_state(_: Request) -> Response:
        return StreamingResponse(_stream_state_lines(world), media_type="application/x-ndjson")

    async def move_clock(request: Request) -> Response:
        return await _run_action(request, lambda body: _advance_clock(world, body))

    async def change_settings(request: Request) -> Response:
        return await _run_action(request, lambda body: _change_settings(world, body))

    async def replace_faults(request: Request) -> Response:
        return await _run_action(request, lambda body: _replace_faults(world, body))

    async def show_requests(_: Request) -> Response:
        return _build_json(world.counted())

    async def act_as_payer(request: Request) -> Response:
        return await _run_action(request, lambda body: _act_as_payer(world, body))

    return Starlette(
        routes=[
            Route("/_simulator/state", show_state, methods=["GET"]),
            Route("/_simulator/clock", move_clock, methods=["POST"]),
            Route("/_simulator/settings", change_settings, methods=["POST"]),
            Route("/_simulator/faults", replace_faults, methods=["POST"]),
            Route("/_simulator/requests", show_requests, methods=["GET"]),
            Route("/_simulator/payer", act_as_payer, methods=["POST"]),
        ]
    )


def _build_json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _stream_state_lines(world: World) -> AsyncIterator[bytes]:
    batch: list[bytes] = []
    for line in state_file.dump_state_lines(world):
        batch.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if len(batch) >= _BATCH_LINES:
            yield b"".join(batch)
            batch.clear()
            # A million lines take a while: serve other requests in between.
            await asyncio.sleep(0)
    yield b"".join(batch)


async def _run_action(request: Request, act: Callable[[dict[str, Any]], Any]) -> Response:
    try:
        body = parse_json(await request.body())
        if not isinstance(body, dict):
            raise SimulatorInputError("the body is a JSON object")
        return _build_json(act(body))
    except DomainRefusal as refusal:
        return _build_json({"code": refusal.code}, 409)
    except ValueError as error:
        return _build_json({"error": str(error)}, 400)


def _advance_clock(world: World, body: dict[str, Any]) -> dict[str, Any]:
    seconds = body.get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or len(body) > 1:
        raise SimulatorInputError("the body is {'advance_seconds': a number}")
    world.clock.advance(seconds)
    return {"clock": format_event_time(world.clock.now(), 6)}


def _change_settings(world: World, body: dict[str, Any]) -> dict[str, Any]:
    with world.lock:
        world.settings.update(body)
        return world.settings.changed()


def _replace_faults(world: World, body: dict[str, Any]) -> dict[str, Any]:
    faults = body.get("faults")
    if not isinstance(faults, list) or len(body) > 1:
        raise SimulatorInputError("the body is {'faults': [{…}]}")
    with world.lock:
        world.faults.replace(faults)
    return {"faults": len(faults)}


def _act_as_payer(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Act as the payer in the app: `{"msn", "reference", "action": "approve" | "decline"}`.

    Optionally with `shippingOptionId`, for Express.
    """
    with world.lock:
        now = world.clock.now()
        payment = world.payment(str(body.get("msn")), str(body.get("reference")), now)
        if payment is None:
            raise DomainRefusal(5090)
        if body.get("action") == "approve":
            epayment.approve_and_store(world, payment, now, body.get("shippingOptionId"))
        elif body.get("action") == "decline":
            payer.decline(payment, now)
            world.payments.put(payment)
        else:
            raise SimulatorInputError("'action' is approve or decline")
        return {"state": payment.state}
