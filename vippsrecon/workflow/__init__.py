"""One function behind each main job."""
