"""What people bring to be checked: which kind it is (`kinds`), what is in a ZIP (`zip_file`) or a mail."""
