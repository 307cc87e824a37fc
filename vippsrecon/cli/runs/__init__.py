"""One run of `reconcile`, and runs that have a folder for each period."""
