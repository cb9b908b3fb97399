"""Named recipes, one JSON file each."""
