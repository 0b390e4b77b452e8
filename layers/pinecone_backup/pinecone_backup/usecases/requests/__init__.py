"""What people and programs ask for through the API, one use case each."""
