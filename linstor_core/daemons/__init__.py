"""What every daemon owes its administrator: settings from a file, a log, word to the supervisor, a clean end."""
