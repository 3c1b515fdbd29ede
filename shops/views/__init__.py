"""The screens of shops, a file for each thing that staff do."""
