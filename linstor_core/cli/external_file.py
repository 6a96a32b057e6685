"""linstor file …"""

from __future__ import annotations

import base64
import sys

from linstor_core.cli.arguments import PASTABLE, RESOURCE
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.exit_codes import USAGE_ERROR
from linstor_core.cli.grammar import Arg, Command, Noun
from linstor_core.cli.screen import Column
from linstor_core.wire.rest_files import ExternalFileBody

_FILE = Arg("file_name", "path of the file on the nodes", completes="files")


def list_files(call: Call) -> None:
    call.table([Column("Path")], ([file.path] for file in call.client.files()))


def show(call: Call) -> None:
    found = call.client.file(call.args.file_name)
    if not call.shown_as_json():
        call.screen.out.write(base64.b64decode(found.content or "").decode(errors="replace"))


def modify(call: Call) -> None:
    if sys.stdin.isatty():
        raise CallFailed("the content comes from standard input: linstor file modify PATH < FILE", USAGE_ERROR)
    content = base64.b64encode(sys.stdin.buffer.read()).decode("ascii")
    call.show(call.client.modify_file(call.args.file_name, ExternalFileBody(
        path=call.args.file_name, content=content)))


NOUN = Noun("file", ("f",), "Files that satellites write for other programs.", (
    Command("list", ("l",), "Show the files.", (PASTABLE,), list_files, reads=True),
    Command("show", ("s",), "Show what is in a file.", (_FILE,), show, reads=True),
    Command("modify", ("m",), "Set what is in a file, from standard input; one that is not there is made.", (_FILE,),
            modify),
    Command("delete", ("d",), "Remove a file everywhere.", (_FILE,),
            lambda call: call.show(call.client.delete_file(call.args.file_name))),
    Command("deploy", ("dep",), "Write a file wherever a resource is.", (_FILE, RESOURCE),
            lambda call: call.show(call.client.deploy_file(call.args.resource_name, call.args.file_name))),
    Command("undeploy", ("und",), "Remove a file from where a resource is.", (_FILE, RESOURCE),
            lambda call: call.show(call.client.undeploy_file(call.args.resource_name, call.args.file_name))),
))
