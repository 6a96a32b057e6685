# Copyright (c) the authors of linstor-proxmox
# SPDX-License-Identifier: Apache-2.0
package PVE::Storage::Custom::LinstorCorePlugin;

# Turns Proxmox VE's calls into calls of the endpoint on this node (python3 -m linstor_proxmox.endpoint). Nothing is
# decided here: what is done, what is refused and in which words is up to the endpoint. What it answers is matched
# against the few characters that names, paths and numbers have, because Proxmox VE's daemons run in taint mode.

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use JSON;
use Socket qw(SOCK_STREAM);

use PVE::Storage::Plugin;
use PVE::Tools qw(run_command);

use base qw(PVE::Storage::Plugin);

our $VERSION = '0.1.0';

# Where the endpoint listens. A test has another place.
our $SOCKET = '/run/linstor-proxmox/endpoint.sock';

my $OLDEST_API = 9;
my $NEWEST_API = 15;
my $TYPE = 'linstorcore';

# Seconds. The endpoint answers earlier by itself; these end the wait for one that hangs.
my $STATUS_TIMEOUT = 5;
my $CALL_TIMEOUT = 300;

# Storages that are not in this list are taken for local ones, and their guests could not migrate.
push @PVE::Storage::Plugin::SHARED_STORAGE, $TYPE
    if !grep { $_ eq $TYPE } @PVE::Storage::Plugin::SHARED_STORAGE;

# Registration

# The host refuses a plugin that is newer than itself, and warns of one that is older.
sub api {
    my $host = PVE::Storage->can('APIVER') ? PVE::Storage::APIVER() : $NEWEST_API;
    die "this plugin needs the storage API $OLDEST_API or newer, the host has $host\n" if $host < $OLDEST_API;
    return $host < $NEWEST_API ? $host : $NEWEST_API;
}

sub type {
    return $TYPE;
}

sub plugindata {
    return {
        content => [{ images => 1, rootdir => 1 }, { images => 1 }],
        format => [{ raw => 1 }, 'raw'],
        'sensitive-properties' => {},
    };
}

sub properties {
    return {
        "$TYPE-controllers" => {
            description => 'LINSTOR controllers, separated by commas: host names, or linstor:// and linstor+ssl:// URIs.',
            type => 'string',
        },
        "$TYPE-group" => {
            description => 'The LINSTOR resource group that says how volumes of this storage are placed.',
            type => 'string',
            pattern => '[A-Za-z_][A-Za-z0-9_-]{1,47}',
        },
        "$TYPE-secrets" => {
            description => 'A JSON file of mode 0600 with what the controllers want to know of the caller.',
            type => 'string',
            format => 'pve-storage-path',
        },
        "$TYPE-takeover" => {
            description => 'Serve the volumes that the plugin of type drbd made in the same resource group, too.',
            type => 'boolean',
            default => 0,
        },
    };
}

sub options {
    return {
        "$TYPE-controllers" => { optional => 1 },
        "$TYPE-group" => { fixed => 1 },
        "$TYPE-secrets" => { optional => 1 },
        "$TYPE-takeover" => { optional => 1 },
        bwlimit => { optional => 1 },
        content => { optional => 1 },
        disable => { optional => 1 },
        nodes => { optional => 1 },
        shared => { optional => 1 },
    };
}

# The way to the endpoint

sub _text {
    my ($value) = @_;
    return defined($value) ? "$value" : undef;
}

sub _endpoint {
    my ($call, $scfg, $storeid, $arguments, $timeout) = @_;

    my %config = map { $_ => _text($scfg->{$_}) } grep { m/^\Q$TYPE\E-/ } keys %{$scfg};
    my $request = { call => $call, storage => _text($storeid), config => \%config, arguments => $arguments // {} };
    my $line = _exchange($call, encode_json($request) . "\n", $timeout // $CALL_TIMEOUT);
    my $reply = eval { decode_json($line) };
    die "linstor-proxmox: $call: the endpoint hung up (see: journalctl -u linstor-proxmox)\n" if ref($reply) ne 'HASH';
    die "$reply->{error}\n" if defined($reply->{error});
    return $reply->{result};
}

sub _exchange {
    my ($call, $line, $timeout) = @_;

    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $SOCKET)
        or die "linstor-proxmox: no endpoint at $SOCKET: $! (start it: systemctl start linstor-proxmox.socket)\n";
    print {$socket} $line or die "linstor-proxmox: $call: $!\n";
    $socket->flush() or die "linstor-proxmox: $call: $!\n";
    my $select = IO::Select->new($socket);
    my $end = time() + $timeout;
    my $reply = '';
    while ($reply !~ m/\n\z/) {
        my $remaining = $end - time();
        die "linstor-proxmox: $call: no answer within $timeout s\n" if $remaining <= 0 || !$select->can_read($remaining);
        my $count = sysread($socket, $reply, 65536, length($reply));
        next if !defined($count) && $!{EINTR};
        last if !$count;
    }
    close($socket) or warn "linstor-proxmox: $call: $!\n";
    return $reply;
}

# What came back, untainted; undef stays.

sub _untainted {
    my ($value, $pattern, $kind) = @_;
    my $clean;
    if (defined($value)) {
        ($clean) = $value =~ m/\A($pattern)\z/
            or die "linstor-proxmox: the endpoint answered what is no $kind\n";
    }
    return $clean;
}

sub _word {
    my ($value) = @_;
    return _untainted($value, qr/[a-z0-9]+/, 'word');
}

sub _volname {
    my ($value) = @_;
    return _untainted($value, qr{[A-Za-z0-9][A-Za-z0-9_./+-]*}, 'volume name');
}

sub _number {
    my ($value) = @_;
    my $number = _untainted($value, qr/-?\d+/, 'number');
    return defined($number) ? int($number) : undef;
}

sub _path {
    my ($value) = @_;
    return _untainted($value, qr{/[A-Za-z0-9_./@+-]+}, 'path');
}

sub _snapshot {
    my ($value) = @_;
    return _untainted($value, qr/[A-Za-z0-9_.-]+/, 'snapshot name');
}

sub _notes {
    my ($value) = @_;
    return _untainted($value, qr/[^\0]*/s, 'text');
}

sub _of {
    my ($volname, $snapname) = @_;
    return { volname => _text($volname), snapname => _text($snapname) };
}

# Configuration

sub on_add_hook {
    my ($class, $storeid, $scfg, %param) = @_;
    _endpoint('check_storage', $scfg, $storeid);
    return;
}

sub on_update_hook_full {
    my ($class, $storeid, $scfg, $update, $delete, $sensitive) = @_;
    my %wanted = (%{$scfg}, %{ $update // {} });
    delete @wanted{ @{ $delete // [] } };
    _endpoint('check_storage', \%wanted, $storeid);
    return;
}

sub get_identity {
    my ($class, $scfg, $storeid) = @_;
    return _untainted(_endpoint('get_identity', $scfg, $storeid), qr{[\w:./-]+}, 'identity');
}

sub status {
    my ($class, $storeid, $scfg, $cache) = @_;
    my $found = _endpoint('status', $scfg, $storeid, undef, $STATUS_TIMEOUT);
    return map { _number($_) } @{$found};
}

# Names and paths. What a name says never changes, and daemons ask for the same ones over and over.

my %parsed;
my $MOST_PARSED = 20_000;

sub parse_volname {
    my ($class, $volname) = @_;
    my $found = $parsed{$volname};
    if (!$found) {
        my $answer = _endpoint('parse_volname', { "$TYPE-group" => '-' }, '-', _of($volname));
        my ($vtype, $name, $vmid, $basename, $basevmid, $is_base, $format) = @{$answer};
        $found = [
            _word($vtype), _volname($name), _number($vmid), _volname($basename), _number($basevmid),
            $is_base ? 'base-' : undef, _word($format),
        ];
        %parsed = () if keys(%parsed) >= $MOST_PARSED;
        $parsed{$volname} = $found;
    }
    return @{$found};
}

sub filesystem_path {
    my ($class, $scfg, $volname, $snapname) = @_;
    die "linstor-proxmox: the path of '$volname' depends on its storage: ask for path() instead\n";
}

sub path {
    my ($class, $scfg, $volname, $storeid, $snapname) = @_;
    my $found = _endpoint('path', $scfg, $storeid, _of($volname, $snapname));
    my ($path, $vmid, $vtype) = @{$found};
    $path = _path($path);
    return wantarray ? ($path, _number($vmid), _word($vtype)) : $path;
}

# Volumes

sub alloc_image {
    my ($class, $storeid, $scfg, $vmid, $fmt, $name, $size) = @_;
    my $arguments = { vmid => _text($vmid), format => _text($fmt), name => _text($name), size_kib => _text($size) };
    return _volname(_endpoint('alloc_image', $scfg, $storeid, $arguments));
}

sub free_image {
    my ($class, $storeid, $scfg, $volname, $is_base, $format) = @_;
    _endpoint('free_image', $scfg, $storeid, _of($volname));
    return;
}

sub list_images {
    my ($class, $storeid, $scfg, $vmid, $vollist, $cache) = @_;
    my $arguments = { vmid => _text($vmid), vollist => $vollist };
    my $found = _endpoint('list_images', $scfg, $storeid, $arguments);
    my @images;
    for my $image (@{$found}) {
        my $entry = {
            volid => _untainted($image->{volid}, qr{[A-Za-z0-9][A-Za-z0-9_./:+-]*}, 'volume ID'),
            format => 'raw',
            size => _number($image->{size}),
            vmid => _number($image->{vmid}),
        };
        $entry->{parent} = _volname($image->{parent}) if defined($image->{parent});
        $entry->{notes} = _notes($image->{notes}) if defined($image->{notes});
        $entry->{protected} = 1 if $image->{protected};
        push @images, $entry;
    }
    return \@images;
}

sub volume_size_info {
    my ($class, $scfg, $storeid, $volname, $timeout) = @_;
    my $size = _number(_endpoint('volume_size_info', $scfg, $storeid, _of($volname), $timeout));
    return wantarray ? ($size, 'raw', 0, undef) : $size;
}

sub volume_resize {
    my ($class, $scfg, $storeid, $volname, $size, $running, $snapname) = @_;
    _endpoint('volume_resize', $scfg, $storeid, { %{ _of($volname, $snapname) }, size => _text($size) });
    return 1;
}

sub rename_volume {
    my ($class, $scfg, $storeid, $source_volname, $target_vmid, $target_volname) = @_;
    my $arguments = { volname => _text($source_volname), vmid => _text($target_vmid), target => _text($target_volname) };
    return "$storeid:" . _volname(_endpoint('rename_volume', $scfg, $storeid, $arguments));
}

sub create_base {
    my ($class, $storeid, $scfg, $volname) = @_;
    return _volname(_endpoint('create_base', $scfg, $storeid, _of($volname)));
}

sub clone_image {
    my ($class, $scfg, $storeid, $volname, $vmid, $snap) = @_;
    return _volname(_endpoint('clone_image', $scfg, $storeid, { %{ _of($volname, $snap) }, vmid => _text($vmid) }));
}

sub volume_has_feature {
    my ($class, $scfg, $feature, $storeid, $volname, $snapname, $running, $opts) = @_;
    my $formats = $opts ? $opts->{valid_target_formats} : undef;
    my $arguments = { %{ _of($volname, $snapname) }, feature => _text($feature), target_formats => $formats };
    return _endpoint('volume_has_feature', $scfg, $storeid, $arguments) ? 1 : undef;
}

# Use on this node

sub activate_storage {
    my ($class, $storeid, $scfg, $cache) = @_;
    return;
}

sub deactivate_storage {
    my ($class, $storeid, $scfg, $cache) = @_;
    return;
}

sub activate_volume {
    my ($class, $storeid, $scfg, $volname, $snapname, $cache, $hints) = @_;
    _endpoint('activate_volume', $scfg, $storeid, _of($volname, $snapname));
    return;
}

sub deactivate_volume {
    my ($class, $storeid, $scfg, $volname, $snapname, $cache) = @_;
    _endpoint('deactivate_volume', $scfg, $storeid, _of($volname, $snapname));
    return;
}

sub map_volume {
    my ($class, $storeid, $scfg, $volname, $snapname, $hints) = @_;
    return _path(_endpoint('map_volume', $scfg, $storeid, _of($volname, $snapname)));
}

sub unmap_volume {
    my ($class, $storeid, $scfg, $volname, $snapname) = @_;
    return 1;
}

# What administrators say of a volume

sub get_volume_attribute {
    my ($class, $scfg, $storeid, $volname, $attribute) = @_;
    my $arguments = { volname => _text($volname), attribute => _text($attribute) };
    my $found = _notes(_endpoint('get_volume_attribute', $scfg, $storeid, $arguments));
    return defined($found) && $attribute eq 'protected' ? int($found) : $found;
}

sub update_volume_attribute {
    my ($class, $scfg, $storeid, $volname, $attribute, $value) = @_;
    my $arguments = { volname => _text($volname), attribute => _text($attribute), value => _text($value) };
    _endpoint('update_volume_attribute', $scfg, $storeid, $arguments);
    return;
}

# Releases before Proxmox VE 7.1's attributes ask for notes by these names.
sub get_volume_notes {
    my ($class, $scfg, $storeid, $volname, $timeout) = @_;
    return $class->get_volume_attribute($scfg, $storeid, $volname, 'notes');
}

sub update_volume_notes {
    my ($class, $scfg, $storeid, $volname, $notes, $timeout) = @_;
    return $class->update_volume_attribute($scfg, $storeid, $volname, 'notes', $notes);
}

# Snapshots

sub volume_snapshot {
    my ($class, $scfg, $storeid, $volname, $snap) = @_;
    _endpoint('volume_snapshot', $scfg, $storeid, _of($volname, $snap));
    return;
}

sub volume_snapshot_delete {
    my ($class, $scfg, $storeid, $volname, $snap, $running) = @_;
    _endpoint('volume_snapshot_delete', $scfg, $storeid, _of($volname, $snap));
    return;
}

sub volume_rollback_is_possible {
    my ($class, $scfg, $storeid, $volname, $snap, $blockers) = @_;
    my $found = _endpoint('volume_rollback_is_possible', $scfg, $storeid, _of($volname, $snap));
    push @{$blockers}, map { _snapshot($_) } @{ $found->{blockers} } if $blockers;
    my @reasons = @{ $found->{reasons} };
    die "can't rollback '$volname' to '$snap': " . join(' ', @reasons) . "\n" if @reasons;
    return 1;
}

sub volume_snapshot_rollback {
    my ($class, $scfg, $storeid, $volname, $snap) = @_;
    _endpoint('volume_snapshot_rollback', $scfg, $storeid, _of($volname, $snap));
    return;
}

sub volume_snapshot_info {
    my ($class, $scfg, $storeid, $volname) = @_;
    my $found = _endpoint('volume_snapshot_info', $scfg, $storeid, _of($volname));
    my $snapshots = {};
    for my $name (keys %{$found}) {
        my $entry = $found->{$name};
        $snapshots->{ _snapshot($name) } = {
            id => _untainted($entry->{id}, qr{[\w./-]+}, 'snapshot identifier'),
            timestamp => _number($entry->{timestamp}),
            'virtual-size' => _number($entry->{'virtual-size'}),
        };
    }
    return $snapshots;
}

# Containers are backed up from a copy that is mounted without replaying its journal.
sub volume_snapshot_needs_fsfreeze {
    return 1;
}

sub volume_qemu_snapshot_method {
    my ($class, $storeid, $scfg, $volname) = @_;
    return 'storage';
}

sub rename_snapshot {
    my ($class, $scfg, $storeid, $volname, $source_snap, $target_snap) = @_;
    die "snapshots of type '$TYPE' can't be renamed\n";
}

# Moving data in and out: a header of eight bytes with the size, then the bytes of the volume

sub volume_export_formats {
    my ($class, $scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots) = @_;
    return _formats('volume_export_formats', $scfg, $storeid, $volname, $base_snapshot, $with_snapshots);
}

sub volume_import_formats {
    my ($class, $scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots) = @_;
    return _formats('volume_import_formats', $scfg, $storeid, $volname, $base_snapshot, $with_snapshots);
}

sub _formats {
    my ($call, $scfg, $storeid, $volname, $base_snapshot, $with_snapshots) = @_;
    my $arguments =
        { volname => _text($volname), base_snapshot => _text($base_snapshot), with_snapshots => _text($with_snapshots) };
    my $found = _endpoint($call, $scfg, $storeid, $arguments);
    return map { _untainted($_, qr/[a-z0-9+]+/, 'format') } @{$found};
}

sub volume_export {
    my ($class, $scfg, $storeid, $fh, $volname, $format, $snapshot, $base_snapshot, $with_snapshots) = @_;

    my @formats = $class->volume_export_formats($scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots);
    die "volume export format $format not available for $class\n" if !grep { $_ eq $format } @formats;
    my $size = $class->volume_size_info($scfg, $storeid, $volname);
    my $path = $class->map_volume($storeid, $scfg, $volname, $snapshot);
    if (defined($snapshot)) {
        my $info = $class->volume_snapshot_info($scfg, $storeid, $volname)->{$snapshot};
        $size = $info->{'virtual-size'} if $info;
    }
    PVE::Storage::Plugin::write_common_header($fh, $size);
    my $copy = ['dd', "if=$path", 'bs=1M', "count=$size", 'iflag=count_bytes,fullblock', 'status=progress'];
    eval { run_command($copy, output => '>&' . fileno($fh), errfunc => sub { print STDERR "$_[0]\n" }) };
    my $failure = $@;
    $class->deactivate_volume($storeid, $scfg, $volname, $snapshot) if defined($snapshot);
    die $failure if $failure;
    return;
}

sub volume_import {
    my (
        $class, $scfg, $storeid, $fh, $volname, $format, $snapshot, $base_snapshot, $with_snapshots, $allow_rename,
    ) = @_;

    my @formats = $class->volume_import_formats($scfg, $storeid, $volname, $snapshot, $base_snapshot, $with_snapshots);
    die "volume import format '$format' not available for $class\n" if !grep { $_ eq $format } @formats;
    my (undef, $name, $vmid) = $class->parse_volname($volname);
    my $is_there = @{ $class->list_images($storeid, $scfg, undef, ["$storeid:$volname"]) };
    die "volume '$storeid:$volname' already exists\n" if $is_there && !$allow_rename;
    my ($size) = PVE::Storage::Plugin::read_common_header($fh);
    my $wanted = $is_there || $name !~ m/^(?:vm|pm)-/ ? undef : $name;
    my $allocated = $class->alloc_image($storeid, $scfg, $vmid, 'raw', $wanted, int(($size + 1023) / 1024));
    eval {
        my $path = $class->map_volume($storeid, $scfg, $allocated);
        run_command(['dd', "of=$path", 'bs=64k', 'conv=fsync'], input => '<&' . fileno($fh));
        $class->deactivate_volume($storeid, $scfg, $allocated);
    };
    if (my $failure = $@) {
        eval { $class->free_image($storeid, $scfg, $allocated, 0, 'raw'); 1 } or warn $@;
        die $failure;
    }
    return "$storeid:$allocated";
}

1;
