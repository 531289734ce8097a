"""The compact model: a mix solved in a picture of the console, heard, and solved again."""
