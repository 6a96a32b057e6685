"""linstor key-value-store …"""

from __future__ import annotations

from linstor_core.cli.arguments import PASTABLE
from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire import rest_bodies as bodies

_INSTANCE = Arg("instance", "name of the store", completes="stores")


def list_stores(call: Call) -> None:
    call.table([Column("Name")], ([store.name] for store in call.client.key_value_stores()), bare_json=True)


def show(call: Call) -> None:
    store = call.client.key_value_store(call.args.instance)
    call.table([Column("Key"), Column("Value")], sorted(store.props.items()), bare_json=True)


def modify(call: Call) -> None:
    args = call.args
    body = (bodies.KeyValueStoreModify(override_props={args.key: args.value}) if args.value
            else bodies.KeyValueStoreModify(delete_props=(args.key,)))
    call.show(call.client.modify_key_value_store(args.instance, body))


NOUN = Noun("key-value-store", ("kv",), "Keys and values that other programs keep here.", (
    Command("list", ("l",), "Show the stores.", (PASTABLE,), list_stores, reads=True),
    Command("show", ("s",), "Show the keys of a store.", (PASTABLE, _INSTANCE), show, reads=True),
    Command("modify", ("m",), "Set a key; without a value, delete it.",
            (_INSTANCE, Arg("key"), Arg("value", nargs="?")), modify),
))
