"""Background work: ingest, train, predict; the only home of Dask, torch and MONAI."""
