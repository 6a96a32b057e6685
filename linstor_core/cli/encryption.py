"""linstor encryption …"""

from __future__ import annotations

from getpass import getpass

from linstor_core.cli.call import Call
from linstor_core.cli.grammar import Arg, Command, Noun

_PASSPHRASE = Arg("--passphrase", "asked for where it is not given", aliases=("-p",))


def create(call: Call) -> None:
    call.show(call.client.create_passphrase(call.args.passphrase or getpass("New passphrase: ")))


def enter(call: Call) -> None:
    call.show(call.client.enter_passphrase(call.args.passphrase or getpass("Passphrase: ")))


def modify(call: Call) -> None:
    old = call.args.old_passphrase or getpass("Old passphrase: ")
    call.show(call.client.change_passphrase(old, call.args.new_passphrase or getpass("New passphrase: ")))


def status(call: Call) -> None:
    found = call.client.passphrase_status()
    if not call.shown_as_json():
        call.screen.line(found.status)


NOUN = Noun("encryption", ("e",), "The passphrase that protects all keys.", (
    Command("enter-passphrase", ("ep",), "Unlock encrypted volumes after a start.", (_PASSPHRASE,), enter),
    Command("create-passphrase", ("cp",), "Set the passphrase for the first time.", (_PASSPHRASE,), create),
    Command("modify-passphrase", ("mp",), "Change the passphrase.",
            (Arg("--old-passphrase", "asked for where it is not given"),
             Arg("--new-passphrase", "asked for where it is not given")), modify),
    Command("status", (), "Show whether a passphrase is set and entered.", (), status, reads=True),
))
