"""The public test kit: phantoms and strategies for plugin authors."""
