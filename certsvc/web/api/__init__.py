"""The same answers for programs, as JSON, with their description and a reference page."""
