"""`linstor-proxmox`: registers a storage on a cluster of Proxmox VE, checks it, moves disks to it, finds orphans."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path

from linstor_core.client.errors import ClientError
from linstor_proxmox import __version__, disk_moves, orphans, platform_api, registration, storage_config
from linstor_proxmox.platform_api import PlatformApi
from linstor_proxmox.refusals import Refused
from linstor_proxmox.sessions import Sessions
from linstor_proxmox.storage_config import TYPE, StorageConfig


def _register(api: PlatformApi, given: argparse.Namespace) -> int:
    properties = {f"{TYPE}-group": given.group, f"{TYPE}-controllers": given.controllers,
                  f"{TYPE}-secrets": given.secrets, "content": given.content, "nodes": given.nodes}
    done = registration.register(api, given.storage, {key: value for key, value in properties.items() if value})
    print(f"storage '{given.storage}': {done}")
    return 0


def _take_over(api: PlatformApi, given: argparse.Namespace) -> int:
    section = api.storage(given.storage)
    if section is None:
        raise Refused(f"Proxmox VE has no storage '{given.storage}'")
    if not given.yes and section["type"] != TYPE:
        fresh = registration.taken_over(section)
        print(f"would replace {json.dumps(section, sort_keys=True)}\nby            "
              f"{json.dumps({'type': TYPE, **fresh}, sort_keys=True)}\nData are not touched. Do it with --yes.")
        return 0
    print(f"storage '{given.storage}' is now {json.dumps(registration.take_over(api, given.storage), sort_keys=True)}")
    if section["type"] != TYPE:
        print(f"the way back: {json.dumps(section, sort_keys=True)}")
    return 0


def _config(api: PlatformApi, storage: str) -> StorageConfig:
    section = api.storage(storage)
    if section is None or section["type"] != TYPE:
        raise Refused(f"Proxmox VE has no storage '{storage}' of type {TYPE}")
    return storage_config.from_section(storage, section)


def _check(api: PlatformApi, given: argparse.Namespace) -> int:
    with Sessions() as sessions, sessions.service(_config(api, given.storage)) as service:
        findings = registration.check(api, given.storage, service)
    for finding in findings:
        print(f"{'ok  ' if finding.is_good else 'FAIL'}  {finding.node or 'cluster'}: {finding.text}")
    return 0 if all(finding.is_good for finding in findings) else 1


def _move(api: PlatformApi, given: argparse.Namespace) -> int:
    moved = disk_moves.move(api, given.vmid, given.to, given.disk, delete=given.delete,
                            show=lambda line: print(line, flush=True))
    print(f"guest {given.vmid}: moved {', '.join(moved) or 'nothing, all is there'}")
    return 0


def _orphans(api: PlatformApi, given: argparse.Namespace) -> int:
    config = _config(api, given.storage)
    with Sessions() as sessions, sessions.service(config) as service:
        found = orphans.find(api, service, config)
    for name, resource in found.unused.items():
        print(f"unused      {given.storage}:{name} (resource {resource}): no guest refers to it")
    for name, guests in found.missing.items():
        print(f"missing     {given.storage}:{name}: of guest {', '.join(map(str, guests))}")
    for resource in found.unfinished:
        print(f"unfinished  resource {resource}: a call that stopped half way left it")
    for resource in found.copies:
        print(f"copy        resource {resource}: an opened snapshot that was not closed")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="linstor-proxmox", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--credentials", type=Path, default=platform_api.CREDENTIALS,
                        help="JSON file of mode 0600: host, user, token_name, token_value (or password), ca_file")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, text: str, run: object) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    one = verb("register", "create the storage, or bring it to these settings", _register)
    one.add_argument("storage")
    one.add_argument("--group", required=True, help="LINSTOR resource group")
    one.add_argument("--controllers", help="LINSTOR controllers, separated by commas (default: this machine)")
    one.add_argument("--secrets", help="file with what the controllers want to know of the caller")
    one.add_argument("--content", help="images,rootdir")
    one.add_argument("--nodes", help="only these nodes of Proxmox VE")
    one = verb("take-over", "serve a storage of LINBIT's plugin with this one; data stay untouched", _take_over)
    one.add_argument("storage")
    one.add_argument("--yes", action="store_true", help="do it; without, it is only told")
    verb("check", "look at the storage on every node", _check).add_argument("storage")
    one = verb("move", "bring a guest's disks to a storage, while it runs", _move)
    one.add_argument("vmid", type=int)
    one.add_argument("--to", required=True, metavar="STORAGE")
    one.add_argument("--disk", action="append", default=[], help="only this one; may be repeated")
    one.add_argument("--delete", action="store_true", help="delete the source afterwards")
    verb("orphans", "what LINSTOR or Proxmox VE has and the other has not", _orphans).add_argument("storage")
    return parser


def main(argv: list[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    try:
        with closing(platform_api.connect(given.credentials)) as api:
            return int(given.run(api, given))
    except (Refused, ClientError) as error:
        print(f"linstor-proxmox: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
