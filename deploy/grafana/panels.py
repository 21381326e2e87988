"""The elements of a dashboard, and their JSON (schema 39), which Grafana 10 to 13 load. Knows no metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

DATASOURCE: Final = {"type": "prometheus", "uid": "prometheus"}  # the uid of provisioning/datasources
COLUMNS: Final = 24
SCHEMA_VERSION: Final = 39

Threshold = tuple[float | None, str]
"""From this value on, this colour; None for the first."""

ALWAYS_NEUTRAL: Final[tuple[Threshold, ...]] = ((None, "text"),)


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and the legend of its series."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One panel.

    ``unit`` is Grafana's id of a unit (s, bytes, percentunit, short). ``width`` of 24 columns; ``height`` in Grafana's
    rows of 30 pixels. ``thresholds`` colour a stat, and are dashed lines in a time series. ``values`` maps single
    values to text. ``shows``: whether a stat shows the last value or the name of its series.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    height: int = 8
    thresholds: tuple[Threshold, ...] = ALWAYS_NEUTRAL
    stacked: bool = False
    stepped: bool = False
    decimals: int | None = None
    maximum: float | None = None
    values: tuple[tuple[float, str], ...] = ()
    shows: Literal["value", "name"] = "value"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, laid out from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. ``uid`` is part of its address and never changes."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in their order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def to_json(dashboard: Dashboard, *, runbook_url: str) -> dict[str, Any]:
    """The dashboard as Grafana imports or provisions it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["petstream"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair over all panels
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [
            {
                "title": "petstream",
                "type": "dashboards",
                "tags": ["petstream"],
                "asDropdown": False,
                "keepTime": True,
                "includeVars": False,
                "targetBlank": False,
                "icon": "dashboard",
                "url": "",
                "tooltip": "",
            },
            {
                "title": "Runbook",
                "type": "link",
                "url": runbook_url,
                "icon": "doc",
                "targetBlank": True,
                "keepTime": False,
                "includeVars": False,
                "asDropdown": False,
                "tags": [],
                "tooltip": "What each alert means and what to do",
            },
        ],
        "panels": _laid_out(dashboard.rows),
    }


def _laid_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    laid: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        position = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        laid.append(
            {"id": len(laid) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": position}
            | {"panels": []}
        )
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            position = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            laid.append({"id": len(laid) + 1, "gridPos": position, **_panel(panel)})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return laid


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
                "editorMode": "code",
                "range": panel.kind == "timeseries",
                "instant": panel.kind == "stat",
            }
            for number, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind] | (_stat_options(panel) if panel.kind == "stat" else {}),
    }


def _stat_options(panel: Panel) -> dict[str, Any]:
    options: dict[str, Any] = {"colorMode": "value" if panel.thresholds == ALWAYS_NEUTRAL else "background"}
    if panel.shows == "name":
        options |= {"textMode": "name", "text": {"valueSize": 22}}
    return options


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in panel.thresholds],
        },
        "mappings": [{"type": "value", "options": {str(int(value)): {"text": text}}} for value, text in panel.values],
    }
    if panel.decimals is not None:
        field["decimals"] = panel.decimals
    if panel.maximum is not None:
        field["max"] = panel.maximum
    if panel.kind == "timeseries":
        field["custom"] = {
            "drawStyle": "line",
            "lineInterpolation": "stepAfter" if panel.stepped else "linear",
            "lineWidth": 1,
            "fillOpacity": 40 if panel.stacked else 10,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if len(panel.thresholds) > 1 else "off"},
        }
    return field


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "center",
        "orientation": "auto",
        "wideLayout": True,
    },
}
