"""Pictures that people bring: the codes in them (`codes.read_codes`)."""
