package PVE::Tools;

# Runs a program with its input or output on a file handle, as PVE's function of this name does.

use strict;
use warnings;

use base qw(Exporter);
our @EXPORT_OK = qw(run_command);

sub run_command {
    my ($command, %param) = @_;
    my $pid = fork() // die "fork: $!\n";
    if (!$pid) {
        my ($input) = ($param{input} // '') =~ m/\A<&(\d+)\z/;
        my ($output) = ($param{output} // '') =~ m/\A>&(\d+)\z/;
        open(STDIN, '<&', $input) or die "input: $!\n" if defined($input);
        open(STDOUT, '>&', $output) or die "output: $!\n" if defined($output);
        open(STDERR, '>', '/dev/null') or die "errors: $!\n" if $param{errfunc};
        exec { $command->[0] } @{$command} or die "exec: $!\n";
    }
    waitpid($pid, 0);
    die "command '@{$command}' failed: exit code " . ($? >> 8) . "\n" if $?;
    return;
}

1;
