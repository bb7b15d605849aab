"""`packtrail sensors`: what sensor reports mean for the packs of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from compliance.service.cli.options import (
    BAD,
    Database,
    Json,
    Now,
    moment,
    opened_store,
    print_json,
    stop,
)
from compliance.service.cli.packs import gtin14

if TYPE_CHECKING:
    from verification.decision.sensors import SensorLimit

sensors = typer.Typer(no_args_is_help=True, help="Limits of sensor readings, by product.")
Product = Annotated[str, typer.Argument(metavar="GTIN", help="The product.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(sensors, name="sensors")


@sensors.command(name="set")
def sensors_set(
    gtin: Product,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'MEASUREMENT LOW HIGH UNIT'",
            help="As 'Temperature 2 8 CEL'; - for a side without limit. May be given again.",
        ),
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Neither alarms nor readings are looked at.")
    ] = False,
    database: Database = "",
    now: Now = None,
) -> None:
    """Set the limits of a product, in place of those it had, or switch its sensors off."""
    from verification.decision.sensors import SensorRule
    from verification.registry.sensor_rules import SensorRuleRefusedError, set_rule

    rule = SensorRule(gtin14(gtin), not off, tuple(_limit(one) for one in limit or ()))
    try:
        with opened_store(database) as store, store.write(moment(now)) as tx:
            set_rule(tx, rule, by="command")
    except SensorRuleRefusedError as refused:
        stop(BAD, str(refused))
    typer.echo(f"{rule.gtin}  {rule.text}")


@sensors.command(name="list")
def sensors_list(database: Database = "", json: Json = False) -> None:
    """List the products that have a rule of their own; for all others alarms count."""
    import msgspec

    from verification.registry.sensor_rules import rules

    with opened_store(database) as store, store.read() as snapshot:
        found = rules(snapshot)
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        for one in found:
            typer.echo(f"{one.gtin}  {one.text}")


@sensors.command(name="end")
def sensors_end(gtin: Product, database: Database = "", now: Now = None) -> None:
    """End the rule of a product; alarms count again, readings no longer."""
    from verification.registry.sensor_rules import end_rule

    with opened_store(database) as store, store.write(moment(now)) as tx:
        gone = end_rule(tx, gtin14(gtin))
    if not gone:
        stop(BAD, f"product {gtin} has no rule for sensor reports")


def _limit(written: str) -> SensorLimit:
    from verification.decision.sensors import SensorLimit

    parts = written.split()
    if len(parts) != 4:
        stop(BAD, f"'{written}' is no limit; write it as 'Temperature 2 8 CEL', - for no limit")
    measurement, low, high, unit = parts
    return SensorLimit(
        measurement, unit, None if low == "-" else low, None if high == "-" else high
    )
