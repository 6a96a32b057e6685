#!/usr/bin/perl -T
# Calls methods of the module as Proxmox VE does, in taint mode: one JSON object a line in, one out.
#
# {"method", "arguments", "context": "list" or "scalar", "collect": index of an argument to be sent back,
#  "file": [index of an argument, "<" or ">", path]}
use strict;
use warnings;

use JSON;
use Scalar::Util qw(tainted);

use PVE::Storage;
use PVE::Storage::Custom::LinstorCorePlugin;

my ($socket, $version) = map { m/\A(.*)\z/s ? $1 : undef } @ARGV;
$ENV{PATH} = '/usr/bin:/bin';
delete @ENV{qw(IFS CDPATH ENV BASH_ENV)};
$PVE::Storage::Custom::LinstorCorePlugin::SOCKET = $socket;
$PVE::Storage::api_version = int($version) if $version;
my $class = 'PVE::Storage::Custom::LinstorCorePlugin';
$class->register();

my @warnings;
local $SIG{__WARN__} = sub { push @warnings, $_[0] };
local $| = 1;

sub has_taint {
    my ($value) = @_;
    return grep { has_taint($_) } @{$value} if ref($value) eq 'ARRAY';
    return (grep { tainted($_) } keys %{$value}) || grep { has_taint($_) } values %{$value} if ref($value) eq 'HASH';
    return tainted($value);
}

# What the caller says counts as checked, as it does in Proxmox VE's daemons.
sub trusted {
    my ($value) = @_;
    return [map { trusted($_) } @{$value}] if ref($value) eq 'ARRAY';
    return { map { trusted($_) } %{$value} } if ref($value) eq 'HASH';
    return $value if !defined($value) || ref($value);
    return $value =~ m/\A(.*)\z/s ? $1 : undef;
}

while (my $line = <STDIN>) {
    my $asked = trusted(decode_json($line));
    my @arguments = @{ $asked->{arguments} // [] };
    my $method = $asked->{method};
    my $handle;
    if (my $file = $asked->{file}) {
        my ($index, $mode, $path) = @{$file};
        open($handle, $mode, $path) or die "$path: $!\n";
        $arguments[$index] = $handle;
    }
    @warnings = ();
    my @result = eval { $asked->{context} eq 'list' ? $class->$method(@arguments) : scalar($class->$method(@arguments)) };
    my $failure = $@;
    close($handle) if $handle;
    my $reply = $failure ? { died => $failure } : { result => \@result };
    $reply->{tainted} = has_taint(\@result) ? JSON::true : JSON::false;
    $reply->{warnings} = [@warnings];
    $reply->{collected} = $arguments[$asked->{collect}] if defined($asked->{collect});
    print encode_json($reply), "\n";
}
