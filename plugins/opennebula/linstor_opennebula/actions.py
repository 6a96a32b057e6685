"""Every action that OpenNebula calls, by the kind of driver."""

from __future__ import annotations

from collections.abc import Callable

from linstor_opennebula import backup_actions, datastore_actions, disk_actions, migration_actions, snapshot_actions
from linstor_opennebula.calls import DATASTORE, TRANSFER, Call
from linstor_opennebula.world import World

ACTIONS: dict[str, dict[str, Callable[[Call, World], str]]] = {
    DATASTORE: datastore_actions.ACTIONS,
    TRANSFER: {**disk_actions.ACTIONS, **snapshot_actions.ACTIONS, **migration_actions.ACTIONS,
               **backup_actions.ACTIONS},
}
