"""Remotes, the backups that are kept there, and the schedules by which they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_backups, rest_remotes, rest_schedules


class RemoteCalls(Calls):
    def remotes(self) -> rest_remotes.Remotes:
        return self._get(rest_remotes.Remotes, "remotes")

    def linstor_remotes(self) -> list[rest_remotes.LinstorRemote]:
        return self._get(list[rest_remotes.LinstorRemote], "remotes", "linstor")

    def s3_remotes(self) -> list[rest_remotes.S3Remote]:
        return self._get(list[rest_remotes.S3Remote], "remotes", "s3")

    def ebs_remotes(self) -> list[rest_remotes.EbsRemote]:
        return self._get(list[rest_remotes.EbsRemote], "remotes", "ebs")

    def create_linstor_remote(self, body: rest_remotes.LinstorRemoteBody) -> Entries:
        return self._write("POST", "remotes", "linstor", body=body)

    def modify_linstor_remote(self, name: str, body: rest_remotes.LinstorRemoteBody) -> Entries:
        return self._write("PUT", "remotes", "linstor", name, body=body)

    def create_s3_remote(self, body: rest_remotes.S3RemoteBody) -> Entries:
        return self._write("POST", "remotes", "s3", body=body)

    def modify_s3_remote(self, name: str, body: rest_remotes.S3RemoteBody) -> Entries:
        return self._write("PUT", "remotes", "s3", name, body=body)

    def create_ebs_remote(self, body: rest_remotes.EbsRemoteBody) -> Entries:
        return self._write("POST", "remotes", "ebs", body=body)

    def modify_ebs_remote(self, name: str, body: rest_remotes.EbsRemoteBody) -> Entries:
        return self._write("PUT", "remotes", "ebs", name, body=body)

    def delete_remote(self, name: str) -> Entries:
        return self._write("DELETE", "remotes", query={"remote_name": name})

    def create_ebs_node(self, body: rest_remotes.EbsNodeCreate) -> Entries:
        return self._write("POST", "nodes", "ebs", body=body)

    # Backups

    def backups(self, remote: str, resource: str | None = None, snapshot: str | None = None) -> rest_backups.Backups:
        query = filters(rsc_name=resource, snap_name=snapshot)
        return self._get(rest_backups.Backups, "remotes", remote, "backups", query=query)

    def create_backup(self, remote: str, body: rest_remotes.BackupRequest) -> Entries:
        return self._write("POST", "remotes", remote, "backups", body=body)

    def ship_backup(self, remote: str, body: rest_remotes.BackupRequest) -> Entries:
        """To another cluster."""
        return self._write("POST", "remotes", remote, "backups", "ship", body=body)

    def restore_backup(self, remote: str, body: rest_remotes.BackupRequest) -> Entries:
        return self._write("POST", "remotes", remote, "backups", "restore", body=body)

    def abort_backup(self, remote: str, body: rest_remotes.BackupRequest) -> Entries:
        return self._write("POST", "remotes", remote, "backups", "abort", body=body)

    def backup_info(self, remote: str, body: rest_remotes.BackupRequest) -> rest_backups.BackupInfo:
        return self._ask(rest_backups.BackupInfo, "POST", "remotes", remote, "backups", "info", body=body)

    def delete_backups(self, remote: str, which: Mapping[str, str | bool | None]) -> Entries:
        """`which` becomes the query: LINSTOR's id, id_prefix, timestamp, resource_name, node_name, all, s3key, …"""
        return self._write("DELETE", "remotes", remote, "backups", query=filters(**which))

    def backup_queue(self, nodes: Sequence[str] = (), snapshots: Sequence[str] = (), resources: Sequence[str] = (),
                     remotes: Sequence[str] = (), by_snapshot: bool = False) -> rest_backups.BackupQueue:
        query = filters(nodes=nodes, snapshots=snapshots, resources=resources, remotes=remotes,
                        snap_to_node=by_snapshot)
        return self._get(rest_backups.BackupQueue, "view", "backup", "queue", query=query)

    # Schedules

    def schedules(self) -> rest_backups.Schedules:
        return self._get(rest_backups.Schedules, "schedules")

    def create_schedule(self, body: rest_backups.ScheduleBody) -> Entries:
        return self._write("POST", "schedules", body=body)

    def modify_schedule(self, name: str, body: rest_backups.ScheduleBody) -> Entries:
        return self._write("PUT", "schedules", name, body=body)

    def delete_schedule(self, name: str) -> Entries:
        return self._write("DELETE", "schedules", name)

    def schedules_by_resource(self, resource: str | None = None, remote: str | None = None,
                              schedule: str | None = None, active_only: bool = False,
                              ) -> rest_backups.ScheduledResources:
        query: dict[str, str | Sequence[str] | None] = filters(rsc=resource, remote=remote, schedule=schedule)
        if active_only:
            query["active-only"] = "True"
        return self._get(rest_backups.ScheduledResources, "view", "schedules-by-resource", query=query)

    def schedule_details(self, resource: str) -> rest_schedules.ScheduleDetails:
        return self._get(rest_schedules.ScheduleDetails, "view", "schedules-by-resource", resource)

    def enable_schedule(self, remote: str, schedule: str, body: rest_schedules.ScheduleEnable) -> Entries:
        return self._write("PUT", *_scheduled(remote, schedule), "enable", body=body)

    def disable_schedule(self, remote: str, schedule: str, body: rest_schedules.ScheduleScope) -> Entries:
        return self._write("PUT", *_scheduled(remote, schedule), "disable", body=body)

    def remove_schedule(self, remote: str, schedule: str, resource: str | None = None,
                        group: str | None = None) -> Entries:
        """Neither on nor off for this definition or group: what is above it decides."""
        return self._write("DELETE", *_scheduled(remote, schedule), "delete",
                           query=filters(rsc_dfn_name=resource, rsc_grp_name=group))


def _scheduled(remote: str, schedule: str) -> tuple[str, ...]:
    return ("remotes", remote, "backups", "schedule", schedule)
