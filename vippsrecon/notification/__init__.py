"""Tell people what a run found, or that it failed: by mail, in a channel of Teams or Slack."""
