"""Controller, satellites, network, disks, database and clock in one process, under virtual time and a seed."""
