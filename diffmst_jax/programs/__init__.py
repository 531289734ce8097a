"""What train.py and evaluate.py share: settings from the command line, folders, display, stops."""
