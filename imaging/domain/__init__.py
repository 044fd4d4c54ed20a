"""The frozen records of the workspace, one file per noun."""
