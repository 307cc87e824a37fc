"""Write what a scheduler needs to reconcile by itself: cron, systemd, Windows, GitHub Actions."""
