"""What tests stand on: people who do not exist, their files, installations with real keys, databases."""
