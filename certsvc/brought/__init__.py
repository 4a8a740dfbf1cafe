"""What people bring to be checked: which kind it is (`kinds`), and what is in a ZIP (`zip_file`)."""
