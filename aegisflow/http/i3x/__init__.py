"""The plant by i3X 1.0 (CESMII's Industrial Information Interoperability eXchange), to read and nothing else."""
