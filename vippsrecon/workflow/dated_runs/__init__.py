"""Reports in one folder per month or day: made whole, described by a manifest, caught up."""
