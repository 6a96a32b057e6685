package PVE::Storage;

# The version of the storage API that the host is said to have.

use strict;
use warnings;

our $api_version = 15;

sub APIVER { return $api_version }

1;
