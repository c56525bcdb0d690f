"""What is automated, and whether it does as well."""
