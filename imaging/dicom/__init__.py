"""The only home of pydicom: read, group, decode, pseudonymise."""
