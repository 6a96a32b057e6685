"""Which layer serves which name of a layer stack."""

from __future__ import annotations

from linstor_core.satellite.layers.layer import Layer
from linstor_core.satellite.layers.storage import StorageLayer

LAYERS: dict[str, Layer] = {"STORAGE": StorageLayer()}
