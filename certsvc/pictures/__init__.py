"""Pictures that people bring: the codes in them (`codes`)."""
