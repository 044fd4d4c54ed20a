"""The JSON of the API: Cytomine's shapes and ours in the same style."""
