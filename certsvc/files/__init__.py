"""Where bytes rest outside the database: folders today."""
