"""What each command of the program does; a command's module is imported when it is asked for."""
