package PVE::Storage::Plugin;

# What the documented interface promises a storage plugin of its parent class; nothing else is here.

use strict;
use warnings;

our @SHARED_STORAGE = ('nfs');

my %registered;

sub register {
    my ($class) = @_;
    $registered{ $class->type() } = $class;
    return;
}

sub write_common_header {
    my ($fh, $size) = @_;
    syswrite($fh, pack('Q<', $size), 8) == 8 or die "header: $!\n";
    return;
}

sub read_common_header {
    my ($fh) = @_;
    (sysread($fh, my $size, 8) // 0) == 8 or die "no header\n";
    return unpack('Q<', $size);
}

1;
