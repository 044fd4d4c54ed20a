"""The managers of one project, all behind one gate."""
