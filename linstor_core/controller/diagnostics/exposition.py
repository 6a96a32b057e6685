"""The text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MEDIA_TYPE = "text/plain;version=0.0.4"


class Exposition(str):
    """Metrics as Prometheus reads them."""


def escaped(value: str) -> str:
    """A label's value as it stands between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labels(pairs: Mapping[str, object]) -> str:
    return "{" + ",".join(f'{name}="{escaped(str(value))}"' for name, value in pairs.items()) + "}" if pairs else ""


def head(name: str, kind: str, meaning: str) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"


def family(name: str, kind: str, meaning: str, samples: Iterable[str]) -> str:
    """One metric with all of its samples; they have to stand together."""
    return head(name, kind, meaning) + "".join(samples)


def gauge(name: str, meaning: str, value: float) -> str:
    return family(name, "gauge", meaning, (f"{name} {value}\n",))


def counter(name: str, meaning: str, value: float) -> str:
    return family(name, "counter", meaning, (f"{name} {value}\n",))
